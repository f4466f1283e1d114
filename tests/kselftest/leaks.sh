#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is still allocated after the module has gone, as kmemleak and
# page_owner see it. Runs late, so that it sees what the other scripts left, but
# before kunit.sh, which leaks some pages to see that they are.

. "$(dirname "$0")/functions.sh"
start module zones

kmemleak=$DEBUGFS/kmemleak
stacks=$DEBUGFS/page_owner_stacks/show_stacks

# The rest of the kernel may have leaks; those of before are none of ours.
no_leaks() {
	local fresh
	[ -e "$kmemleak" ] || { skip "this kernel has no kmemleak"; return; }
	if ! echo scan 2>/dev/null >"$kmemleak"; then
		fail_with "kmemleak does not work"
		return
	fi
	echo clear >"$kmemleak"
	exercise || return
	# Objects younger than 5 seconds are not looked at.
	sleep 6
	echo scan >"$kmemleak"
	sleep 1
	echo scan >"$kmemleak"
	fresh=$(grep -c '^unreferenced object' "$kmemleak")
	if [ "$fresh" != 0 ]; then
		head -n 40 "$kmemleak" | sed 's/^/# /'
		fail_with "$fresh leaks"
	fi
}

exercise() {
	local i
	for i in 1 2 3; do
		# Small enough to grow, and then to grow to fit a request.
		must_load coherent_pool=kernel:384K,dma:384K,dma32:128K || return
		hold 5 65536 kernel
		hold 20 12288 dma
		hold 10 5000 dma32
		free_held
		tell state=ok
		must_pass grow_after_failure
		must_unload || return
	done
	! load coherent_pool=banana || fail_with "the module loads"
}

# Pages that the module's code itself asked the page allocator for. When it leaves,
# the C pools are made in its context, and slabs that others go on using. The code
# is gone by then, and shows as bare addresses in the range where it was.
no_pages() {
	local base size found pages=$((2 * 1048576 / PAGE))
	[ -r "$stacks" ] || { skip "this kernel has no page_owner, or was not told page_owner=on"; return; }
	# The kernel pool may be in CMA, which load.sh watches.
	must_load coherent_pool=6 coherent_pool_size=1M || return
	read -r _ size _ _ _ base _ < <(grep "^$NAME " /proc/modules)
	found=$(pages_of "$base" "$size")
	msg "with the module: $found pages"
	# A count that sees none of the pools' pages shows nothing.
	[ "$found" -ge "$pages" ] || fail_with "only $found pages while there are $pages in the pools"
	must_unload
	found=$(pages_of "$base" "$size")
	msg "without: $found pages"
	expect_equal "pages that the module has left" "$found" 0
}

# pages_of BASE SIZE: sums the stacks whose first frame beyond the page allocator is
# the module's.
pages_of() {
	awk -v base="$1" -v size="$2" -v name="[$NAME]" '
		function hex(text,    i, n) {
			n = 0
			text = tolower(text)
			for (i = 1; i <= length(text); i++)
				n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
			return n
		}
		# Only the low 32 bits: modules lie within 2 GiB, and doubles are exact.
		BEGIN { from = hex(substr(base, length(base) - 7)); high = substr(base, 1, 10) }
		/^nr_base_pages:/ {
			if (ours)
				n += $2
			ours = seen = 0
			next
		}
		seen || NF == 0 { next }
		/alloc_pages|alloc_frozen|alloc_hook|freelist|new_page|page_owner|_contig|cma_alloc/ { next }
		{ seen = 1 }
		index($0, name) { ours = 1 }
		$1 ~ /^0xffff[0-9a-f]+$/ && substr($1, 1, 10) == high {
			at = hex(substr($1, length($1) - 7))
			if (at >= from && at < from + size)
				ours = 1
		}
		END { print n + 0 }' "$stacks"
}

add "kmemleak finds nothing" no_leaks
add "page_owner finds nothing" no_pages
run_tests
