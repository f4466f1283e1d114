# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script here shares: messages, the cache and its lock, and a long
# command shown as one line of progress. Sourced, never run. Which compilers
# are used is toolchain.sh; which kernels exist is variants.sh.
# shellcheck disable=SC2034 # used by those that source this

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
scripts=$top/scripts
build=$top/build
# The pools: *.rs at the top, and these.
source_directories=(memory plan platform policy pool report)
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rust-dma-pool

# Whatever is typed, it runs with the tools of scripts/tools.
if [ -z "${DMA_POOL_IN_TOOLS:-}" ]; then
	exec "$scripts/tools" "$0" "$@"
fi

# ARCH= is for us: which machine is meant. The kernel's make is told by variant.
export DMA_POOL_ARCH=${DMA_POOL_ARCH:-${ARCH:-}}

# make hands its own flags and the variables a person typed down to every
# make below it. The kernel's make must see neither.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
unset ARCH CROSS_COMPILE KBUILD_OUTPUT KBUILD_EXTMOD KCFLAGS KRUSTFLAGS O M

# stdout belongs to results (a path, a test's output), stderr to people.
say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
verbose() { [ -n "${V:-}" ] && [ "$V" != 0 ]; }

# The kernel's build system accepts neither spaces nor colons in a path.
case $cache in
*[[:space:]:]*) die "the cache directory '$cache' has a space or a colon in its name, which the kernel's build cannot take: set XDG_CACHE_HOME to another place" ;;
esac

# take_lock THING: only one run at a time makes a THING in the cache. Removes what
# a killed run left of it half done, in tmp.THING.
take_lock() {
	mkdir -p "$cache/log" 2>/dev/null || die "cannot create the cache $cache: set XDG_CACHE_HOME to a directory that can be written"
	exec 9>"$cache/lock.$1"
	if ! flock -n 9; then
		say "waiting for another run that makes the $1 in $cache"
		flock 9
	fi
	rm -rf "$cache/tmp.$1"
}

# need_space DIRECTORY GIB WHAT
need_space() {
	local free
	free=$(df --output=avail -B1G "$1" | tail -n 1)
	[ "$free" -ge "$2" ] ||
		die "$3 needs about $2 GiB and $1 has ${free// /} GiB left: free some, 'make clean CACHE=1', or set XDG_CACHE_HOME to a larger disk"
}

# digest: 12 hex digits for whatever is on stdin; enough to name a directory.
digest() { sha256sum | cut -c1-12; }

# --- progress ---------------------------------------------------------------

# How far a command is, from its log and from what it is making. Each prints
# what has been done so far, in words.
measure_nothing() { :; }
measure_objects() { # LOG TOTAL
	local n
	n=$(grep -cE '^  [A-Z]' "$1" || true)
	if [ "$2" -gt 0 ]; then
		printf '%d of about %d objects' "$n" "$(($2 > n ? $2 : n))"
	else
		printf '%d objects' "$n"
	fi
}
measure_megabytes() { # DIRECTORY TOTAL_IN_BYTES
	printf '%d of %d MiB' "$(($(du -sb "$1" | cut -f1) >> 20))" "$(($2 >> 20))"
}

elapsed() { printf '%d:%02d' "$(($1 / 60))" "$(($1 % 60))"; }

# progress_line: uses the variables of progress(), which calls it.
progress_line() {
	local done_so_far
	done_so_far=$($measure)
	printf '%s: %s%s' "$label" "${done_so_far:+$done_so_far, }" "$(elapsed $((SECONDS - begin)))"
}

# progress LABEL LOG "MEASURE ARGS" COMMAND...
# Runs COMMAND with its output appended to LOG. A terminal gets one line that
# is rewritten, anything else a line each half minute, V=1 all of it.
progress() {
	local label=$1 log=$2 measure=$3 pid status=0 begin=$SECONDS next=30
	shift 3
	mkdir -p "$(dirname "$log")"
	touch "$log"
	if verbose; then
		say "$label"
		"$@" 2>&1 | tee -a "$log" >&2
		return
	fi
	"$@" >>"$log" 2>&1 </dev/null &
	pid=$!
	# A background command ignores the terminal's ^C; pass it on.
	trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		if [ -t 2 ]; then
			printf '\r\033[K%s' "$(progress_line)" >&2
			sleep 1
		else
			sleep 0.2
			if [ $((SECONDS - begin)) -ge "$next" ]; then
				say "$(progress_line)"
				next=$((next + 30))
			fi
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$status" = 0 ]; then
		say "$label: done ($(elapsed $((SECONDS - begin))))"
		return 0
	fi
	say "$label: failed ($(elapsed $((SECONDS - begin)))); the end of $log:"
	tail -n "${DMA_POOL_LOG_TAIL:-25}" "$log" | sed 's/^/  | /' >&2
	return "$status"
}
