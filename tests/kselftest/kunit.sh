#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The KUnit suites in the module have run and passed. They run at insmod when
# the kernel has CONFIG_DMA_POOL_RUST_KUNIT_TEST=y. A suite vanishes without a word when it is not
# built, so all are named here.

. "$(dirname "$0")/functions.sh"
start module

config DMA_POOL_RUST_KUNIT_TEST y || skip_all "this kernel has no CONFIG_DMA_POOL_RUST_KUNIT_TEST"

names='rust_dma_pool rust_dma_pool_allocator rust_dma_pool_chunk rust_dma_pool_chunk_memory
rust_dma_pool_growth rust_dma_pool_machine rust_dma_pool_shrink rust_dma_pool_table'
! config TRACEPOINTS y || names+=' rust_dma_pool_holdings'
! config DMA_DIRECT_REMAP y || names+=' rust_dma_pool_mapping rust_dma_pool_chunk_phys'

# What the suites said, from the log of insmod. It is KTAP, and below a test's own
# result once it is indented.
suites() { log_since | grep -E '^ *(KTAP version 1$|1\.\.[0-9]|# |(not )?ok [0-9])'; }

ran_and_passed() {
	local ran
	printf '*' >"$KUNIT_FILTER"
	# What suites leak on purpose. They free it themselves.
	expect_warnings 4 "of pool memory that cannot be encrypted again" \
		expect_warnings 1 "of pool memory that is in use" \
		must_load coherent_pool=7 coherent_pool_size=128K
	printf none >"$KUNIT_FILTER"
	loaded || return
	log_read
	suites | sed 's/^/    /'
	ran=$(suites | sed -nE 's/^(not )?ok [0-9]+ ([a-z_0-9]+).*/\2/p' | sort | xargs)
	expect_equal "what ran" "$ran" "$(xargs -n 1 <<<"$names" | sort | xargs)"
	! suites | grep -q '# SKIP' || fail_with "$(suites | grep '# SKIP' | tr -s ' ' | paste -sd';')"
	# A suite whose tests are all filtered out passes, too.
	expect_equal "suites of no test" "$(suites | grep -c '^# Totals: .* total:0$')" 0
	# Not as it stands there: in a reason it would be taken for a result.
	! suites | grep -q 'not ok' ||
		fail_with "these failed: $(suites | sed -nE 's/^ *not ok [0-9]+ ([a-z_0-9]+).*/\1/p' | xargs)"
	must_unload
}

add "suites run at insmod and pass" ran_and_passed
run_tests
