# SPDX-License-Identifier: GPL-2.0
"""Where the judges and the kernel's own parts of them are."""

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "scripts"), str(TOP / "tests"), str(TOP / "tests/bench")]


@pytest.fixture(scope="session")
def source() -> Path:
    """The kernel's source tree, unpacked if need be."""
    argv = [TOP / "scripts/source", "patched"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
    return Path(done.stdout.strip())
