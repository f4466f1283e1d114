# SPDX-License-Identifier: GPL-2.0
"""What runs the kselftests in a guest, tried on this machine with the kernel's own runner."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import TOP, environment


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


@pytest.fixture
def stand_in(tmp_path):
    """Returns a function that makes a QEMU: what it does when it is to run a guest, by the time."""

    def make(first: str, then: str):
        qemu = tmp_path / "qemu-system-x86_64"
        runs = tmp_path / "runs"
        real = shutil.which(qemu.name)
        qemu.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *-kernel*) echo once >>{runs}\n'
            f"[ $(wc -l <{runs}) -gt 1 ] || {first}\n"
            f"{then} ;;\n"
            f'esac\nexec {real} "$@"\n'
        )
        qemu.chmod(0o755)
        return qemu

    return make


def test_a_guest_that_hangs_at_its_start_is_tried_once_more(type_in, kernel_of, stand_in, tmp_path):
    """It has not to wait for the end of the time that its command may take."""
    qemu = stand_in("exec sleep 1000", "exec sleep 1000")
    limits = ["--icount", "--timeout", "10000", "--start", "15", "--log", str(tmp_path / "console")]
    run = type_in("scripts/vm", *limits, kernel_of("plain"), "true", timeout=100, QEMU=qemu)
    assert run.returncode == 124, run.stderr
    assert "the guest hung at its start" in run.stderr
    assert (tmp_path / "runs").read_text() == "once\nonce\n"


@pytest.mark.parametrize("words", ["", "BUG: first"], ids=["silent", "with words"])
def test_a_guest_that_dies_at_its_start_is_tried_once_more(
    type_in, kernel_of, stand_in, tmp_path, words
):
    """What it has said is kept where complaints are searched for."""
    qemu = stand_in(f'{{ printf "{words}" >&2; exit 1; }}', "true")
    options = ["--icount", "--log", str(tmp_path / "console.log")]
    run = type_in("scripts/vm", *options, kernel_of("plain"), "echo it runs", QEMU=qemu)
    assert (run.returncode, run.stdout) == (0, "it runs\n"), run.stderr
    assert "the guest died (status " in run.stderr
    died = tmp_path / "console-died.log"
    assert (words in died.read_text()) if words else not died.exists()


def wait_for(path: Path) -> None:
    """Half a minute at most."""
    for _ in range(300):
        if path.exists():
            return
        time.sleep(0.1)
    pytest.fail(f"there is no {path.name}")


def test_what_runs_with_the_tools_is_told_to_end(tmp_path):
    """So that it can end its guests, when no more than the first process is told."""
    begun, told = tmp_path / "begun", tmp_path / "told"
    script = f"trap 'touch {told}; exit' TERM; touch {begun}; while :; do sleep 0.1; done"
    outside = environment()
    outside.pop("DMA_POOL_IN_TOOLS", None)
    with subprocess.Popen([TOP / "scripts/tools", "sh", "-c", script], env=outside) as process:
        wait_for(begun)
        process.terminate()
        wait_for(told)
