# SPDX-License-Identifier: GPL-2.0
#
# Reads a kernel log without time stamps, from the line in the variable "mark"
# on, and prints what should not be there, as "TEST<tab>PROBLEM":
#
# - a splat that no test announced. "dma_pool_test: expect N WARNING: TEXT"
#   allows N warnings with this text, up to "dma_pool_test: expect end"; with
#   "any" for N, as many as there are;
# - fewer or more warnings than were announced.
#
# Lines "dma_pool_test: test NAME" say whose the following lines are.

function problem(what) {
	printf "%s\t%s\n", name, what
	bad++
}

function close_window() {
	if (!open)
		return
	if (expected == "any" ? warnings != texts : warnings != expected)
		problem("announced " expected " warnings \"" text "\", saw " warnings)
	else if (expected != "any" && texts != expected)
		problem("announced " expected " warnings \"" text "\", saw " texts " with that text")
	open = 0
}

$0 == mark { seen = 1 }
!seen { next }

sub(/^dma_pool_test: test /, "") {
	close_window()
	name = $0
	next
}

/^dma_pool_test: expect ([0-9]+|any) WARNING: / {
	close_window()
	expected = $3
	text = $0
	sub(/^dma_pool_test: expect ([0-9]+|any) WARNING: /, "", text)
	warnings = texts = 0
	open = 1
	next
}

/^dma_pool_test: expect end/ {
	close_window()
	next
}

open && index($0, text) { texts++ }
open && (/^WARNING: / || /: (page allocation failure|vmalloc error): /) {
	warnings++
	next
}
open && /^Call [Tt]race:/ { next }

/BUG:|kernel BUG|WARNING:|Oops|Call [Tt]race|KASAN:|UBSAN:|ODEBUG:|unreferenced object/ ||
/possible recursive|possible circular|suspicious RCU|INFO: (task|rcu)|rcu_.*stall/ ||
/general protection fault|[Bb]ad page|[Bb]ad rss|rust_kernel: panicked|refcount_t:/ ||
/sleeping function|scheduling while atomic|soft lockup|hard LOCKUP|kmemleak: [0-9]+ new/ ||
/invalid opcode|page allocation failure|vmalloc error|Out of memory|oom-kill/ {
	problem($0)
}

END {
	close_window()
	if (!seen) {
		name = "all"
		problem("the log does not reach back to the test's start (log_buf_len=1M helps)")
	}
	exit bad > 0
}
