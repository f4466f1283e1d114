# SPDX-License-Identifier: GPL-2.0
"""ktap.py, with the parser of the kernel's source.

Each ktap/NAME.ktap is what a stage printed, and NAME.out has all results in it, one a
line: what became of it, and its name. RUNNER is as the kernel's own runner has it.
"""

import subprocess
from pathlib import Path

import pytest
from suite import ktap
from suite.ktap import Results

HERE = Path(__file__).parent
TOP = HERE.parents[1]


def lines(results: Results) -> list[str]:
    """The results as in the .out files."""
    kinds = ("passed", "failed", "skipped", "xfailed")
    return [f"{kind} {name}" for kind in kinds for name in getattr(results, kind)]


@pytest.mark.parametrize("path", sorted((HERE / "ktap").glob("*.ktap")), ids=lambda path: path.stem)
def test_golden(path: Path, source: Path):
    """Nothing more and nothing less."""
    expected = path.with_suffix(".out").read_text().splitlines()
    assert lines(ktap.parse(path.read_text(), source)) == expected


def test_known_failures_are_not_passes():
    """Neither in the last line of a run nor in its sums."""
    results = Results(passed=["a"], skipped=["b"], xfailed=["c", "d"])
    results.add(Results(passed=["e"], failed=["f"], xfailed=["g"]))
    assert results.summary() == "2 passed, 1 failed, 4 skipped"
    assert results.total() == 7


def test_results_of_a_part():
    """No kind of result is lost or becomes another."""
    results = Results(["a"], ["b"], ["c"], ["d"]).under("x")
    assert results == Results(["x: a"], ["x: b"], ["x: c"], ["x: d"])


SCRIPT = """
KSFT={source}/tools/testing/selftests
. {top}/tests/kselftest/functions.sh
{more}
log_mark() {{ mark="dma_pool_test: test $1"; log_lines=(); }}
log_read() {{ :; }}
clean_up() {{ :; }}
passes() {{ :; }}
fails() {{ fail_with "a reason"; fail_with "another"; }}
ends_with_1() {{ return 1; }}
skips() {{ skip "not here"; }}
skips_and_fails() {{ skip "not here"; fail_with "a reason"; }}
says() {{ log_lines+=("BUG: x"); }}
for test in passes fails ends_with_1 skips skips_and_fails says; do add "it $test" $test; done
run_tests
"""


def emitted(source: Path, more: str = "") -> subprocess.CompletedProcess:
    """What functions.sh prints of these tests."""
    script = SCRIPT.format(source=source, top=TOP, more=more)
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, check=False, text=True)


def test_guest_without_a_judge(source: Path):
    """No test passes if nobody can judge the log."""
    done = emitted(source, "DIR=/nonexistent")
    assert done.returncode == 1
    assert ktap.parse(done.stdout, source).passed == []


def test_emitter(source: Path):
    """What functions.sh prints of a test is what the reader makes of it."""
    done = emitted(source)
    assert done.returncode == 1
    assert lines(ktap.parse(done.stdout, source)) == [
        "passed it passes",
        "failed it fails",
        "failed it ends_with_1",
        "failed it skips_and_fails",
        "failed it says",
        "skipped it skips",
    ]
    for reason in ("a reason", "another", "a step failed", "not here", "log: BUG: x"):
        assert f"# {reason}\n" in done.stdout
