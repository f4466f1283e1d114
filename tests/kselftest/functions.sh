# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the scripts that source this
#
# What the test scripts share: where things are, KTAP around functions that
# return 0 or not, the check of the kernel log after each, and the pools'
# debugfs files. No test is here.
#
# DMA_POOL_MODULE  the module under test; default: beside this file, then the
#                  top of its repository; "builtin" for the pools of the kernel, for
#                  scripts that can do without a module
# KSFT             the kernel's selftests directory; default: the one that this
#                  is installed in
# DMA_POOL_ONLY    names of tests, with "|" between them, of which alone are run;
#                  the first test of a script, which others may build on, always is

set -u
DIR=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
SCRIPT=$(basename "$0" .sh)

for helpers in "${KSFT:+$KSFT/kselftest/ktap_helpers.sh}" "$DIR/../kselftest/ktap_helpers.sh"; do
	[ ! -e "$helpers" ] || break
done
# shellcheck disable=SC1090 # the kernel's
. "$helpers" || { echo "Bail out! no kselftest/ktap_helpers.sh, set KSFT"; exit 1; }
# shellcheck source=tests/kselftest/memory.sh
. "$DIR/memory.sh"

MODULE=${DMA_POOL_MODULE:-$DIR/rust-dma-pool.ko}
[ -e "$MODULE" ] || MODULE=${DMA_POOL_MODULE:-$DIR/../../rust-dma-pool.ko}
TEST_MODULE=$DIR/test_modules/dma_pool_test.ko
NAME=rust_dma_pool
DEBUGFS=/sys/kernel/debug
POOLS=$DEBUGFS/dma_pools
TEST=$DEBUGFS/dma_pool_test
PARAMETERS=/sys/module/$NAME/parameters
KUNIT_FILTER=/sys/module/kunit/parameters/filter_glob
PAGE=$(getconf PAGESIZE)

skip_all() { ktap_print_header; ktap_skip_all "$*"; exit "$KSFT_SKIP"; }
bail() { ktap_exit_fail_msg "$*"; }
msg() { printf '# %s\n' "$*"; }
config() { zcat /proc/config.gz 2>/dev/null | grep -q "^CONFIG_$1=$2"; }

# A kernel that finds errors in what is tried, ten to twenty times as slowly: a
# part of what differs only in numbers is enough there.
is_debug_kernel() { config KASAN y || config PROVE_LOCKING y; }

# --- tests and results ------------------------------------------------------

