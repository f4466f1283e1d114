# SPDX-License-Identifier: GPL-2.0
"""The faults of tests/mutants: each can be put in, and is tried where its patch says so."""

import re
import subprocess
from pathlib import Path

import pytest
from suite import manifest
from suite.mutants_patch import PATCHES, read

TOP = Path(__file__).resolve().parents[2]
FILES = sorted(PATCHES.glob("*.patch"))
MUTANTS = [read(patch) for patch in FILES]
MOD = re.compile(r"(?m)^(pub(\(crate\))? )?mod \w+;$")
# How rustfmt names the file of an error
PLACE = re.compile(r"(?m)^ *--> (.*?):\d+:\d+$")
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


def test_all_are_rust(tmp_path):
    """What is put in has not landed between two functions, where no compiler takes it."""
    for patch in FILES:
        tree = tmp_path / patch.stem
        for line in patch.read_text().splitlines():
            if line.startswith("--- a/"):
                copy = tree / line.removeprefix("--- a/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes((TOP / line.removeprefix("--- a/")).read_bytes())
        subprocess.run(["patch", "--silent", "-p1", "-d", tree, "-i", patch], check=True)
        for file in tree.rglob("*.rs"):
            # Of a crate or a directory, whose other files are not here
            file.write_text(MOD.sub("", file.read_text()))
    files = [str(file) for file in tmp_path.rglob("*.rs")]
    argv = [str(TOP / "scripts/tools"), "rustfmt", "--edition", "2021", "--check", *files]
    errors = subprocess.run(argv, check=False, capture_output=True, text=True).stderr
    broken = {Path(place).relative_to(tmp_path).parts[0] for place in PLACE.findall(errors)}
    assert len(files) >= len(FILES)
    assert broken == set()


@pytest.mark.parametrize("stage", WHERE)
def test_listed(stage):
    """Each fault is in the manifest of the stage that tries it."""
    assert {mutant.where for mutant in MUTANTS} == set(WHERE.values())
    names = [mutant.name for mutant in MUTANTS if mutant.where == WHERE[stage]]
    names += ["cargo-mutants"] if stage == "mutants-host" else []
    listed = manifest.parse((manifest.DIRECTORY / stage).read_text())
    assert [entry.name for entry in listed] == sorted(names)
