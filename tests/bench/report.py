# SPDX-License-Identifier: GPL-2.0
"""What bench.py says: a table and what was missed, for people; KTAP, for the tests."""

from goals import TITLES, above_baseline, number


def results(measured, verdicts):
    """The rows of results.json: figures and goals by operation."""
    goals = {(verdict.operation, verdict.form): verdict.goal for verdict in verdicts}
    return [
        {
            "operation": operation,
            "unit": figures.unit,
            **figures.of,
            "goals": {
                form: goals[operation, form].value
                for form in figures.of
                if goals.get((operation, form))
            },
            **({"check": figures.check} if figures.check else {}),
        }
        for operation, figures in measured.items()
    ]


def table(measured, verdicts, forms):
    """Figures and goals side by side; a figure with ! is not as it has to be."""
    by_name = {(verdict.operation, verdict.form): verdict for verdict in verdicts}
    heads = "".join(f" {TITLES[form]:>16} {'goal':>7}" for form in forms)
    yield f"{'':40} {'C':>7}{heads}"
    for operation, figures in measured.items():
        line = f"{operation:40} {cell(figures.of.get('c')):>7}"
        for form in forms:
            verdict = by_name.get((operation, form))
            mark = "!" if verdict and verdict.reasons else ""
            line += f" {mark + cell(figures.of.get(form)):>16}"
            goal = verdict.goal if verdict else None
            line += f" {cell(goal.value if goal else None):>7}"
        unit = "" if figures.unit == "instructions" else f"  {figures.unit}"
        yield (line + unit).rstrip()


def cell(value):
    return "" if value is None else number(value)


def missed(verdicts):
    """One line for each reason."""
    for verdict in verdicts:
        for reason in verdict.reasons:
            yield f"{verdict.name}: {reason}"


def profiles(verdicts, calls):
    """Where the instructions of a call go that misses a goal."""
    for form, of in calls.items():
        for name, call in of.items():
            if any(
                verdict.form == form and verdict.operation.startswith(name) and verdict.reasons
                for verdict in verdicts
            ):
                total = sum(call.inside.values())
                yield ""
                yield f"{name} 4 KiB, {TITLES[form]}: {total} instructions, {call.locked} locked"
                yield from call.lines()


def better(verdicts, baseline):
    """Figures that the baseline is too kind to."""
    for verdict in verdicts:
        before = baseline.get(verdict.form, {}).get(verdict.operation)
        if None not in (before, verdict.figure) and above_baseline(before, verdict.figure):
            yield f"{verdict.name}: {number(verdict.figure)}, the baseline has {number(before)}"


def person(lines, verdicts, good):
    """The table, what was missed, and how many."""
    print("\n".join(lines))
    bad = list(missed(verdicts))
    if bad:
        print("\nNot as it has to be (!):")
        print("".join(f"  {line}\n" for line in bad), end="")
    if good:
        print("\nBetter than the baseline by more than 3 %; make bench BASELINE=update keeps it:")
        print("".join(f"  {line}\n" for line in good), end="")
    count = sum(not verdict.reasons for verdict in verdicts)
    print(f"\n{count} of {len(verdicts)} figures are as they have to be")


def ktap(ksft, lines, verdicts):
    """One result for each figure."""
    ksft.print_header()
    ksft.set_plan(len(verdicts))
    for line in lines:
        ksft.print_msg(line)
    for verdict in verdicts:
        for reason in verdict.reasons:
            ksft.print_msg(reason)
        ksft.test_result(not verdict.reasons, verdict.name)
