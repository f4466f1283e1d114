# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How vm boots an arm64 or riscv64 guest: QEMU's machine "virt", emulated, with a PCI
# host that does not snoop CPU caches. Sourced by vm, whose variables it uses. The
# guest's root is made by guest-root; what runs in it first is guest-init.
# shellcheck disable=SC2154 # set by vm

# Sets what differs between the two. Keys for pointers are the slow part of emulating
# an arm64 CPU. Of a riscv64 one, Svpbmt lets pages be uncached.
virt_machine() { # ARCH
	case $1 in
	arm64) emulator=qemu-system-aarch64 machine=virt,gic-version=3 cpu=max,pauth-impdef=on console=ttyAMA0 ;;
	riscv) emulator=qemu-system-riscv64 machine=virt cpu=rv64,svpbmt=on console=ttyS0 ;;
	esac
	machine+=${machine_options:+,$machine_options}
}

# Devices that are coherent never get to the pools, and those of virt are, by
# the word of its device tree alone. Newer ones say it of the whole machine as well,
# so that leaving it out of the PCI host changes nothing. What virt emulates of
# itself for us (files, console) is not on PCI and stays as it is.
#
# The bus of limited reach is there for its effect on zones, as on arm64 boards that
# have one: ZONE_DMA is the first GiB of memory, ZONE_DMA32 what follows up to
# 4 GiB. Without it virt has no ZONE_DMA32.
device_tree() { # FILE
	"$emulator" -M "$machine,dumpdtb=$1.virt" -cpu "$cpu" -smp "$cpus" -m "$memory" \
		-display none >/dev/null 2>&1 || die "QEMU has no machine '$machine'; its version is: $("$emulator" --version | head -n 1)"
	dtc -q -I dtb -O dts "$1.virt" | awk -v nodes="$device_tree_nodes" '
		/^\t+pcie?@/ { pci = 1 }
		/^\t+};/ { pci = 0 }
		pci && sub(/dma-coherent;/, "dma-noncoherent;") { found = 1 }
		{ print }
		END {
			print "/ { short-bus { compatible = \"simple-bus\"; #address-cells = <2>;"
			print "#size-cells = <2>; ranges; dma-ranges = <0 0 0 0 0 0x80000000>; };"
			print nodes " };"
			exit !found
		}' | dtc -q -I dts -O dtb -o "$1" - ||
		die "the device tree of virt is not as expected: no dma-coherent in the node of its PCI host"
}

# Sets the array guest, and job, a directory shared with the guest: what it
# shall run, and the status it ends with.
virt_guest() { # ARCH KDIR [COMMAND]
	local emulator machine cpu console
	local root number=0 directory words threads=multi
	# Instructions cannot be counted on several CPUs at a time.
	[ -z "$icount" ] || threads=single
	virt_machine "$1"
	root=$("$scripts/guest-root" "${1/riscv/riscv64}")
	shift
	job=$(mktemp -d)
	device_tree "$job/device-tree"
	cp "$scripts/guest-init" "$job/init"
	printf '%s\n' "${2:-}" >"$job/command"
	# shellcheck disable=SC2054 # the commas are QEMU's
	guest=("$emulator" -nodefaults -display none -no-reboot
		-M "$machine" -cpu "$cpu" -smp "$cpus" -m "$memory" -accel "tcg,thread=$threads"
		-kernel "$(kernel_image "$1")" -dtb "$job/device-tree"
		-fsdev "local,id=root,path=$root,security_model=none,readonly=on"
		-device virtio-9p-device,fsdev=root,mount_tag=/dev/root
		-fsdev "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"
		-device virtio-9p-device,fsdev=host,mount_tag=host
		-fsdev "local,id=job,path=$job,security_model=none"
		-device virtio-9p-device,fsdev=job,mount_tag=job)
	# Read-only from this machine, under the same names.
	printf 'host %s\n' "$top" "$cache" "$(realpath "$1")" >"$job/directories"
	for directory in ${rw[@]+"${rw[@]}"}; do
		number=$((number + 1))
		guest+=(-fsdev "local,id=rw$number,path=$directory,security_model=none"
			-device "virtio-9p-device,fsdev=rw$number,mount_tag=rw$number")
		printf 'rw%d %s\n' "$number" "$directory" >>"$job/directories"
	done
	if [ $# -eq 2 ]; then
		# shellcheck disable=SC2054
		guest+=(-serial file:/proc/self/fd/2 -device virtio-serial-device
			-chardev file,id=output,path=/proc/self/fd/1 -device virtserialport,chardev=output)
	else
		guest+=(-serial mon:stdio)
	fi
	for words in ${qemu_options[@]+"${qemu_options[@]}"}; do
		# shellcheck disable=SC2206 # several words each
		guest+=($words)
	done
	guest+=(-append "console=$console panic=-1 rootfstype=9p ro init=/first-program ${append[*]} ${CMDLINE:-}")
}
