#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory that is refused while the module loads, and while pools grow. The
# module loads with less, or not at all; nothing warns, and afterwards the C
# pools are there as before. Leaks on these paths are found by leaks.sh, which
# runs after this.

. "$(dirname "$0")/functions.sh"
start module zones

pages=$DEBUGFS/fail_page_alloc
slab=$DEBUGFS/failslab
if ! config FAIL_PAGE_ALLOC y || ! config FAILSLAB y || [ ! -d "$pages" ]; then
	skip_all "this kernel has no fault injection"
fi

args=(coherent_pool=7 coherent_pool_size=1M)
nth=/proc/self/fail-nth

# Failures for tasks that ask for it; silent, as what is injected is known.
arm() { # PROBABILITY MINIMAL-ORDER TASKS-ONLY(Y|N)
	local at
	for at in "$pages" "$slab"; do
		echo 0 >"$at/verbose"
		echo N >"$at/ignore-gfp-wait"
		echo -1 >"$at/times"
		echo 0 >"$at/space"
		echo 1 >"$at/interval"
	done
	echo "$3" >"$pages/task-filter"
	echo "$2" >"$pages/min-order"
	echo "$1" >"$pages/probability"
	echo Y >"$slab/task-filter"
	echo 0 >"$slab/probability"
}

disarm() { echo 0 >"$pages/probability"; echo 0 >"$slab/probability"; }

# insmod and all that it reads, in memory: a guest's files come over 9p, whose
# buffers are among the first things that could not be allocated. A request that
# fails so may keep all files from being opened from then on. kselftest's runner
# has each program load libstdbuf.
unset LD_PRELOAD
box=$(mktemp -d)
mount -t tmpfs tmpfs "$box" || bail "no tmpfs for a copy of insmod"
cp "$(command -v insmod)" "$box/insmod"
cp "$MODULE" "$box/module.ko"
for library in $(ldd "$box/insmod" | grep -o '/[^ ]*'); do
	cp "$library" "$box/"
done
loader=$(echo "$box"/ld-linux*)
own_insmod=("$loader" --library-path "$box" --argv0 insmod "$box/insmod" "$box/module.ko")
[ -x "$loader" ] || bail "insmod is not linked to glibc"

# insmod in a task whose allocations may fail.
load_failing() {
	output=$(echo 1 >/proc/self/make-it-fail; exec "${own_insmod[@]}" "$@" 2>&1)
}

as_before() {
	expect_equal "sizes of the C pools" "$(all_sizes)" "$c_sizes"
	tell state=ok fresh=1
	must_pass orders_process
}

# As at boot, whatever has grown since.
fresh_c_pools() { must_load coherent_pool=0 && must_unload; }

c_pools() {
	fresh_c_pools
	c_sizes=$(all_sizes)
	[ "$c_sizes" != "0 0 0" ] || fail_with "no C pools"
}

# No block of this order or more: the pools are made of smaller ones, or are
# smaller; what debugfs says is what there is.
no_large_blocks() { # ORDER
	local loaded_with
	fresh_c_pools
	arm 100 "$1" Y
	if load_failing "${args[@]}"; then
		disarm
		loaded_with=$(all_sizes)
		msg "without blocks of order $1: $loaded_with"
		tell state=ok
		[ "$loaded_with" = "0 0 0" ] || must_pass zero_every_page
		must_unload
	else
		disarm
		msg "without blocks of order $1: $output"
		! loaded || fail_with "insmod fails, but the module is there"
	fi
	as_before
}

# Some blocks of more than a page, another choice each time. Single pages the
# module loader needs as well, and it warns.
some_blocks() { # PROBABILITY
	local i good=0
	fresh_c_pools
	for i in {1..8}; do
		arm "$1" 1 Y
		if load_failing "${args[@]}"; then
			disarm
			good=$((good + 1))
			must_unload
		else
			disarm
			! loaded || fail_with "insmod fails, but the module is there"
		fi
	done
	msg "$good of 8 loaded"
	as_before
}

# gen_pool's own allocation warns when it fails, in C's pools as well.
insmod_nth() { # N
	output=$(echo "$1" >$nth; exec "${own_insmod[@]}" "${args[@]}" 2>&1)
}

# The N-th allocation of insmod fails, for many N: each error path once.
nth_allocation() { # FROM STEP TO
	local i good=0 bad=0
	fresh_c_pools
	arm 0 0 Y
	for ((i = $1; i <= $3; i += $2)); do
		if expect_warnings 0-1 "vmalloc error" insmod_nth "$i"; then
			good=$((good + 1))
			must_unload
		else
			bad=$((bad + 1))
			! loaded || fail_with "insmod fails, but the module is there"
		fi
	done
	disarm
	msg "$good loaded, $bad did not"
	[ $bad -gt 0 ] || fail_with "no allocation failed"
	as_before
}

# Growth is refused what a request needs: the pool has none for it, grow as it
# may by small pieces, and it works again later.
growth_fails() { # PROVIDER
	local pool zone large=$((256 * PAGE))
	[ "$1" = c ] || must_load "${args[@]}" || return
	# Not less: each fork, and each access to a file, needs some pages together.
	arm 100 6 N
	for pool in $ZONES; do
		hold $(($(size_of "$pool") / PAGE - 1)) "$PAGE" "$pool" || fail_with "the $pool pool lacks pages"
	done
	for pool in $ZONES; do hold 1 $large "$pool"; done
	sleep 1
	for pool in $ZONES; do
		# The CMA area lies in the zone of this pool, and CMA does not fail.
		if [ "$pool" = kernel ] && [ "$(meminfo CmaTotal)" -gt 0 ]; then continue; fi
		hold 1 $large "$pool"
		case $pool in kernel) zone=Normal ;; *) zone=${pool^^} ;; esac
		# Another pool may have helped out.
		! grep -q "^wanted=$pool size=$large .*zone=$zone " "$TEST/hold" ||
			fail_with "the $pool pool has $large bytes in one piece"
	done
	disarm
	free_held
	tell state=ok
	must_pass zero_every_page
	[ "$1" = c ] || must_unload
	fresh_c_pools
	as_before
}

add "C pools as configured" c_pools
for order in 1 5 8; do
	add "insmod without blocks of order $order and more" no_large_blocks $order
done
add "insmod with some failing blocks" some_blocks 50
add "insmod with one failing allocation" nth_allocation 20 15 320
add "growth of C without memory" growth_fails c
add "growth of the module without memory" growth_fails rust
trap 'disarm; umount "$box"; rmdir "$box"; finish' EXIT
run_tests
