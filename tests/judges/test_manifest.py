# SPDX-License-Identifier: GPL-2.0
"""manifest.py: what is missing, new, or skipped without a reason fails a run."""

from pathlib import Path

import pytest
from suite import manifest
from suite.ktap import Results
from suite.stages import STAGES

LISTED = """\
# SPDX-License-Identifier: GPL-2.0

a.sh: loads
a.sh: grows # 2
b.sh  # SKIP this kernel has no fault injection
c.sh: null device  # XFAIL C pools: an oops
console*.log is clean
kvm  # MAY-SKIP no machine has to have it
twice
twice
"""
PASSED = ["a.sh: loads", "a.sh: grows # 2", "console-12.log is clean", "kvm", "twice", "twice"]


def ran(passed=PASSED, failed=(), skipped=("b.sh",), xfailed=("c.sh: null device",)) -> Results:
    """The results that are listed, but for what is given."""
    return Results(list(passed), list(failed), list(skipped), list(xfailed))


def without(name: str) -> list[str]:
    """What passes, less one."""
    names = list(PASSED)
    names.remove(name)
    return names


CASES = {
    "as listed": (ran(), []),
    "a test is missing": (ran(without("a.sh: loads")), ["did not run: a.sh: loads"]),
    "one of two is missing": (ran(without("twice")), ["did not run: twice"]),
    "a pattern is missing": (
        ran(without("console-12.log is clean")),
        ["did not run: console*.log is clean"],
    ),
    "several fit a pattern": (ran([*PASSED, "console-3.log is clean"]), []),
    "a skip is missing": (ran(skipped=()), ["did not run: b.sh"]),
    "a known failure is missing": (ran(xfailed=()), ["did not run: c.sh: null device"]),
    "a test is new": (ran([*PASSED, "d.sh: x"]), ["not in the manifest: d.sh: x"]),
    "one more than listed": (ran([*PASSED, "twice"]), ["not in the manifest: twice"]),
    "a new skip": (ran(skipped=("b.sh", "d")), ["not in the manifest: d  # SKIP"]),
    "a new known failure": (
        ran(xfailed=("c.sh: null device", "d")),
        ["not in the manifest: d  # XFAIL"],
    ),
    "what may be skipped is": (ran(without("kvm"), skipped=("b.sh", "kvm")), []),
    "what may be skipped is missing": (ran(without("kvm")), ["did not run: kvm"]),
    "what may be skipped fails as if that were known": (
        ran(without("kvm"), xfailed=("c.sh: null device", "kvm")),
        [
            "failed as if that were known: kvm (the manifest: kvm  # MAY-SKIP no machine has to have it)"
        ],
    ),
    "skipped without being listed": (
        ran(without("a.sh: loads"), skipped=("b.sh", "a.sh: loads")),
        ["was skipped: a.sh: loads (the manifest: it has to pass)"],
    ),
    "known to fail without being listed": (
        ran(without("a.sh: loads"), xfailed=("c.sh: null device", "a.sh: loads")),
        ["failed as if that were known: a.sh: loads (the manifest: it has to pass)"],
    ),
    "a listed skip ran": (
        ran([*PASSED, "b.sh"], skipped=()),
        ["passed: b.sh (the manifest: b.sh  # SKIP this kernel has no fault injection)"],
    ),
    "a known failure passes": (
        ran([*PASSED, "c.sh: null device"], xfailed=()),
        ["passed: c.sh: null device (the manifest: c.sh: null device  # XFAIL C pools: an oops)"],
    ),
    "a known failure is skipped": (
        ran(skipped=("b.sh", "c.sh: null device"), xfailed=()),
        [
            (
                "was skipped: c.sh: null device"
                " (the manifest: c.sh: null device  # XFAIL C pools: an oops)"
            )
        ],
    ),
    "a failure is told once": (ran(without("a.sh: loads"), failed=["a.sh: loads"]), []),
    "a complaint is no name": (ran(failed=["console-12.log: line 3: BUG: x"]), []),
    "other failures hide nothing": (
        ran(without("a.sh: loads"), failed=["the guest died"]),
        ["did not run: a.sh: loads"],
    ),
}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A directory with the manifest of one stage."""
    (tmp_path / "stage").write_text(LISTED)
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_differences(case: str, listed: Path):
    """Each difference is a sentence, and nothing else is."""
    results, expected = CASES[case]
    assert manifest.judge("stage", results, listed) == expected


@pytest.mark.parametrize("kind", ["SKIP", "XFAIL"])
def test_a_reason_is_needed(kind: str, tmp_path: Path):
    """A list of skips without reasons is no list of what is expected."""
    (tmp_path / "stage").write_text(f"a\nb  # {kind}\n")
    problems = manifest.judge("stage", Results(["a"]), tmp_path)
    assert problems == [f"tests/manifest/stage: line 2 does not say why: b  # {kind}"]


def test_no_manifest(tmp_path: Path):
    """Only what has one result, its own, needs none."""
    assert manifest.judge("lint", Results(["lint"]), tmp_path) == []
    (problem,) = manifest.judge("other", Results(["a", "b"]), tmp_path)
    assert problem.startswith("there is no tests/manifest/other")


def test_update_keeps_what_people_wrote(listed: Path):
    """Comments, patterns and reasons stay; what is gone goes, what is new is added."""
    results = ran([*without("a.sh: loads"), "new"], skipped=("b.sh", "e"))
    said = manifest.update("stage", results, listed)
    assert said == "9 lines, 1 without a reason; look at the difference"
    assert (listed / "stage").read_text() == (
        "# SPDX-License-Identifier: GPL-2.0\n\n"
        "a.sh: grows # 2\n"
        "b.sh  # SKIP this kernel has no fault injection\n"
        "c.sh: null device  # XFAIL C pools: an oops\n"
        "console*.log is clean\n"
        "e  # SKIP\n"
        "kvm  # MAY-SKIP no machine has to have it\n"
        "new\n"
        "twice\n"
        "twice\n"
    )


def test_what_is_updated_is_satisfied(tmp_path: Path):
    """From nothing, save for the reasons, which nobody but a person has."""
    results = ran(skipped=(), xfailed=())
    manifest.update("stage", results, tmp_path)
    assert manifest.judge("stage", results, tmp_path) == []
    later = ran([*without("console-12.log is clean"), "console-9.log is clean"], (), (), ())
    assert manifest.judge("stage", later, tmp_path) == []


def test_no_update_after_a_failure(listed: Path):
    """What failed may have kept others from running."""
    manifest.update("stage", ran(failed=["x"]), listed)
    assert (listed / "stage").read_text() == LISTED


def test_manifests_can_be_read():
    """All that are there."""
    for path in manifest.DIRECTORY.glob("*"):
        assert manifest.parse(path.read_text()), path.name


def test_each_stage_has_a_manifest():
    """But those that are one result, the exit status of a command."""
    for stage in STAGES:
        if "command.<locals>" not in stage.run.__qualname__ or "ktap" in stage.run.__qualname__:
            assert (manifest.DIRECTORY / stage.directory().name).is_file(), stage.name
