#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The parameters of the module: each row of the tables is one insmod. Which
# pools there are then is looked at in debugfs, in the log and in the page
# allocator. What values mean is the same on all kernels, so that most are tried on
# one, without debugging, on x86_64. What depends on the kernel is tried on each;
# the kernel's command line and other zones are in tests/matrix.

. "$(dirname "$0")/functions.sh"
start module zones

# PARAMETERS | sizes of kernel, dma, dma32 | what the log says
# Sizes: bytes with K and M, D the default, Q a quarter of the zone. More texts: more |.
everywhere="
coherent_pool=0                            | 0    0    0    | atomic pools disabled by coherent_pool=0
coherent_pool=7                            | D    D    D    |
coherent_pool=$PAGE                        | $PAGE $PAGE $PAGE |
coherent_pool=kernel:5M,dma32,dma:1536K    | 5M   1536K D   |
coherent_pool=kernel:16M                   | 16M  0    0    |
"
if ! has_users; then
	everywhere+='
coherent_pool_size=256K                    | 0    0    0    | no atomic pools | coherent_pool_size=256K ignored
'
fi

good='
coherent_pool=1                            | D    0    0    |
coherent_pool=2                            | 0    D    0    |
coherent_pool=3                            | D    D    0    |
coherent_pool=4                            | 0    0    D    |
coherent_pool=5                            | D    0    D    |
coherent_pool=6                            | 0    D    D    |
coherent_pool=07                           | D    D    D    |
coherent_pool=0x7                          | D    D    D    |
coherent_pool=5 coherent_pool_size=256K    | 256K 0    256K |
coherent_pool_size=256K coherent_pool=5    | 256K 0    256K |
coherent_pool=2 coherent_pool_size=128K    | 0    128K 0    |
coherent_pool=5 coherent_pool_size=4M      | 4M   0    4M   |
coherent_pool=7 coherent_pool_size=4M      | 4M   Q    4M   | coherent_pool=7: a dma pool of 4M is more than a quarter of its zone
coherent_pool=1 coherent_pool_size=64K     | 128K 0    0    | coherent_pool_size=64K is not from 128K to 4M
coherent_pool=1 coherent_pool_size=0       | 128K 0    0    | coherent_pool_size=0 is not from 128K to 4M
coherent_pool=1 coherent_pool_size=8M      | 4M   0    0    | coherent_pool_size=8M is not from 128K to 4M
coherent_pool=64K                          | 64K  64K  64K  |
coherent_pool=128k                         | 128K 128K 128K |
coherent_pool=1048576                      | 1M   1M   1M   |
coherent_pool=0x200000                     | 2M   2M   2M   |
coherent_pool=2M                           | 2M   2M   2M   |
coherent_pool=3M                           | 3M   3M   3M   |
coherent_pool=16M                          | 16M  Q    16M  | coherent_pool=16M: a dma pool of 16M is more than a quarter of its zone
coherent_pool=1M-8M                        | 1M   1M   1M   |
coherent_pool=kernel:1M,dma:64K-2M         | 1M   64K  0    |
coherent_pool=dma:64K-64M                  | 0    64K  0    | coherent_pool=dma:64K-64M: a dma pool of up to 64M is more than its zone has
coherent_pool=dma:8M-12M                   | 0    Q    0    | coherent_pool=dma:8M-12M: a dma pool of 8M is more than a quarter of its zone
coherent_pool=2M coherent_pool_size=256K   | 2M   2M   2M   | coherent_pool_size=256K ignored
coherent_pool=kernel                       | D    0    0    |
coherent_pool=dma32                        | 0    0    D    |
coherent_pool=dma,kernel                   | D    D    0    |
coherent_pool=dma32:1M                     | 0    0    1M   |
coherent_pool=kernel:2M,dma:64K            | 2M   64K  0    |
coherent_pool=dma:64K coherent_pool_size=1M | 0   64K  0    | coherent_pool_size=1M ignored
coherent_pool=7 coherent_pool=2            | 0    D    0    |
coherent_pool=kernel:2M coherent_pool=dma32:64K | 0 0  64K  |
coherent_pool=2M coherent_pool=0           | 0    0    0    | disabled by coherent_pool=0
coherent_pool=0 coherent_pool=64K          | 64K  64K  64K  |
coherent_pool=1 coherent_pool_size=2M coherent_pool_size=512K | 512K 0 0 |
'
# Longer than what the kernel keeps of its own command line
zeros=$(printf '%0140d' 0)
good+="
coherent_pool=kernel:${zeros}1M,dma32:64K  | 1M   0    64K  |
coherent_pool=1 coherent_pool_size=${zeros}1M | 1M 0   0    |
"

