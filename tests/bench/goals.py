# SPDX-License-Identifier: GPL-2.0
"""Whether figures are as they have to be: goals.table and baseline.json.

Nothing is measured here (bench.py) and nothing is printed (report.py).
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from lib import table

HERE = Path(__file__).resolve().parent
TABLE = HERE / "goals.table"
BASELINE = HERE / "baseline.json"
MISSED = HERE / "missed.table"
ARCHITECTURES = ("x86_64", "arm64")
# The goals are figures of this one.
REFERENCE = "x86_64"
UNITS = ("instructions", "bytes", "locked", "times C", "times one CPU")
# That repeat to the digit
EXACT = ("instructions", "bytes", "locked")
TITLES = {"c": "C", "builtin": "built in", "called": "built in, called", "module": "module"}
GOAL = re.compile(r"-|(>= )?(\d+(?:\.\d+)?)|C/(\d) \+ check")
# A compiler may move as much; what is less is not seen in a figure of a few.
TOLERANCE = 0.03


@dataclass
class Figures:
    """What was measured of an operation, by form; check is of the phys_addr_ok alone."""

    unit: str
    of: dict = field(default_factory=dict)
    check: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One operation of goals.table; c is None where it says -."""

    operation: str
    machines: str
    unit: str
    c: float | None
    goals: dict

    def measured_on(self, arch):
        return self.machines in ("all", arch)


@dataclass
class Goal:
    """What a figure has to be: at most, or at least."""

    value: float
    at_least: bool = False

    def missed_by(self, figure):
        return max(0, self.value - figure if self.at_least else figure - self.value)

    def __str__(self):
        return f"{'at least' if self.at_least else 'at most'} {number(self.value)}"


@dataclass
class Verdict:
    """On one figure; without reasons it is as it has to be."""

    operation: str
    form: str
    figure: float | None
    goal: Goal | None = None
    reasons: list = field(default_factory=list)

    @property
    def name(self):
        return f"{self.operation}: {TITLES[self.form]}"


def number(value):
    """Without digits that say nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rows(text):
    """The operations; raises ValueError for a row that is none."""
    found = {}
    for line, fields in table.rows(text, 7):
        operation, machines, unit, c, *goals = fields
        if machines not in ("all", *ARCHITECTURES) or unit not in UNITS:
            raise ValueError(f"line {line} has a word that is not described: {operation}")
        if operation in found or not all(GOAL.fullmatch(goal) for goal in (c, *goals)):
            raise ValueError(f"line {line} is there twice or has no goal: {operation}")
        forms = dict(zip(("builtin", "called", "module"), goals, strict=True))
        c = None if c == "-" else float(c)
        found[operation] = Row(operation, machines, unit, c, forms)
    return found


def goal(row, form, figures, arch):
    """The goal of a row, None where it has none; needs what C costs in figures."""
    match = GOAL.fullmatch(row.goals[form])
    if match[0] == "-":
        return None
    if match[3]:
        return Goal(round(figures.of["c"] / int(match[3]) + figures.check[form]))
    value = float(match[2])
    if row.unit == "instructions" and arch != REFERENCE and row.c is not None:
        value = round(value / row.c * figures.of["c"])
    return Goal(value, bool(match[1]))


def above_baseline(figure, before):
    """Whether it is more than the tolerance, which is one at least."""
    return figure - before > max(1, TOLERANCE * abs(before))


def judge_one(row, form, figures, before, arch):
    """One figure; before is what the baseline says, or None."""
    figure = figures.of.get(form) if figures else None
    verdict = Verdict(row.operation, form, figure)
    if figure is None:
        verdict.reasons.append("there is no figure")
        return verdict
    try:
        verdict.goal = goal(row, form, figures, arch)
    except KeyError as missing:
        verdict.reasons.append(f"the goal needs a figure that is missing: {missing}")
    if verdict.goal and (over := verdict.goal.missed_by(figure)) > 0:
        part = round(100 * over / verdict.goal.value)
        verdict.reasons.append(
            f"{number(figure)}, goal {verdict.goal}: missed by {number(over)} ({part} %)"
        )
    if row.unit not in EXACT:
        return verdict
    if before is None:
        verdict.reasons.append(
            f"{number(figure)} has nothing in baseline.json to be held against:"
            " make bench BASELINE=update"
        )
    elif above_baseline(figure, before):
        verdict.reasons.append(
            f"{number(figure)}, {number(figure - before)} more than the baseline's {number(before)}"
        )
    return verdict


def is_met(goals, measured, operation, arch, forms):
    """Whether the goal is met in each form, by a figure that is held against nothing else."""
    row, figures = goals[operation], measured[operation]
    return not any(judge_one(row, form, figures, None, arch).reasons for form in forms)


def judge(goals, measured, baseline, arch, forms):
    """A verdict for each figure that there is or should be.

    goals as rows() has them, measured {operation: Figures}, baseline as the file has
    it, forms those that were measured beside C.
    """
    verdicts = []
    for row in goals.values():
        if not row.measured_on(arch):
            continue
        figures = measured.get(row.operation)
        for form in forms:
            there = figures and form in figures.of
            if there or row.goals[form] != "-":
                before = baseline.get(arch, {}).get(form, {}).get(row.operation)
                verdicts.append(judge_one(row, form, figures, before, arch))
    for operation, figures in measured.items():
        if operation in goals and goals[operation].measured_on(arch):
            continue
        for form in forms:
            if form in figures.of:
                reasons = ["goals.table has no row for it"]
                verdicts.append(Verdict(operation, form, figures.of[form], None, reasons))
    return verdicts


def known_misses(text):
    """The machines, or machine and form, and operations whose goal is known to be missed."""
    return {(machine, operation) for _, (machine, operation, _) in table.rows(text, 3)}


def excuse(verdicts, known, arch):
    """Drops that a goal is missed where that is known; the baseline counts as before."""
    for verdict in verdicts:
        if {(who, verdict.operation) for who in (arch, f"{arch} {verdict.form}")} & known:
            verdict.reasons = [reason for reason in verdict.reasons if ": missed by " not in reason]


def read_baseline(path=BASELINE):
    """What was accepted last."""
    return json.loads(path.read_text()) if path.is_file() else {}


def updated(baseline, measured, arch, forms):
    """The baseline with what was measured in the place of what it has of that."""
    new = {name: dict(figures) for name, figures in baseline.items()}
    for form in forms:
        new.setdefault(arch, {})[form] = {
            operation: figures.of[form]
            for operation, figures in measured.items()
            if form in figures.of and figures.unit in EXACT
        }
    return new


def write_baseline(baseline, path=BASELINE):
    """For a person to look at, and to commit."""
    path.write_text(json.dumps(baseline, indent="\t", sort_keys=True) + "\n")
