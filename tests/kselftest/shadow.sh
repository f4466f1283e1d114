# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # used by those that source this
#
# What the kernel of tests/encrypted knows of each page, for the scripts that are run
# there. Sourced after functions.sh.

SHADOW=$DEBUGFS/cc_emulate

shadow() { cat "$SHADOW/$1"; }

# Pages that devices can see and that are neither swiotlb's nor the pools'.
shared_besides() {
	sizes
	echo $(($(shadow shared_pages) - $(cat "$DEBUGFS/swiotlb/io_tlb_nslabs") / 2 -
		(size_kernel + size_dma + size_dma32) / PAGE))
}

# Between these two, sets to_shared and to_private: conversions. None may break a rule,
# and none may leave pages in an unknown state.
shadow_begin() {
	to_shared=$(shadow to_shared) to_private=$(shadow to_private)
	complaints=$(shadow complaints) unknown=$(shadow unknown_pages)
}
shadow_end() {
	to_shared=$(($(shadow to_shared) - to_shared))
	to_private=$(($(shadow to_private) - to_private))
	complaints=$(($(shadow complaints) - complaints))
	expect_equal "the number of complaints" "$complaints" 0
	expect_equal "pages in an unknown state" "$(shadow unknown_pages)" "$unknown"
}
