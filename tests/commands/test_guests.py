# SPDX-License-Identifier: GPL-2.0
"""What runs the kselftests in a guest, tried on this machine with the kernel's own runner."""

import shutil

import pytest


@pytest.fixture
def installed(kernel_of, tmp_path):
    """Tests as they are installed: one that sleeps, which may take half an hour."""
    selftests = kernel_of("plain") / "source/tools/testing/selftests"
    shutil.copytree(selftests / "kselftest", tmp_path / "kselftest")
    shutil.copy(selftests / "run_kselftest.sh", tmp_path)
    (tmp_path / "kselftest-list.txt").write_text("rust_dma_pool:sleep.sh\n")
    test = tmp_path / "rust_dma_pool/sleep.sh"
    test.parent.mkdir()
    test.write_text("#!/bin/sh\nexec sleep 3\n")
    test.chmod(0o755)
    (test.parent / "settings").write_text("timeout=1800\n")
    return tmp_path


@pytest.mark.parametrize(
    ("seconds", "result"),
    [("1", "not ok 1 selftests: rust_dma_pool: sleep.sh # TIMEOUT 1 seconds"), (None, "ok 1 ")],
    ids=["given", "settings"],
)
def test_a_script_may_take_as_long_as_it_is_given(type_in, installed, seconds, result):
    """TIMEOUT= counts more than the settings, which are for whoever gives none."""
    limit = {"TIMEOUT": seconds} if seconds else {}
    run = type_in("scripts/guest-kselftest", "none", str(installed), "sleep.sh", **limit)
    assert f"\n{result}" in run.stdout, run.stdout + run.stderr


def test_a_guest_that_hangs_at_its_start_is_tried_once_more(type_in, kernel_of, tmp_path):
    """It has not to wait for the end of the time that its command may take."""
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *-kernel*) echo once >>"{tmp_path}/runs"; exec sleep 1000 ;; esac\n'
        f'exec {shutil.which("qemu-system-x86_64")} "$@"\n'
    )
    qemu.chmod(0o755)
    limits = ["--icount", "--timeout", "10000", "--start", "15", "--log", str(tmp_path / "console")]
    run = type_in("scripts/vm", *limits, kernel_of("plain"), "true", timeout=100, QEMU=qemu)
    assert run.returncode == 124, run.stderr
    assert "the guest hung at its start" in run.stderr
    assert (tmp_path / "runs").read_text() == "once\nonce\n"
