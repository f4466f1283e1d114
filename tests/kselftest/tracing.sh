# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's tracing, for what nothing else shows: events and probes, from trace_begin to
# trace_end. Sourced after functions.sh.

TRACING=/sys/kernel/tracing

needs_tracing() { # FILE
	[ -e "$TRACING/$1" ] || mount -t tracefs none "$TRACING" 2>/dev/null
	[ -e "$TRACING/$1" ] || { skip "this kernel cannot be traced"; return 1; }
}

# An empty trace, in which nothing is noted before trace_events.
trace_begin() {
	trace_end
	echo 16384 >"$TRACING/buffer_size_kb"
	echo >"$TRACING/trace"
}

probe() { echo "$1" >>"$TRACING/kprobe_events" || bail "no probe '$1'"; }

trace_filter() { echo "$2" >"$TRACING/events/$1/filter"; } # GROUP/EVENT FILTER

# They begin together, however many that are.
trace_events() { # GROUP|GROUP/EVENT
	echo 1 >"$TRACING/events/$1/enable"
	echo 1 >"$TRACING/tracing_on"
}

# What was traced stays as it is.
trace_pause() { echo 0 >"$TRACING/tracing_on"; }

# Nothing is switched on any more, and there are no probes.
trace_end() {
	[ -e "$TRACING/events/enable" ] || return 0
	trace_pause
	echo 0 >"$TRACING/events/enable"
	[ ! -e "$TRACING/kprobe_events" ] || echo >"$TRACING/kprobe_events"
}
