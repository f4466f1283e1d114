# SPDX-License-Identifier: GPL-2.0
"""suite: a guest that ends early is named, and what it said last is shown."""

from pathlib import Path

import pytest
from suite import __main__ as suite
from suite import ways
from suite.ktap import Results
from suite.stages import Stage

GOOD = "TAP version 13\n1..1\nok 1 fine\n"
BAD = "TAP version 13\n1..1\n# because\nnot ok 1 bad\n"


def guest(directory: Path, source: Path, text: str, status: int) -> Results:
    """The results of a guest that prints and ends as given."""
    argv = ["sh", "-c", f'printf %s "$1"; exit {status}', "drivers/run", text]
    return ways.ktap_of(argv, directory / "output-0.log", source)


@pytest.mark.parametrize(
    ("text", "status", "failed"),
    [
        pytest.param(GOOD, 0, [], id="well"),
        pytest.param(GOOD, 1, ["sh ended with status 1"], id="says less than its status"),
        pytest.param(GOOD, 124, ["the guest did not finish in time"], id="late"),
        pytest.param(BAD, 1, ["bad"], id="says why"),
        pytest.param(BAD, 255, ["the guest died", "bad"], id="dead after a failure"),
        pytest.param("!", 2, ["no KTAP was printed", "sh ended with status 2"], id="no results"),
        pytest.param("", 255, ["the guest died", "no KTAP was printed"], id="dead"),
    ],
)
def test_how_a_guest_ended(tmp_path, source, text, status, failed):
    """Whatever else is known of it."""
    assert guest(tmp_path, source, text, status).failed == failed


def test_shows_the_end_of_what_has_no_result(monkeypatch, tmp_path, capsys):
    """Beside the reasons of what failed, and nothing of what passed."""
    stage = Stage("x", "test", "plain", lambda _: Results())
    monkeypatch.setattr(Stage, "directory", lambda _: tmp_path)
    for number, text in enumerate((GOOD, BAD, "cannot begin\n")):
        (tmp_path / f"output-{number}.log").write_text(text)
    suite.excerpt(stage)
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert shown == ["| " + line for line in (*BAD.splitlines(), "cannot begin")]


def test_an_empty_console_is_not_clean(tmp_path):
    """Such a guest has not run."""
    (tmp_path / "console-1.log").write_text("")
    (tmp_path / "console-2.log").write_text("[    0.000000] Linux version 7.3\n")
    results = ways.search_consoles(tmp_path)
    assert results.failed == ["console-1.log: nothing was printed"]
    assert results.passed == ["console-2.log is clean"]
