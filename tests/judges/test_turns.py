# SPDX-License-Identifier: GPL-2.0
"""suite: what a run begins, in which order, and where the next one of soak goes on."""

from pathlib import Path

import pytest
from suite import __main__ as suite
from suite.ktap import Results
from suite.stages import Stage


class Clock:
    """Hours that pass only as stages run."""

    now = 0.0

    def monotonic(self) -> float:
        """In seconds."""
        return self.now * 3600


@pytest.fixture(name="ran")
def _ran(monkeypatch, tmp_path) -> list[str]:
    """The stages that have run, one at a time and for an hour each; b fails."""
    ran: list[str] = []
    clock = Clock()

    def run(stage: Stage) -> tuple[Results, float]:
        ran.append(stage.name)
        clock.now += 1
        return Results(**{"failed" if stage.name == "b" else "passed": [stage.name]}), 1.0

    monkeypatch.setattr(suite, "run", run)
    monkeypatch.setattr(suite, "show", lambda *_: None)
    monkeypatch.setattr(suite, "time", clock)
    monkeypatch.setattr(suite, "JOBS", 1)
    monkeypatch.setattr(suite, "kernel", lambda _: Path("/"))
    monkeypatch.setattr(suite, "NEXT", tmp_path / "soak.next")
    return ran


STAGES = [Stage(name, "soak", "plain", lambda _: Results()) for name in "abcd"]


def soak(monkeypatch, hours: float) -> tuple[Results, list[str]]:
    """What a run adds up to, and what it says of those that failed."""
    monkeypatch.setattr(suite, "HOURS", hours)
    total, failures = Results(), []
    suite.soak(STAGES, total, failures)
    return total, failures


def test_all_once(monkeypatch, ran):
    """Without a time, whatever fails."""
    total, failures = soak(monkeypatch, 0)
    assert ran == list("abcd")
    assert (total.passed, total.failed) == (["a", "c", "d"], ["b"])
    assert len(failures) == 1 and "b" in failures[0]


def test_no_stage_begins_after_its_time(monkeypatch, ran):
    """And the next run begins with the first that did not."""
    soak(monkeypatch, 2.5)
    assert ran == list("abc")
    soak(monkeypatch, 2)
    assert ran == list("abcda")
    soak(monkeypatch, 0)
    assert ran == list("abcdabcda")


def test_turns_until_its_time(monkeypatch, ran):
    """What is quickly done is done again."""
    soak(monkeypatch, 6)
    assert ran == list("abcdab")


def test_a_stage_that_is_gone(monkeypatch, ran):
    """A file of an older version begins with the first."""
    suite.NEXT.write_text("gone")
    soak(monkeypatch, 1)
    assert ran == ["a"]
