# SPDX-License-Identifier: GPL-2.0
"""How these tests type a command: with nothing of what their own run was told."""

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
# What a person may set, and what a run of the tests sets.
VARIABLES = "ARCH ARGS CMDLINE DMA_POOL_ARCH DMA_POOL_CONSOLES HOURS JOBS KDIR KSRC MAKEFLAGS MEM MINUTES OUT PART QEMU RUSTC SEED TIMEOUT V VARIANT"


@pytest.fixture
def type_in():
    """Returns a function that runs a command at the top of the tree; variables are set for it."""

    def run(*argv: str, timeout: int = 600, **variables: str) -> subprocess.CompletedProcess:
        environment = {k: v for k, v in os.environ.items() if k not in VARIABLES.split()}
        return subprocess.run(
            argv,
            cwd=TOP,
            env=environment | {k: str(v) for k, v in variables.items()},
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
