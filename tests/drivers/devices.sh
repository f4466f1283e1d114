# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # used by, and set by, those that source this
#
# Devices and I/O in the guest: binding and unbinding drivers, finding a disk,
# writing and verifying it with fio. Sourced after functions.sh of the
# kselftests. What is expected of the pools meanwhile is in the scripts.

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/drivers/table.sh
. "$here/table.sh"
device_table=${DMA_POOL_DEVICES:-$here/devices.table}

# load_device NAME: sets what read_device does, and address.
load_device() {
	while read_device; do
		[ "$device" = "$1" ] || continue
		address=0000:00:$slot.0
		return 0
	done <"$device_table"
	bail "there is no device '$1' in $device_table"
}

# For pools that are built in. All goes back but what others need, and nothing moves while it is
# counted. Each of the twenty tries takes two seconds.
fresh_builtin_pools() {
	press
	wait_for 1 steady || fail_with "the pools do not come to rest"
}
# What is added is private again when it is counted as given back.
steady() {
	local before
	before=$(cat "$DEBUGFS"/dma_pools/*/{growths,shrinks})
	sleep 2
	[ "$before" = "$(cat "$DEBUGFS"/dma_pools/*/{growths,shrinks})" ]
}

bound() { [ -e "/sys/bus/pci/drivers/$driver/$address" ]; }
# Sets disk, once it is there and can be read.
has_disk() {
	local link
	for link in /sys/block/*; do
		[[ $(readlink "$link") == */"$address"/* ]] || continue
		disk=/dev/${link##*/}
		[ "$(cat "$link/size")" -gt 0 ] && return 0
	done
	return 1
}

bind() {
	bound || echo "$address" >"/sys/bus/pci/drivers/$driver/bind" || fail_with "$driver does not bind $address"
	wait_for 60 has_disk || fail_with "$driver shows no disk"
}

# What the kernel says of each block that comes back it says blocks_out times; of a
# driver that was bound at boot nobody knows how many it has.
unbind() {
	if bound; then
		case $warns in
		-) let_go ;;
		*) expect_warnings "${blocks_out:-1-64}" "$warns" let_go ;;
		esac || fail_with "$driver does not unbind"
	fi
	wait_for 30 gone || fail_with "the disk of $driver is still there"
}
let_go() { echo "$address" >"/sys/bus/pci/drivers/$driver/unbind"; }
gone() { ! has_disk; }

unbind_all() {
	local device driver slot disk_size pools warns qemu fio address
	while read_device; do
		address=0000:00:$slot.0
		[ ! -e "/sys/bus/pci/devices/$address" ] || unbind
	done <"$device_table"
}

# io: writes all of the disk in random order and reads it back,
# every block with its checksum and its place. Sets io_status, and sums up over
# all calls since io_reset: verified and wrong (bytes), rate (MB/s, of the last).
# A pool that a burst has emptied before it could grow says so, as in C; the driver
# tries again. How often is a race, and count_end holds it against what was refused.
# With quiet=yes nothing may be said. Who writes and reads less than all of the disk,
# or than --io_size says, has failed, whatever fio thinks of it.
io_reset() { verified=0 wrong=0 rate=0; }
io_reset
io() {
	if [ "${quiet:-}" = yes ]; then
		io_plain
	else
		expect_warnings 0-1000 "DMA pool exhausted for $address" io_plain
	fi
}
io_plain() {
	local out=/tmp/fio.out written wanted
	# Each job has a part of the disk.
	io_status=0
	# shellcheck disable=SC2086 # several words
	fio --name=io --filename="$disk" --size=$((100 / $(option numjobs)))% \
		--offset_increment=$((100 / $(option numjobs)))% --rw=randwrite --direct=1 \
		--ioengine=libaio --verify=crc32c --do_verify=1 --verify_fatal=0 \
		--verify_state_save=0 --thread --group_reporting \
		--output-format=terse --terse-version=3 $fio >$out 2>&1 || io_status=$?
	read -r io_read written rate io_wrong < <(awk -F';' '
		/verify: bad|verify failed/ && match($0, /length [0-9]+/) { wrong += substr($0, RSTART + 7, RLENGTH - 7) }
		$1 == 3 { read += $6; written += $47; rate += $48 }
		END { printf "%d %d %.1f %d\n", read * 1024, written * 1024, rate / 1024, wrong }' $out)
	verified=$((verified + io_read))
	wrong=$((wrong + io_wrong))
	[ $io_status = 0 ] || {
		grep -v '^3;' $out | head -n 8 | sed 's/^/# fio: /'
		fail_with "fio ended with status $io_status"
	}
	[ "$io_wrong" = 0 ] || fail_with "$io_wrong bytes are wrong"
	[ $io_status = 0 ] || return
	[ "$io_read" = "$written" ] || fail_with "$written bytes written, $io_read verified"
	wanted=$(option io_size)
	wanted=$((${wanted:-0} * 1048576))
	[ $wanted != 0 ] || wanted=$(($(cat "/sys/block/${disk#/dev/}/size") * 512))
	# The last request of each job need not fit.
	[ "$io_read" -ge $((wanted * 95 / 100)) ] || fail_with "$io_read bytes verified of $wanted"
}
option() { sed -n "s/.*--$1=\([0-9]*\).*/\1/p" <<<"$fio"; }

# io in the background, until io_join, which adds to the sums and judges.
io_background() { io_in_shell & io_pid=$!; }
io_in_shell() {
	verified=0 wrong=0 reasons=()
	io
	printf '%s\n' "$verified $wrong $rate" ${reasons[@]+"${reasons[@]}"} >/tmp/io.result
}
io_running() { kill -0 "$io_pid" 2>/dev/null; }
io_join() {
	local more_verified more_wrong line
	wait "$io_pid"
	{
		read -r more_verified more_wrong rate
		while read -r line; do fail_with "$line"; done
	} </tmp/io.result
	verified=$((verified + more_verified))
	wrong=$((wrong + more_wrong))
}

# Adds a test of each device that is there, or of those that are named, by each provider, or
# by one alone.
add_devices() { # FUNCTION [--only c|module] [DEVICE...]
	local what=$1 provider providers="c module"
	shift
	[ "${1:-}" != --only ] || { providers=$2; shift 2; }
	add "no device is bound" unbind_all
	[ "$MODULE" != builtin ] || providers=builtin
	while read_device; do
		[ -e "/sys/bus/pci/devices/0000:00:$slot.0" ] || continue
		[ $# = 0 ] || [[ " $* " == *" $device "* ]] || continue
		for provider in $providers; do
			add "$device, $provider" "$what" "$device" "$provider"
		done
	done <"$device_table"
}