# PARAMETER with a value that is none. What the log quotes is the value, or the
# start of one that is long.
bad_everywhere="
coherent_pool=banana
coherent_pool=$((PAGE - 1))
coherent_pool_size=1Mx
"
bad='
coherent_pool=8
coherent_pool=9
coherent_pool=Kernel
coherent_pool=2Mx
coherent_pool=2MB
coherent_pool=1.5M
coherent_pool=-1
coherent_pool=+1M
coherent_pool=
coherent_pool=0x
coherent_pool=08
coherent_pool=99999999999999999999
coherent_pool=0xffffffffffffffffff
coherent_pool=16E
coherent_pool=1M-
coherent_pool=-8M
coherent_pool=8M-1M
coherent_pool=1-7
coherent_pool=1M-100
coherent_pool=1M-16E
coherent_pool=kernel:
coherent_pool=kernel:banana
coherent_pool=kernel:1M-
coherent_pool=kernel:2M-1M
coherent_pool=kernel:100
coherent_pool=kernel:0
coherent_pool=kernel,kernel
coherent_pool=kernel:1M,dma,kernel:2M
coherent_pool=normal:1M
coherent_pool=,kernel
coherent_pool=kernel,
coherent_pool=kernel:1M:2M
coherent_pool=7,kernel
coherent_pool=kernel;dma
coherent_pool_size=banana
coherent_pool_size=
coherent_pool_size=-1
coherent_pool_size=18446744073709551616
'
bad+="
coherent_pool=kernel:${zeros}1M,
coherent_pool_size=${zeros}1Mx
"

default=$(default_size)
zone_names=(Normal DMA DMA32)
log_names=([0]='GFP_KERNEL' [1]='GFP_KERNEL|GFP_DMA' [2]='GFP_KERNEL|GFP_DMA32')

# The free pages of each zone, with those that the C pools will give back.
note_memory() {
	settle
	free_memory
	memory_slack
	slack=("$slack_kernel" "$slack_dma" "$slack_dma32")
	sizes
	without=($((free_kernel + size_kernel / PAGE)) $((free_dma + size_dma / PAGE))
		$((free_dma32 + size_dma32 / PAGE)))
}

good_row() { # PARAMETERS SIZES TEXT...
	local -a words sizes have free without slack yes=() no=()
	local i=0 pool want taken off
	read -r -a words <<<"$1"
	read -r -a sizes <<<"$2"
	shift 2
	note_memory
	must_load ${words[@]+"${words[@]}"} || return
	sizes
	have=("$size_kernel" "$size_dma" "$size_dma32")
	free_memory
	free=("$free_kernel" "$free_dma" "$free_dma32")
	for pool in $ZONES; do
		want=${sizes[i]}
		case $want in
		Q) expect_equal "the $pool pool" "${have[i]}" "$(quarter "${zone_names[i]}")" ;;
		D) expect_equal "the $pool pool" "${have[i]}" "$default" ;;
		*) expect_equal "the $pool pool" "${have[i]}" "$(bytes "$want")" ;;
		esac
		taken=$((without[i] - free[i]))
		off=$((taken - have[i] / PAGE))
		[ "${off#-}" -le "${slack[i]}" ] ||
			fail_with "a $pool pool of $((have[i] / PAGE)) pages took $taken of its zone"
		if [ "${have[i]}" -gt 0 ]; then
			yes+=("$NAME: DMA: preallocated $((have[i] / 1024)) KiB ${log_names[i]} pool for atomic allocations")
		else
			no+=("KiB ${log_names[i]} pool for")
		fi
		i=$((i + 1))
	done
	log_has ${yes[@]+"${yes[@]}"} "$@"
	log_has_not ${no[@]+"${no[@]}"}
	log_has_not "memory is short"
	must_unload
}

# The most that a pool has at first, in bytes.
quarter() { # ZONE
	local pages
	pages=$(($(managed "$1") / PAGE / 4))
	echo $((pages * PAGE))
}

