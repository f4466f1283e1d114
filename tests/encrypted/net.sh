#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# net.sh: virtio-net in an encrypted guest, by an echo: what is sent through the network
# has to come back as it was. First with the pools in C, then with those in Rust, as far
# as this kernel has both. The boot needs NET, see scripts/suite/stages.py.

# shellcheck source=tests/kselftest/functions.sh
. "${DMA_POOL_TESTS:?}/functions.sh"
# shellcheck source=tests/kselftest/shadow.sh
. "$DIR/shadow.sh"
start

if is_debug_kernel; then megabytes=1; else megabytes=8; fi
# The address at which QEMU answers with what it got
echo_server=/dev/tcp/10.0.2.100/7

send_and_compare() { # PROVIDER
	local sent got
	[ "$1" != module ] || must_load "" || return
	shadow_begin
	dd if=/dev/urandom of=/tmp/sent bs=1M count=$megabytes status=none
	exec {server}<>"$echo_server" || { fail_with "no connection"; return; }
	cat /tmp/sent >&"$server" &
	timeout 60 head -c $((megabytes << 20)) <&"$server" >/tmp/got
	wait $!
	exec {server}>&-
	sent=$(sha256sum </tmp/sent) got=$(sha256sum </tmp/got)
	[ "$sent" = "$got" ] ||
		fail_with "$(cmp -l /tmp/sent /tmp/got 2>&1 | wc -l) bytes are wrong, $(wc -c </tmp/got) came back"
	shadow_end
	msg "net: $1: $megabytes MiB there and back, $to_shared conversions to shared, $to_private to private"
	[ "$1" != module ] || must_unload
}

if [ "$MODULE" = builtin ]; then
	add "virtio-net, builtin" send_and_compare builtin
else
	add "virtio-net, c" send_and_compare c
	add "virtio-net, module" send_and_compare module
fi
run_tests
