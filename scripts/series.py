# SPDX-License-Identifier: GPL-2.0
"""series.py [OPERATION...]: figures of the bench, as a table for a mail.

Prints what was accepted last on x86_64 (tests/bench/baseline.json), for these operations or for
all, in the order of goals.table; what C costs is from there, too. Prints nothing without a figure.
"""

import sys

import goals

FORMS = ("module", "builtin", "called")


def lines(rows, accepted, operations):
    """A line for each operation that has a figure, below a head."""
    forms = [form for form in FORMS if form in accepted]
    for row in rows.values():
        figures = [accepted[form].get(row.operation) for form in forms]
        if (operations and row.operation not in operations) or figures == [None] * len(forms):
            continue
        name = row.operation if row.unit == "instructions" else f"{row.operation} ({row.unit})"
        yield name, [row.c, *figures], ["C", *(goals.TITLES[form] for form in forms)]


def main(operations):
    accepted = goals.read_baseline().get("x86_64", {})
    found = list(lines(goals.rows(goals.TABLE.read_text()), accepted, operations))
    for number, (name, figures, titles) in enumerate(found):
        if number == 0:
            print(" " * 44 + "".join(f"{title:>10}" for title in short(titles)))
        cells = ("-" if figure is None else goals.number(figure) for figure in figures)
        print(f"  {name:42}" + "".join(f"{cell:>10}" for cell in cells))


def short(titles):
    """Titles that fit into a column."""
    return [title.rpartition(", ")[2] for title in titles]


if __name__ == "__main__":
    main(sys.argv[1:])
