# SPDX-License-Identifier: GPL-2.0
"""Counts the results in KTAP text.

The kernel's own parser does the reading; it comes from the source tree of the
kernel under test. Here its input is cut into documents and put into the form it
knows, and its result is reduced to names. What ran, and where, is not known here.
"""

import importlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

DOCUMENT = re.compile(r"^(KTAP|TAP) version \d+$")


@dataclass
class Results:
    """The names of test cases by what became of them."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, other: "Results") -> None:
        """Takes over the results of another."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def total(self) -> int:
        """How many results there are."""
        return len(self.passed) + len(self.failed) + len(self.skipped)


def indented(line: str) -> str:
    """The runner of kselftest marks its programs' lines "# ", where KTAP indents."""
    return re.sub(r"^(# )+(?!Subtest:)", lambda marks: " " * len(marks[0]), line.rstrip())


def documents(text: str) -> list[list[str]]:
    """Cuts text at each header in the first column; what precedes it is dropped."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if DOCUMENT.match(line.rstrip()):
            found.append([])
        if found:
            found[-1].append(indented(line))
    return found


def leaves(test, status, path=()):
    """All test cases without cases of their own below them, with their paths."""
    here = path if test.name in ("", "main") else (*path, test.name.strip())
    if test.subtests:
        for child in test.subtests:
            yield from leaves(child, status, here)
        # All below is well, yet it says it failed: it timed out, or its exit
        # status says more than its lines.
        bad = test.status in (status.FAILURE, status.TEST_CRASHED)
        if here and bad and all(child.ok_status() for child in test.subtests):
            yield test, here
    else:
        yield test, here


def parse(text: str, source: Path) -> Results:
    """Parses all documents in text with the parser in the kernel tree source."""
    tools = str(source / "tools/testing/kunit")
    if tools not in sys.path:
        sys.path.insert(0, tools)
    parser = importlib.import_module("kunit_parser")
    printer = importlib.import_module("kunit_printer").null_printer
    status = parser.TestStatus

    results = Results()
    for lines in documents(text):
        main = parser.parse_run_tests(lines, printer)
        missing = 0
        for test, path in leaves(main, status):
            name = ": ".join(path)
            if len(path) == 1 and name.startswith("selftests: ") and test.ok_status():
                # The runner has a word for any exit status. A program that says
                # nothing itself has not run; one that skips itself says so.
                kind = results.skipped if test.status == status.SKIPPED else results.failed
                kind.append(name)
            elif test.status == status.SUCCESS:
                results.passed.append(name)
            elif test.status == status.SKIPPED:
                results.skipped.append(name)
            elif name:
                results.failed.append(name)
            else:
                missing += 1
        if missing:
            results.failed.append(f"planned results that never came: {missing} or more")
        elif main.counts.errors:
            # Wrong numbers, an empty plan.
            results.failed.append(f"places where the KTAP is malformed: {main.counts.errors}")
    return results
