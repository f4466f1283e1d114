# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the scripts that source this
#
# What the machine has, and where its memory is: zones, free pages, CMA. Part of
# functions.sh, which sources this.

# The pools whose zones have memory.
populated() {
	awk '/^Node/ { zone = $4 }
		$1 == "managed" && $2 > 0 { has[zone] = 1 }
		END {
			out = has["Normal"] ? "kernel " : ""
			out = out (has["DMA"] ? "dma " : "") (has["DMA32"] ? "dma32 " : "")
			sub(/ $/, "", out)
			print out
		}' /proc/zoneinfo
}

# Sets free_kernel, free_dma and free_dma32: pages that are free where each pool
# has its memory from, with those that the CPUs have set aside. The rest of the
# kernel lives in Normal and never sits still; the kernel pool is made of CMA where
# there is some, and of that nobody else takes any here.
free_memory() {
	local last=none tries=20
	read_free_memory
	# What makes the counters catch up also moves pages from the CPUs to their zone, of
	# which the counters know the next time. Zone DMA is compared to the page; it may be
	# where all is allocated, and then it never sits still.
	until [ "$last" = "$free_dma $aside_dma" ] || [ $((tries -= 1)) = 0 ]; do
		last="$free_dma $aside_dma"
		read_free_memory
	done
}

# Sets aside_dma as well: the pages of zone DMA that CPUs have set aside. The zones'
# counters lag behind those of the CPUs by some pages until they are told to catch up.
read_free_memory() {
	echo 1 >/proc/sys/vm/stat_refresh
	read -r free_kernel free_dma free_dma32 aside_dma < <(awk '/^Node/ { zone = $4 }
		$1 == "pages" && $2 == "free" { n[zone] += $3 }
		$1 == "count:" { n[zone] += $2; aside[zone] += $2 }
		$1 == "cma" { cma += $2 }
		$1 == "nr_free_cma" { free_cma += $2 }
		END { print (cma ? free_cma : n["Normal"] + 0), n["DMA"] + 0, n["DMA32"] + 0, aside["DMA"] + 0 }' /proc/zoneinfo)
}

free_pages() { # POOL
	free_memory
	case $1 in kernel) echo "$free_kernel" ;; dma) echo "$free_dma" ;; *) echo "$free_dma32" ;; esac
}

# Sets slack_kernel, slack_dma and slack_dma32: by how many pages what is free may
# be off although no pool has changed. A few wait in lists of the CPUs where they
# do not count, in the zone of dma32 some more; without CMA the kernel itself
# takes hundreds while a module loads.
memory_slack() {
	slack_dma=0 slack_dma32=$((122880 / PAGE + 2)) slack_kernel=$((32768 / PAGE + 1))
	[ "$(meminfo CmaTotal)" -gt 0 ] || slack_kernel=1024
}

# Bytes of the largest block of the page allocator.
largest_block() {
	local order
	order=$(zcat /proc/config.gz 2>/dev/null | sed -n 's/^CONFIG_ARCH_FORCE_MAX_ORDER=//p')
	echo $((PAGE << ${order:-10}))
}

# Bytes of a zone.
managed() { # ZONE
	awk -v name="$1" -v page="$PAGE" '/^Node/ { zone = $4 }
		zone == name && $1 == "managed" { n += $2 } END { printf "%.0f\n", n * page }' /proc/zoneinfo
}

meminfo() { awk -v key="$1:" '$1 == key { printf "%.0f\n", $2 * 1024 }' /proc/meminfo; }

# Tells all shrinkers that memory is short.
press() { echo 2 >/proc/sys/vm/drop_caches; }

# So that free memory can be compared: what is freed in the background is free,
# and an allocation that splits a large block does not start a reclaim.
settle() {
	echo 0 >/proc/sys/vm/watermark_boost_factor
	sync
	sleep 0.2
}

# The size that C and the module use when none is given: 128 KiB for each GiB
# of memory, at least that, at most a block of the page allocator, and a power
# of two.
default_size() {
	local size=$(($(meminfo MemTotal) / 8192)) power=131072
	while [ "$power" -lt "$size" ] && [ "$power" -lt 4194304 ]; do
		power=$((power * 2))
	done
	echo "$power"
}

# Whether something on this machine could use pools, so that they are made
# without being asked for.
has_users() { config DMA_DIRECT_REMAP y || is_encrypted || grep -qw -e sev -e sme /proc/cpuinfo; }
# Memory that only pretends to be encrypted (tests/encrypted).
is_encrypted() { [ -d "$DEBUGFS/cc_emulate" ]; }
