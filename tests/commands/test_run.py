# SPDX-License-Identifier: GPL-2.0
"""`make run` ends in the table of pools, whatever KVM is worth on the machine.

QEMU is a stand-in that aborts, hangs, or dies after its first guest wherever it is asked
for KVM, and is the real one without.
"""

import os
import re
import shutil

import pytest

FAULTS = {
    "aborts": "echo 'failed to set MSR 0x10a to 0x0' >&2; kill -ABRT $$",
    "hangs": "exec sleep 10000",
    # The trial succeeds, and then a guest dies.
    "dies later": 'if [ -e "$0.used" ]; then exit 1; fi; touch "$0.used"; set -- "${@//kvm/tcg}"',
}


@pytest.fixture
def stand_in(tmp_path):
    """Returns a function that makes a QEMU with a fault."""

    def make(fault: str):
        real = shutil.which("qemu-system-x86_64")
        qemu = tmp_path / "qemu-system-x86_64"
        qemu.write_text(
            "#!/bin/bash\n"
            # A version of its own: what is known of the real one does not hold for it.
            f'case "$*" in *-version*) {real} --version; echo "{tmp_path}"; exit ;; esac\n'
            f'case "$*" in *kvm*) {FAULTS[fault]} ;; esac\n'
            f'exec {real} "$@"\n'
        )
        qemu.chmod(0o755)
        return qemu

    return make


@pytest.mark.skipif(not os.access("/dev/kvm", os.W_OK), reason="no /dev/kvm that could fail")
@pytest.mark.parametrize("fault", FAULTS)
def test_ends_in_the_pools_without_kvm(type_in, stand_in, fault):
    """The run says that it emulates, and shows the pools."""
    run = type_in("make", "run", QEMU=stand_in(fault))
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"emulat", run.stderr), run.stderr
    assert_shows_pools(run.stdout)


def assert_shows_pools(text: str):
    """What README.md promises of the default run."""
    for zone in ("GFP_KERNEL", r"GFP_KERNEL\|GFP_DMA", r"GFP_KERNEL\|GFP_DMA32"):
        line = rf"rust_dma_pool: DMA: preallocated 1024 KiB {zone} pool for atomic allocations"
        assert re.search(line, text), text
    for pool in ("kernel", "dma", "dma32"):
        # Once with the module, once after it.
        assert len(re.findall(rf"^ +{pool} +1024 KiB +1024 KiB$", text, re.MULTILINE)) == 2, text
        served = rf"a device that needs {pool} +got zone \w+ +at physical 0x[0-9a-f]+, zeroed: yes"
        assert re.search(served, text), text
    assert "Module rust_dma_pool is in use" in text


def test_shows_what_parameters_ask_for(type_in):
    """ARGS are the module's parameters, MEM the memory of the guest."""
    run = type_in("make", "run", ARGS="coherent_pool=dma32:3M", MEM="5G")
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^ +dma32 +3072 KiB +1024 KiB$", run.stdout, re.MULTILINE), run.stdout
    assert re.search(r"^ +kernel +0 KiB +1024 KiB$", run.stdout, re.MULTILINE), run.stdout


def test_makes_no_pools_unasked(type_in):
    """Without parameters neither C nor the module has pools, as nothing there uses them."""
    run = type_in("make", "run", ARGS="")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "rust_dma_pool: DMA: no atomic pools: nothing on this machine can use them" in run.stdout
    # Once with the module, once after it.
    assert len(re.findall(r"^ +kernel +0 KiB +0 KiB$", run.stdout, re.MULTILINE)) == 2, run.stdout


def test_says_why_the_module_does_not_load(type_in):
    """A bad parameter is named, and the run fails."""
    run = type_in("make", "run", ARGS="coherent_pool=banana")
    assert run.returncode != 0
    assert re.search(r"coherent_pool='?banana", run.stdout), run.stdout
    assert "the module did not load (Invalid" in run.stdout
