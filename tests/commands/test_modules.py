# SPDX-License-Identifier: GPL-2.0
"""`make modules` and `make modules_install` for a kernel of the user's, of either machine."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize(("variant", "machine"), [("plain", "X86-64"), ("arm64", "AArch64")])
def test_builds_and_installs_for_a_kernel_of_ones_own(
    type_in, kernel_of, tmp_path, variant, machine
):
    """The module is for that machine, and lies where depmod finds it."""
    kdir = kernel_of(variant)
    arch = {"ARCH": "arm64"} if variant == "arm64" else {}
    build = type_in("make", "modules", KDIR=kdir, **arch)
    assert build.returncode == 0, build.stderr
    install = type_in("make", "modules_install", KDIR=kdir, INSTALL_MOD_PATH=tmp_path, **arch)
    assert install.returncode == 0, install.stderr
    (module,) = tmp_path.glob("lib/modules/*/updates/rust-dma-pool.ko")
    header = subprocess.run(["readelf", "-h", module], capture_output=True, text=True, check=True)
    assert machine in header.stdout
    (dependencies,) = tmp_path.glob("lib/modules/*/modules.dep")
    assert "rust-dma-pool.ko" in dependencies.read_text()


def test_modules_install_needs_a_kernel(type_in):
    """Without KDIR= it installs nothing."""
    run = type_in("make", "modules_install")
    assert run.returncode != 0
    assert "name the kernel to install for with KDIR=" in run.stderr


def test_takes_a_source_tree_of_ones_own(type_in, tmp_path):
    """KSRC= is copied, not changed, and the copy gets the series."""
    stock = type_in("scripts/source", "stock").stdout.strip()
    touched = type_in("bash", "-c", "sed -n 's|^--- a/||p' patches/7.3/*.patch | sort -u")
    own = tmp_path / "linux"
    for name in ["Kbuild", *touched.stdout.split()]:
        if Path(stock, name).exists():
            (own / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(f"{stock}/{name}", own / name)
    before = (own / "kernel/dma/pool.c").read_text()
    run = type_in("scripts/source", "patched", KSRC=own)
    assert run.returncode == 0, run.stderr
    copy = run.stdout.strip()
    try:
        assert (own / "kernel/dma/pool.c").read_text() == before
        assert "dma_pool_register_provider" in Path(copy, "kernel/dma/pool.c").read_text()
    finally:
        shutil.rmtree(copy)
