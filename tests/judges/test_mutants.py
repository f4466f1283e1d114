# SPDX-License-Identifier: GPL-2.0
"""The faults of tests/mutants: each can be put in, and is tried where its patch says so."""

import subprocess
from pathlib import Path

import pytest
from suite import manifest
from suite.mutants_patch import PATCHES, read

TOP = Path(__file__).resolve().parents[2]
FILES = sorted(PATCHES.glob("*.patch"))
MUTANTS = [read(patch) for patch in FILES]
WHERE = {
    "mutants-host": "host",
    "mutants-plain": "plain",
    "mutants-encrypted": "encrypted",
    "mutants-debug": "debug",
    "mutants-arm64": "arm64",
    "mutants-64k": "arm64-debug",
}


def test_all_can_be_put_in():
    """None has lost the place that it is for."""
    argv = ["patch", "--silent", "-p1", "--fuzz=0", "--dry-run", "-d", str(TOP), "-i"]
    failed = [
        patch.stem
        for patch in FILES
        if subprocess.run([*argv, str(patch)], check=False, capture_output=True).returncode
    ]
    assert failed == []


@pytest.mark.parametrize("stage", WHERE)
def test_listed(stage):
    """Each fault is in the manifest of the stage that tries it."""
    assert {mutant.where for mutant in MUTANTS} == set(WHERE.values())
    names = [mutant.name for mutant in MUTANTS if mutant.where == WHERE[stage]]
    names += ["cargo-mutants"] if stage == "mutants-host" else []
    listed = manifest.parse((manifest.DIRECTORY / stage).read_text())
    assert [entry.name for entry in listed] == sorted(names)
