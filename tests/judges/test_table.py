# SPDX-License-Identifier: GPL-2.0
"""The two readers of tables agree, and the tables can be read."""

import subprocess
from pathlib import Path

import pytest
from lib import table

TOP = Path(__file__).resolve().parents[2]
ROWS = {
    "a | b | c": ["a", "b", "c"],
    "128M |  | x=1": ["128M", "", "x=1"],
    "128M | | x=1": ["128M", "", "x=1"],
    "a | b |": ["a", "b", ""],
    "| b | c": ["", "b", "c"],
    "  a  |   b\t|\tc  ": ["a", "b", "c"],
    "a | GFP_KERNEL|GFP_DMA32 pool | c": ["a", "GFP_KERNEL|GFP_DMA32 pool", "c"],
    "a | b| x |c | d": ["a", "b| x |c", "d"],
    "a | b || c | d": ["a", "b || c", "d"],
    "a # no comment | * | \\$x '\"": ["a # no comment", "*", "\\$x '\""],
}
NO_ROWS = ["", "   ", "\t", "# a | b | c", "#"]
SHELL = """
. {top}/tests/lib/table.sh
while read_row {names}; do printf '<%s>' "$a" "$b" "$c"; echo; done
"""


def by_shell(text: str, names: str = "a b c") -> subprocess.CompletedProcess:
    """What the shell reads, each field in brackets."""
    argv = ["bash", "-uc", SHELL.format(top=TOP, names=names)]
    return subprocess.run(argv, input=text, capture_output=True, check=False, text=True)


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str):
    """Python and the shell read the same."""
    assert [fields for _, fields in table.rows(row, 3)] == [ROWS[row]]
    assert by_shell(f"{row}\n").stdout == "".join(f"<{field}>" for field in ROWS[row]) + "\n"


@pytest.mark.parametrize("line", NO_ROWS)
def test_no_row(line: str):
    """Comments and empty lines."""
    assert table.rows(f"{line}\na | b | c\n", 3) == [(2, ["a", "b", "c"])]
    assert by_shell(f"{line}\na | b | c\n").stdout == "<a><b><c>\n"


@pytest.mark.parametrize("row", ["a | b", "a", "a | b | c | d", "a | b|c"])
def test_malformed(row: str):
    """Too few or too many fields end the run, after the rows before."""
    with pytest.raises(ValueError, match="line 2 has"):
        table.rows(f"a | b | c\n{row}\n", 3)
    done = by_shell(f"a | b | c\n{row}\nx | y | z\n")
    assert done.returncode == 2
    assert done.stdout == "<a><b><c>\n"
    assert row in done.stderr


def test_field_that_need_not_be_there():
    """As the last of boots.table."""
    done = by_shell("a | b\na | b | c\n", "a b 'c?'")
    assert done.stdout == "<a><b><>\n<a><b><c>\n"
    assert done.returncode == 0


TABLES = {
    "tests/matrix/boots.table": (4, 5),
    "tests/matrix/boots-arm64.table": (4, 5),
    "tests/matrix/boots-64k.table": (4, 5),
    "tests/drivers/devices.table": (8, 8),
    "tests/kdump/crashes.table": (9, 9),
    "tests/bench/goals.table": (7, 7),
}


@pytest.mark.parametrize("path", TABLES)
def test_tables(path: str):
    """Each row has as many fields as its reader wants."""
    least, most = TABLES[path]
    lines = (TOP / path).read_text().splitlines()
    rows = [table.SEPARATOR.split(line) for line in lines if line and not line.startswith("#")]
    assert rows
    assert all(least <= len(row) <= most for row in rows)
