# SPDX-License-Identifier: GPL-2.0
"""How these tests type a command, and run tools/dma-pools in each shell that it is for.

A command has nothing of what the run of the tests was told. The figures that the tool
reads are files that a test makes.
"""

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
TOOL = TOP / "tools/dma-pools"
SAMPLES = Path(__file__).parent / "dma-pools"
# What a person may set, and what a run of the tests sets.
VARIABLES = "ARCH ARGS CMDLINE DMA_POOL_ARCH DMA_POOL_CONSOLES HOURS JOBS KDIR KSRC MAKEFLAGS MEM MINUTES OUT PART QEMU RUSTC SEED TIMEOUT V VARIANT"


def environment() -> dict[str, str]:
    """That of a command."""
    return {k: v for k, v in os.environ.items() if k not in VARIABLES.split()}


@pytest.fixture
def type_in():
    """Returns a function that runs a command at the top of the tree; variables are set for it."""

    def run(*argv: str, timeout: int = 600, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            argv,
            cwd=TOP,
            env=environment() | {k: str(v) for k, v in variables.items()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def kernel_of():
    """Returns a function that gives the build directory of a kernel, built if need be."""

    def build(variant: str) -> Path:
        process = subprocess.run(
            ["scripts/kernel", variant], cwd=TOP, stdout=subprocess.PIPE, text=True, check=True
        )
        return Path(process.stdout.strip())

    return build


@pytest.fixture(scope="session")
def busybox(tmp_path_factory):
    """A PATH with nothing but busybox's programs."""
    directory = tmp_path_factory.mktemp("busybox")
    found = next(
        path
        for place in os.environ["PATH"].split(":")
        if (path := Path(place) / "busybox").exists()
    )
    names = subprocess.run([found, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    for name in names.stdout.split():
        (directory / name).symlink_to(found)
    return directory


def runner(home: Path, shell: list[str], path: str):
    """Returns a function that runs the tool; first_path= comes before all other programs."""

    def run(*words, first_path="", tool=(str(TOOL),), stdin=None, **variables):
        known = {"DMA_POOLS_DIR": home / "dma_pools", "PATH": f"{first_path}:{path}"}
        return subprocess.run(
            [*shell, *tool, *map(str, words)],
            env={k: str(v) for k, v in (known | variables).items()},
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(params=["dash", "busybox"])
def dma_pools(request, tmp_path, busybox):
    """Runs it with dash and the programs of this machine, and with busybox alone."""
    if request.param == "busybox":
        return runner(tmp_path, [str(busybox / "sh")], str(busybox))
    return runner(tmp_path, ["dash"], os.environ["PATH"])


@pytest.fixture
def with_programs(tmp_path):
    """Runs it with a shell that takes programs from first_path=, which busybox does not."""
    return runner(tmp_path, ["dash"], os.environ["PATH"])


@pytest.fixture
def pools(tmp_path):
    """debugfs dma_pools/ of a kernel; call it with the files."""

    def make(**files) -> Path:
        directory = tmp_path / "dma_pools"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(f"{text}\n")
        return directory

    return make


def figures(text: str) -> dict[str, str]:
    """A recording or stats."""
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("device="))


def value(run: subprocess.CompletedProcess) -> str:
    """The one line of a suggestion that is no comment."""
    assert run.returncode == 0, run.stderr
    (line,) = [line for line in run.stdout.splitlines() if not line.startswith("#")]
    return line


def stats_of(**changes) -> str:
    """The figures of one pool with 128 KiB that nobody used, except for changes."""
    known = {"version": 1, "pools": "rust", "page_size": 4096, "max_block": 4 << 20}
    known |= {"dma_size": 131072, "dma_used": 0, "dma_used_hiwater": 0}
    return "".join(f"{k}={v}\n" for k, v in (known | changes).items())


def sentence(run: subprocess.CompletedProcess, status: int) -> str:
    """What a failed run said, which is one line and nothing else."""
    assert run.returncode == status, run
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("dma-pools: ")
    return line
