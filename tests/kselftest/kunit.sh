#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The KUnit suites in the module have run and passed. They run at insmod when
# the kernel has CONFIG_KUNIT=y; suites that are not there fail this, as they
# vanish without a word when they are not built.

. "$(dirname "$0")/functions.sh"
start module

if ! config KUNIT y; then
	! config KUNIT m || bail "CONFIG_KUNIT=m: the suites in the module are not built, use y"
	skip_all "this kernel has no CONFIG_KUNIT"
fi

# What the suites said, from the log of insmod. It is KTAP, and below a test's own
# result once it is indented.
suites() { log_since | grep -E '^ *(KTAP version 1$|1\.\.[0-9]|# |(not )?ok [0-9])'; }

ran_and_passed() {
	printf '*' >"$KUNIT_FILTER"
	must_load coherent_pool=7 coherent_pool_size=128K
	printf none >"$KUNIT_FILTER"
	loaded || return
	log_read
	suites | sed 's/^/    /'
	suites | grep -q '^ok ' || fail_with "no suite ran"
	! suites | grep -q 'not ok' || fail_with "$(suites | grep 'not ok' | tr -s ' ' | paste -sd';')"
	must_unload
}

add "suites run at insmod and pass" ran_and_passed
run_tests
