# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # used by, and set by, those that source this
#
# Counts what passes through the three entry points of the pools, by probes at
# their ends: nothing of the pools' own says so. Sourced after functions.sh of the
# kselftests.
#
# count_begin; ...; count_end sets
#   allocs    requests that were served     frees   blocks that were taken back
#   failed    requests that were not        chunks  pieces that pools were given
#   by_rust   requests that the functions of the module served

# shellcheck source=tests/kselftest/tracing.sh
. "$DIR/tracing.sh"

# The name of a function of the module's, behind its path in the crate.
rust_symbol() { awk -v end="$1\$" '$4 == "[rust_dma_pool]" && $3 ~ end { print $3; exit }' /proc/kallsyms; }

# Of each entry point, which of its arguments are told, too
probe_calls() { # ALLOC FREE FREE_PAGE
	probe "r64:pools/alloc dma_alloc_from_pool $1 page=\$retval"
	probe "r64:pools/free __dma_free_from_pool $2 freed=\$retval:u8"
	probe "r64:pools/free_page __dma_free_from_pool_page $3 freed=\$retval:u8"
	# These are asked about other memory, too, where a table cannot rule out that it is
	# the pools'.
	trace_filter pools/free 'freed != 0'
	trace_filter pools/free_page 'freed != 0'
}

# Sets `warnings`: the failures that this test has been told of so far.
count_warnings() {
	log_read
	warnings=$(log_since | grep -v '^dma_pool_test: ' | grep -c 'DMA pool exhausted for ')
}

count_begin() {
	local symbol
	count_warnings
	warned_before=$warnings
	trace_begin
	probe_calls '' '' ''
	# C and Rust both manage each piece with a gen_pool, and nobody else here
	# has one.
	probe 'p:pools/chunk gen_pool_add_owner'
	if loaded; then
		symbol=$(rust_symbol 8provider5alloc)
		[ -n "$symbol" ] || bail "the module has no provider::alloc()"
		probe "r64:pools/rust_alloc $NAME:$symbol page=\$retval"
	fi
	trace_events pools
}

count_now() {
	read -r allocs failed frees chunks by_rust < <(awk '
		/ alloc: .*page=0x0$/ { failed++; next }
		# An error
		/ rust_alloc: .*page=0xfffffffffffff...$/ { next }
		/ alloc: / { allocs++ }
		/ free: | free_page: / { frees++ }
		/ chunk: / { chunks++ }
		/ rust_alloc: / { rust++ }
		END { print allocs + 0, failed + 0, frees + 0, chunks + 0, rust + 0 }' "$TRACING/trace")
}

count_end() {
	local missed warned
	trace_pause
	count_now
	missed=$(awk '{ n += $NF } END { print n + 0 }' "$TRACING/kprobe_profile")
	missed=$((missed + $(awk '/^(overrun|dropped events):/ { n += $NF } END { print n + 0 }' "$TRACING"/per_cpu/cpu*/stats)))
	[ "$missed" = 0 ] || fail_with "$missed calls were not counted"
	# Of drivers, none asks for memory that it can do without. The pools in Rust say no
	# more than ten lines in five seconds, and a test may count more than once in these.
	count_warnings
	warned=$((warnings - warned_before))
	if [ "$by_rust" = 0 ] || [ "$warnings" -lt 10 ]; then
		expect_equal "the number of warnings" "$warned" "$failed"
	else
		[ "$warned" -le "$failed" ] || fail_with "$warned warnings of $failed failures"
	fi
	trace_end
}