# add NAME FUNCTION [ARGUMENT...]: a test. The function says why it fails with
# fail_with; it passes if it never does and returns 0. Where what it needs is not
# there it says so with "skip" and returns: a test that is not added cannot be missed.
declare -a test_names=() test_calls=()
add() {
	[ -z "${DMA_POOL_ONLY:-}" ] || [ ${#test_names[@]} = 0 ] || [[ "|$DMA_POOL_ONLY|" == *"|$1|"* ]] || return 0
	test_names+=("$1")
	shift
	test_calls+=("$(printf '%q ' "$@")")
}

declare -a reasons=()
fail_with() { reasons+=("$*"); return 1; }
skipped=
skip() { skipped=$*; }
expect_equal() { [ "$2" = "$3" ] || fail_with "$1 is $2, not $3"; }

# Runs all that was added, each in this shell, and exits.
run_tests() {
	local i
	[ ${#test_names[@]} -gt 0 ] || bail "no test in $SCRIPT"
	ktap_print_header
	ktap_set_plan ${#test_names[@]}
	for i in "${!test_names[@]}"; do
		reasons=() skipped=
		log_mark "$SCRIPT: ${test_names[i]}"
		eval "${test_calls[i]}" || [ ${#reasons[@]} -gt 0 ] || fail_with "a step failed"
		clean_up
		log_check
		report "${test_names[i]}"
	done
	ktap_finished
}

report() { # NAME
	if [ ${#reasons[@]} -gt 0 ]; then
		printf '# %s\n' "${reasons[@]}"
		ktap_test_fail "$1"
	elif [ -n "$skipped" ]; then
		msg "$skipped"
		ktap_test_skip "$1"
	else
		ktap_test_pass "$1"
	fi
}

# Whatever a test left behind must not decide the next one.
clean_up() {
	[ ! -e "$TEST/load" ] || echo stop 2>/dev/null >"$TEST/load"
	[ ! -e "$TEST/hold" ] || echo free >"$TEST/hold" || fail_with "held blocks are not taken back"
	[ ! -e "$TEST/hog" ] || echo free >"$TEST/hog"
	[ ! -e "$TEST/others" ] || echo end >"$TEST/others"
	! loaded || unload || fail_with "the module does not go: $output"
}

# --- the kernel log ---------------------------------------------------------

# Records are taken as they come: dmesg reads the whole log each time, which on a
# debug kernel takes seconds.
declare -a log_lines=()
mark=
log_reads=0
log_open() {
	local begin="dma_pool_test: $SCRIPT $$ begins to read"
	echo "$begin" >/dev/kmsg
	# What was there before is skipped here, as bash takes a line byte by byte.
	exec {log_fd}< <(exec grep -a --line-buffered -A 2147483647 -F ";$begin" /dev/kmsg 2>/dev/null)
	log_pid=$!
}

# Brings log_lines up to date: the log since log_mark. Not for subshells, which
# would keep what they have read.
log_read() {
	local line end
	end="dma_pool_test: $SCRIPT $$ read $((log_reads += 1))"
	echo "$end" >/dev/kmsg
	while IFS= read -r -t 60 -u "$log_fd" line; do
		# "priority,number,time,flags;text", then indented lines on devices
		[[ $line != ' '* ]] || continue
		line=${line#*;}
		case $line in
		"$end") return ;;
		"$mark") log_lines=() ;;
		*) log_lines+=("$line") ;;
		esac
	done
	fail_with "the kernel log cannot be read"
}

log_mark() {
	mark="dma_pool_test: test $1"
	echo "$mark" >/dev/kmsg
	log_read
}

# The log from log_mark to the last log_read.
log_since() { printf '%s\n' ${log_lines[@]+"${log_lines[@]}"}; }

# What should not be in it, as log.awk prints it.
log_problems() {
	{ echo "$mark"; log_since; } |
		awk -f "$DIR/log.awk" -v mark="$mark" -v complaints="$DIR/complaints" ||
		[ $? = 1 ] || printf 'all\t0\tnobody could judge the log\n'
}

log_check() {
	local test number problem
	log_read
	while IFS=$'\t' read -r test number problem; do
		fail_with "log: $problem"
	done < <(log_problems)
}

log_has() { # TEXT...
	local log text
	log_read
	log=$(log_since)
	for text; do
		[[ $log == *"$text"* ]] || fail_with "the log does not say '$text'"
	done
}

log_has_not() { # TEXT...
	local log text
	log_read
	log=$(log_since)
	for text; do
		[[ $log != *"$text"* ]] || fail_with "the log says '$text'"
	done
}

# expect_warnings N|N-M TEXT COMMAND...: announces that the command makes the kernel
# say TEXT so often, as a warning or as an alarm; log.awk knows what that allows.
expect_warnings() {
	local count=$1 text=$2 status=0
	shift 2
	echo "dma_pool_test: expect $count WARNING: $text" >/dev/kmsg
	"$@" || status=$?
	echo "dma_pool_test: expect end" >/dev/kmsg
	return "$status"
}

# --- modules ----------------------------------------------------------------

loaded() { [ -e "/sys/module/$NAME" ]; }
load() { output=$(insmod "$MODULE" "$@" 2>&1); }
unload() { output=$(rmmod "$NAME" 2>&1); }
must_load() { is_builtin || load "$@" || fail_with "insmod $*: $output"; }
must_unload() { is_builtin || unload || fail_with "rmmod: $output"; }
# As at boot, whatever they have grown by since: they are made anew as the module goes.
fresh_c_pools() { must_load coherent_pool=0 && must_unload; }
# Pools that are built in are those of the boot, and stay.
is_builtin() { [ "$MODULE" = builtin ]; }

# start NEED...: what most scripts begin with; module: the module under test; zones: memory
# for each pool. Sets ZONES, the pools that there is memory for.
start() {
	local need
	[ "$(id -u)" = 0 ] || skip_all "needs root"
	[ -d "$DEBUGFS" ] || skip_all "needs debugfs"
	mountpoint -q "$DEBUGFS" || mount -t debugfs none "$DEBUGFS" || skip_all "needs debugfs"
	ZONES=$(populated)
	for need; do
		case $need in
		module)
			is_builtin || [ -e "$MODULE" ] || bail "no module under test at $MODULE, set DMA_POOL_MODULE"
			! loaded || bail "$NAME is loaded already"
			;;
		zones)
			[ "$ZONES" = 'kernel dma dma32' ] ||
				skip_all "needs memory in all three zones (5 GiB on x86_64)"
			;;
		esac
	done
	log_open
	# A module's suites run each time it is loaded. Once, in kunit.sh, is enough.
	[ ! -e "$KUNIT_FILTER" ] || printf none >"$KUNIT_FILTER"
	if [ ! -e "$TEST" ] && [ "$MODULE" != none ]; then
		insmod "$TEST_MODULE" || bail "$TEST_MODULE does not load"
		trap finish EXIT
	fi
}

# needs_pool POOL: for a test that is only about this one.
needs_pool() { [[ " $ZONES " == *" $1 "* ]] || { skip "there is no memory for a $1 pool"; return 1; }; }

# When a script ends. Who follows may find its standard output busy otherwise.
finish() {
	rmmod dma_pool_test
	kill "$log_pid"
	wait "$log_pid"
} 2>/dev/null

# --- pools ------------------------------------------------------------------

# Sets size_kernel, size_dma and size_dma32 without a process.
sizes() {
	size_kernel=0 size_dma=0 size_dma32=0
	{ read -r size_kernel <"$POOLS/pool_size_kernel" &&
		read -r size_dma <"$POOLS/pool_size_dma" &&
		read -r size_dma32 <"$POOLS/pool_size_dma32"; } 2>/dev/null
}

size_of() { sizes; case $1 in kernel) echo "$size_kernel" ;; dma) echo "$size_dma" ;; *) echo "$size_dma32" ;; esac; }
# A figure of a pool in Rust.
figure() { cat /sys/kernel/debug/dma_pools/"$1"/"$2"; } # POOL NAME
is_size() { [ "$(size_of "$1")" = "$2" ]; } # POOL BYTES
all_sizes() { sizes && echo "$size_kernel $size_dma $size_dma32"; }
# 64K or 2M as a number
bytes() {
	case $1 in
	*K) echo $((${1%K} * 1024)) ;;
	*M) echo $((${1%M} * 1048576)) ;;
	*) echo "$1" ;;
	esac
}

# What the test module is told: state=ok|missing|disabled fresh=0|1
tell() {
	sizes
	echo "kernel=$size_kernel dma=$size_dma dma32=$size_dma32 $*" >"$TEST/pools"
}

# Runs one test of the test module; sets result and returns 0, 1 or 2 (what it
# needs is not there).
run_in_kernel() {
	local status=0
	result=
	echo "$1" 2>/dev/null >"$TEST/run" || status=1
	read -r result <"$TEST/result"
	if [ $status = 1 ] && [[ $result == skipped:* ]]; then
		status=2
	fi
	return $status
}

must_pass() { run_in_kernel "$1" || fail_with "$1: $result"; }
hold() { echo "$*" 2>/dev/null >"$TEST/hold"; } # COUNT SIZE POOL [reject|warn|of-DEVICE]
free_held() { echo free >"$TEST/hold" || fail_with "held blocks are not taken back"; }

# wait_for SECONDS COMMAND...: until it succeeds. Tries are counted: a guest that
# its host has stopped for a while finds that time is over.
wait_for() {
	local tries=$(($1 * 20))
	shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}
