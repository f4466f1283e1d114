# SPDX-License-Identifier: GPL-2.0
"""How the tables of tests are read in Python; table.sh has the rules."""

import re

SEPARATOR = re.compile(r"(?<!\S)\|(?!\S)")


def rows(text: str, fields: int) -> list[tuple[int, list[str]]]:
    """The rows, each with the number of its line; ValueError for one that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = [field.strip() for field in SEPARATOR.split(line)]
        if len(row) != fields:
            raise ValueError(f"line {number} has {len(row)} fields, not {fields}: {line}")
        found.append((number, row))
    return found