# Less of a zone is free than a pool may have: the pool is smaller then, and the log
# says by how much.
short_of_memory() {
	local have want
	want=$(quarter DMA)
	# The pool has this and what C gives back.
	echo "dma $((want / 8))" >"$TEST/hog" || fail_with "the zone cannot be filled"
	note_memory
	must_load "coherent_pool=dma:$want" || return
	have=$(size_of dma)
	if [ "$have" = 0 ] || [ "$have" -ge "$want" ]; then
		fail_with "a pool of $want bytes has $have"
	fi
	[ $((2 * have)) != "$want" ] || fail_with "the pool has as much as it lacks, so that the log may name either"
	log_has "$NAME: DMA: preallocated $((have / 1024)) KiB ${log_names[1]} pool for atomic allocations" \
		"$NAME: DMA: memory is short, the dma pool lacks $(((want - have) / 1024)) of $((want / 1024)) KiB"
	free_memory
	expect_equal "pages of the zone that are taken" $((without[1] - free_dma)) $((have / PAGE))
	must_unload
	echo free >"$TEST/hog"
}

# What is asked of a pool in one piece, up to all of it, is served by a fresh pool of
# that size alone, at once. C's pool of 192K has 256K; 172,928 bytes is what mptsas asks
# for, and is aligned to 256K.
serves_its_size() { # SIZE BYTES
	local pool
	for pool in $ZONES; do
		must_load "coherent_pool=$pool:$1" || return
		expect_equal "the $pool pool" "$(size_of "$pool")" "$(bytes "$1")"
		hold 1 "$2" "$pool" || fail_with "a $pool pool of $1 has no $2 bytes"
		free_held
		must_unload
	done
}

# The values as they are read back; what was not given is empty.
readable() {
	must_load coherent_pool=kernel:256K,dma coherent_pool_size=1M || return
	expect_equal coherent_pool "$(cat $PARAMETERS/coherent_pool)" kernel:256K,dma
	expect_equal coherent_pool_size "$(cat $PARAMETERS/coherent_pool_size)" 1M
	expect_equal "the mode" "$(stat -c %a $PARAMETERS/coherent_pool $PARAMETERS/coherent_pool_size | xargs)" "444 444"
	must_unload
	must_load coherent_pool=2 || return
	expect_equal coherent_pool "$(cat $PARAMETERS/coherent_pool)" 2
	case $(cat $PARAMETERS/coherent_pool_size) in
	'' | '(null)') ;;
	*) fail_with "a parameter that was not given reads '$(cat $PARAMETERS/coherent_pool_size)'" ;;
	esac
	must_unload
}

# EINVAL, one sentence that quotes the value, and the C pools as they were.
bad_row() { # PARAMETER
	local before sentence value=${1#*=}
	# As long as what is quoted of it
	[ ${#value} -le 64 ] || value="${value:0:64}\"..."
	sizes
	before="$size_kernel $size_dma $size_dma32"
	if load "$1"; then
		fail_with "the module loads"
		return
	fi
	[[ $output == *Invalid\ param* ]] || fail_with "insmod says '$output', which is not EINVAL"
	! loaded || fail_with "the module is there"
	log_read
	sentence=$(log_since | grep -F "$NAME: ")
	[[ -n $sentence && $sentence != *$'\n'* ]] || fail_with "'$sentence' is not one sentence"
	[[ $sentence == *"${1%%=*}"* ]] || fail_with "'$sentence' does not name the option"
	[[ $sentence == *"$value"* ]] || fail_with "'$sentence' does not quote '$value'"
	[[ $sentence == *128K*4M* || $sentence == *kernel* ]] ||
		fail_with "'$sentence' does not say what is accepted"
	expect_equal "sizes of the C pools" "$(all_sizes)" "$before"
}

if ! is_debug_kernel && [ "$(uname -m)" = x86_64 ]; then
	everywhere+=$good
	bad_everywhere+=$bad
fi

while IFS='|' read -r parameters sizes text more; do
	[ -n "$sizes" ] || continue
	read -r parameters <<<"$parameters"
	declare -a texts=()
	for each in "$text" "$more"; do
		read -r each <<<"$each"
		[ -z "$each" ] || texts+=("$each")
	done
	add "insmod $parameters" good_row "$parameters" "$sizes" ${texts[@]+"${texts[@]}"}
done <<<"$everywhere"
add "a pool that its zone has no memory for" short_of_memory
add "parameters are readable" readable
for row in 192K:172928 192K:196608 3M:3145728; do
	add "a pool of ${row%:*} serves ${row#*:} bytes" serves_its_size "${row%:*}" "${row#*:}"
done
while read -r parameter; do
	[ -z "$parameter" ] || add "insmod $parameter is refused" bad_row "$parameter"
done <<<"$bad_everywhere"
# What the kernel reads and keeps when it first loads a module is not the pools'.
load coherent_pool=0 && unload
run_tests
