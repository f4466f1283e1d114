# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernels that are built and tested, one row each. A new kernel is a new
# row (and perhaps a new fragment in config/); nothing else names them all.
# shellcheck disable=SC2034 # used by those that source this
#
# name      as typed: make kernel VARIANT=name
# arch      as the kernel's ARCH=
# source    stock (as Debian ships it), patched (with patches/), part-a (with the first
#           part of them) or encrypted (with them and those in tests/encrypted)
# pools     module, builtin (this repository is copied into the source), none
# family    variants that differ by few objects and start from one another's
# objects   lines of a full build's output, for the first progress line
# fragments of config/, later ones win; NAME.make beside NAME.config has variables for make

variant_table='
plain   x86_64  patched  module   plain   2300  x86_64 kunit
debug   x86_64  encrypted module  debug   2800  x86_64 debug kunit encrypted
stock   x86_64  stock    none     plain   2240  x86_64
part-a  x86_64  part-a   none     plain   2240  x86_64
rt      x86_64  patched  module   rt      2350  x86_64 kunit rt
crash   x86_64  patched  builtin  crash   2500  crash
builtin x86_64  patched  builtin  plain   2240  x86_64 builtin
builtin-called x86_64 patched builtin plain 2240 x86_64 builtin called
encrypted         x86_64 encrypted module  plain 2600 x86_64 kunit encrypted
encrypted-builtin x86_64 encrypted builtin plain 2600 x86_64 encrypted builtin
debug-builtin     x86_64 encrypted builtin debug 2800 x86_64 debug encrypted builtin
arm64         arm64  patched  module   arm64        1900  virt arm64
arm64-builtin arm64  patched  builtin  arm64        1900  virt arm64 builtin
arm64-debug   arm64  patched  module   arm64-debug  2100  virt arm64 debug arm64-64k kunit
riscv64       riscv  patched  module   riscv64      1900  virt riscv64 kunit
'

variant_names() { awk 'NF { print $1 }' <<<"$variant_table"; }

# default_variant: what ARCH= selects where a kernel for the module is needed.
default_variant() {
	case $DMA_POOL_ARCH in
	'' | x86_64) echo plain ;;
	arm64) echo arm64 ;;
	riscv) echo riscv64 ;;
	*) die "ARCH=$DMA_POOL_ARCH is not known here; there are x86_64, arm64 and riscv" ;;
	esac
}

# load_variant NAME: sets the variables named above.
load_variant() {
	local name rest
	while read -r name rest; do
		[ "$name" = "$1" ] || continue
		read -r arch source pools family objects fragments <<<"$rest"
		variant=$name
		return
	done <<<"$variant_table"
	die "there is no variant '$1'; there are: $(variant_names | paste -sd' ')"
}

# kernel_arch KDIR: for the kernel's ARCH=, and for what differs here.
kernel_arch() {
	case $(grep -E '^CONFIG_(X86_64|ARM64|RISCV)=y' "$1/.config" 2>/dev/null) in
	CONFIG_X86_64=y) echo x86 ;;
	CONFIG_ARM64=y) echo arm64 ;;
	CONFIG_RISCV=y) echo riscv ;;
	*) die "the kernel in $1 is for none of x86_64, arm64 and riscv" ;;
	esac
}

# kernel_image KDIR: the file to boot.
kernel_image() {
	local image
	for image in "$1"/arch/{x86/boot/bzImage,arm64/boot/Image,riscv/boot/Image}; do
		[ ! -f "$image" ] || { printf '%s\n' "$image"; return; }
	done
	die "there is no kernel image in $1: is that kernel built?"
}
