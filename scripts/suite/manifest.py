# SPDX-License-Identifier: GPL-2.0
"""Holds the results of a stage against tests/manifest/STAGE.

A manifest is the list of what a stage runs, one name a line, as results have them:

    NAME                  has to run and pass
    NAME  # SKIP reason   has to be skipped, for this reason
    NAME  # MAY-SKIP why  may be skipped, depending on the machine
    NAME  # XFAIL reason  cannot pass, as is known

A "*" in a name stands for any text, for names that have a number in them that varies;
one result at least has to fit. A name that is there twice is for two results. Lines
that begin with "#" are comments. A stage that reports one result, its own, needs no
manifest. What a result means is not decided here (ktap.py).
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .ktap import Results

DIRECTORY = Path(__file__).resolve().parents[2] / "tests/manifest"
LINE = re.compile(r"(?P<name>.*?)(?:\s+# (?P<kind>SKIP|MAY-SKIP|XFAIL)(?P<reason>.*))?")
NEW = """\
# SPDX-License-Identifier: GPL-2.0
#
# What {} runs; scripts/suite/manifest.py says how to read it.

"""
# The number of a guest is in the name of its console.
CONSOLES = "console*.log is clean"


@dataclass(frozen=True)
class Entry:
    """One line."""

    name: str
    kind: str = ""  # SKIP, MAY-SKIP, XFAIL, or that it has to pass
    reason: str = ""

    def allows(self, kind: str) -> bool:
        """Whether a result of this kind is as it should be."""
        return kind in ("", "SKIP") if self.kind == "MAY-SKIP" else kind == self.kind

    def matches(self, name: str) -> bool:
        """Whether this is the line of a result."""
        pattern = ".*".join(re.escape(part) for part in self.name.split("*"))
        return re.fullmatch(pattern, name) is not None

    def text(self) -> str:
        """The line as it is written."""
        return f"{self.name}  # {self.kind} {self.reason}".rstrip() if self.kind else self.name


def parse(text: str, reasons: bool = True) -> list[Entry]:
    """The lines of a manifest; raises ValueError for one that lacks its reason."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        entry = Entry(match["name"], match["kind"] or "", (match["reason"] or "").strip())
        if reasons and entry.kind and not entry.reason:
            raise ValueError(f"line {number} does not say why: {line.strip()}")
        entries.append(entry)
    return entries


def outcomes(results: Results) -> list[Entry]:
    """What the results say, as lines of a manifest; failures are the run's own."""
    kinds = {"": results.passed, "SKIP": results.skipped, "XFAIL": results.xfailed}
    return [Entry(name, kind) for kind, names in kinds.items() for name in names]


def differences(entries: list[Entry], results: Results) -> list[str]:
    """Sentences on what did not run as it is listed."""
    found = []
    exact = Counter(entry.name for entry in entries if "*" not in entry.name)
    listed = {entry.name: entry for entry in entries if "*" not in entry.name}
    patterns = [entry for entry in entries if "*" in entry.name]
    used = set()
    for outcome in outcomes(results):
        entry = listed.get(outcome.name)
        if entry and exact[entry.name]:
            exact[entry.name] -= 1
        else:
            entry = next((entry for entry in patterns if entry.matches(outcome.name)), None)
            used.add(entry)
        if entry is None:
            found.append(f"not in the manifest: {outcome.text()}")
        elif not entry.allows(outcome.kind):
            words = {"": "passed", "SKIP": "was skipped", "XFAIL": "failed as if that were known"}
            should = entry.text() if entry.kind else "it has to pass"
            found.append(f"{words[outcome.kind]}: {outcome.name} (the manifest: {should})")
    # It is enough to be told once that something failed.
    for name in results.failed:
        exact[name] -= 1
        used.update(entry for entry in patterns if entry.matches(name))
    for entry in entries:
        if exact[entry.name] > 0 and "*" not in entry.name:
            exact[entry.name] -= 1
            found.append(f"did not run: {entry.name}")
        elif "*" in entry.name and entry not in used:
            found.append(f"did not run: {entry.name}")
    return found


def judge(stage: str, results: Results, directory: Path = DIRECTORY) -> list[str]:
    """What is wrong with the results of a stage beside those that failed."""
    path = directory / stage
    if not path.is_file():
        if results.total() <= 1:
            return []
        return [f"there is no tests/manifest/{stage}: scripts/test --update-manifest {stage}"]
    try:
        return differences(parse(path.read_text()), results)
    except ValueError as problem:
        return [f"tests/manifest/{stage}: {problem}"]


def update(stage: str, results: Results, directory: Path = DIRECTORY) -> str:
    """Rewrites a manifest from a run; returns what a person has to do about it.

    Comments, patterns and reasons stay. Nothing is written after a failure, as what
    failed may have kept other tests from running.
    """
    path = directory / stage
    if results.failed:
        return "not updated, as something failed"
    old = path.read_text() if path.is_file() else NEW.format(stage)
    comments = [line for line in old.splitlines() if line.startswith("#")]
    entries = parse(old, reasons=False)
    patterns = {entry for entry in entries if "*" in entry.name}
    if any(Entry(CONSOLES).matches(name) for name in results.passed):
        patterns.add(Entry(CONSOLES))
    listed = {entry.name: entry for entry in entries}
    new = []
    for outcome in outcomes(results):
        entry = listed.get(outcome.name, outcome)
        if not any(e.matches(outcome.name) and e.allows(outcome.kind) for e in patterns):
            new.append(entry if entry.allows(outcome.kind) else outcome)
    # By name, so that a difference shows what is new and nothing else.
    lines = sorted(entry.text() for entry in [*new, *patterns])
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*comments, "", *lines]) + "\n")
    unexplained = sum(bool(entry.kind and not entry.reason) for entry in new)
    return f"{len(lines)} lines, {unexplained} without a reason; look at the difference"
