# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the two inits share: the file systems and the two ways out. The console
# (first serial port) is for people, and kernel messages may cut any line of
# it; results go to the second serial port, one "WHO KEY=VALUE" a line, where
# nothing else writes. The one who sources this has set who (first or crash).

/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t debugfs debugfs /sys/kernel/debug
mkdir -p /dev
mount -t devtmpfs devtmpfs /dev 2>/dev/null
exec </dev/null >/dev/console 2>&1
stty -F /dev/ttyS1 raw -echo

# result KEY VALUE
result() { printf '%s %s=%s\n' "${who:?}" "$1" "$2" >/dev/ttyS1; }

# result_file KEY FILE: each of its lines
result_file() { sed "s/^/$who $1=/" "$2" >/dev/ttyS1; }

finish() {
	sync
	poweroff -f
	sleep 60
}

fail() {
	echo "kdump test: $*"
	result failed "$*"
	finish
}

memory() {
	sed -n 's/^\(MemTotal\|MemFree\|MemAvailable\): *\([0-9]*\) kB/\1=\2/p' /proc/meminfo |
		sed "s/^/$who /" >/dev/ttyS1
}

# No file, no pools: the directory belongs to whoever provides them.
pools() {
	for pool in kernel dma dma32; do
		result "pool_$pool" "$(cat /sys/kernel/debug/dma_pools/pool_size_$pool 2>/dev/null || echo 0)"
	done
}
