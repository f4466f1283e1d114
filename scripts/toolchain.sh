# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Which compilers build the kernel and the modules, and whether they fit a kernel
# that is there. Where they come from is tools. Sourced after lib.sh.
# shellcheck disable=SC2034,SC2154 # used by, and set by, other files

# A person may name their own.
rustc=${RUSTC:-$(command -v rustc || echo rustc)}
rust_bin=$(dirname "$rustc")

unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS

# The compilers as variables of the kernel's make, in the array kernel_make.
select_toolchain() {
	local tool
	command -v "$rustc" >/dev/null || die "there is no $rustc: name the compiler with RUSTC=, or run this without HOST_TOOLS="
	for tool in clang ld.lld llvm-ar bindgen; do
		command -v "$tool" >/dev/null || die "there is no $tool: install it, or run this without HOST_TOOLS="
	done
	kernel_make=(make -j"${JOBS:-$(nproc)}" "RUSTC=$rustc" "RUSTDOC=$rust_bin/rustdoc"
		"RUSTFMT=$rust_bin/rustfmt" "CLIPPY_DRIVER=$rust_bin/clippy-driver")
	toolchain_key=$({ "$rustc" --version --verbose; bindgen --version; clang --version; } 2>&1 | digest)
}

# kernel_config KDIR NAME: the value of CONFIG_NAME in a built kernel, or nothing.
kernel_config() { sed -n "s/^CONFIG_$2=//p" "$1/.config" | tr -d '"'; }

# check_kdir KDIR: can a Rust module of ours be built against this kernel with
# these compilers? Says in one sentence why not.
check_kdir() {
	local theirs ours
	if [ ! -f "$1/.config" ] || [ ! -f "$1/Module.symvers" ]; then
		die "KDIR=$1 is not a built kernel (no .config or Module.symvers): point it at the directory the kernel was built in"
	fi
	[ "$(kernel_config "$1" RUST)" = y ] ||
		die "the kernel in $1 was built without CONFIG_RUST=y, so no Rust module can be loaded into it: build one with 'make kernel'"
	theirs=$(kernel_config "$1" RUSTC_VERSION_TEXT)
	ours=$("$rustc" --version)
	[ "$theirs" = "$ours" ] ||
		die "the kernel in $1 was built by '$theirs' and $rustc is '$ours'; Rust modules need the same one: name it with RUSTC=, or rebuild the kernel"
	grep -qw dma_pool_register_provider "$1/Module.symvers" ||
		die "the kernel in $1 does not carry the series in patches/: apply it and rebuild, or use 'make kernel'"
}

# kmake [ARGUMENT...]: the kernel's make with our compilers.
kmake() { "${kernel_make[@]}" LLVM=1 "$@"; }

# kmake_in KDIR [ARGUMENT...]: the same for what goes with a built kernel: for its
# architecture, and with gcc where that kernel was built by gcc.
kmake_in() {
	local flags=(LLVM=1)
	[ "$(kernel_config "$1" CC_IS_CLANG)" = y ] || flags=()
	[ "$(kernel_config "$1" ARM64)" != y ] || flags+=(ARCH=arm64)
	[ "$(kernel_config "$1" RISCV)" != y ] || flags+=(ARCH=riscv)
	shift
	"${kernel_make[@]}" ${flags[@]+"${flags[@]}"} "$@"
}
