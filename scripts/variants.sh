# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernels that are built and tested, one row each. A new kernel is a new
# row (and perhaps a new fragment in config/); nothing else names them all.
# shellcheck disable=SC2034 # used by those that source this
#
# name      as typed: make kernel VARIANT=name
# arch      as the kernel's ARCH=
# source    stock (as Debian ships it) or patched (with patches/)
# pools     module, builtin (this repository is copied into the source), none
# family    variants that differ by few objects and start from one another's
# objects   lines of a full build's output, for the first progress line
# fragments of config/, later ones win

variant_table='
plain   x86_64  patched  module   plain   2240  x86_64
debug   x86_64  patched  module   debug   2420  x86_64 debug
stock   x86_64  stock    none     plain   2240  x86_64
crash   x86_64  patched  builtin  crash   2500  crash
builtin x86_64  patched  builtin  plain   2240  x86_64 builtin
'

variant_names() { awk 'NF { print $1 }' <<<"$variant_table"; }

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

# kernel_image KDIR: the file to boot.
kernel_image() {
	local image
	for image in "$1/arch/x86/boot/bzImage" "$1/arch/arm64/boot/Image"; do
		[ ! -f "$image" ] || { printf '%s\n' "$image"; return; }
	done
	die "there is no kernel image in $1: is that kernel built?"
}
