# SPDX-License-Identifier: GPL-2.0
"""log.awk, as the console's judge runs it.

Each logs/NAME.log is a log, and NAME.out has all that must be said of it, as log.awk
prints it. each-kind.log has an example for each line of the list of complaints.
"""

import re
from pathlib import Path

import pytest
from suite import console

HERE = Path(__file__).parent
LOGS = sorted((HERE / "logs").glob("*.log"))
TOP = HERE.parents[1]
LIST = TOP / "tests/kselftest/complaints"
KINDS = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
EXAMPLES = (HERE / "logs/each-kind.log").read_text().splitlines()


def found(text: str) -> list[str]:
    """What is said of a log, as in the .out files."""
    lines = [re.fullmatch(r"line (\d+) \((.*?)\): (.*)", line) for line in console.complaints(text)]
    return [f"{line[2]}\t{line[1]}\t{line[3]}" for line in lines]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["", "serial"])
@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_golden(log: Path, end: str):
    """Nothing more and nothing less is said, whatever ends the lines."""
    expected = log.with_suffix(".out").read_text().splitlines()
    assert found(log.read_text().replace("\n", end)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_an_example(kind: str):
    """A line of the list that matches nothing is a mistake."""
    assert any(re.search(kind, line) for line in EXAMPLES)


@pytest.mark.parametrize("line", EXAMPLES)
def test_each_example_is_a_complaint(line: str):
    """With the time stamps that consoles have, without, and with those of PRINTK_CALLER."""
    for stamp in ("", "[    4.012345] ", "[  104.012345][T1234] ", "[  104.012345][    C1] "):
        assert found(f"{stamp}{line}\r") == [f"boot\t1\t{line}"]


def alarms() -> list[str]:
    """The texts of the errors that the pools print, with 1 for each argument."""
    texts = []
    for path in [*TOP.glob("*.rs"), *TOP.glob("*/*.rs")]:
        for text in re.findall(r'pr_err!\(\s*"((?:[^"\\]|\\.)*)"', path.read_text()):
            texts.append(re.sub(r"\{.*?\}", "1", text.replace("\\n", "")))
        for text in re.findall(r'pr_warn!\(\s*"([^"]*leaking[^"]*)"', path.read_text()):
            texts.append(re.sub(r"\{.*?\}", "1", text.replace("\\n", "")))
    return texts


def test_the_pools_have_alarms():
    """Else the test below would test nothing."""
    assert len(alarms()) >= 4


@pytest.mark.parametrize("text", alarms())
def test_alarms_are_complaints(text: str):
    """Whatever the pools print as an error, in the form that modules have."""
    line = f"rust_dma_pool: {text}"
    assert found(f"{line}\n") == [f"boot\t1\t{line}"]


def test_alarm_of_c(source: Path):
    """The text is the kernel's."""
    text = re.search(r'pr_err\("([^"]*)', (source / "kernel/dma/pool.c").read_text())[1]
    line = text.replace("%zu", "128").replace("%pGg", "GFP_KERNEL").replace("\\n", "")
    assert found(line) == [f"boot\t1\t{line}"]


def test_bytes_of_a_guest_that_died():
    """Neither hides what comes after."""
    assert found("\0\udcff\n\ufffdx\n[    1.0] BUG: x\n") == ["boot\t3\tBUG: x"]


def test_the_list_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A judge without a list must not find that all is well."""
    (tmp_path / "log.awk").write_text((console.KSELFTEST / "log.awk").read_text())
    monkeypatch.setattr(console, "KSELFTEST", tmp_path)
    with pytest.raises(RuntimeError):
        console.complaints("all is well\n")
