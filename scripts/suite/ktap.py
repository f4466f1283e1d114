# SPDX-License-Identifier: GPL-2.0
"""Counts the results in KTAP text.

The kernel's own parser does the reading; it comes from the source tree of the
kernel under test. Here its input is cut into documents and put into the form it
knows, and its result is reduced to names. What ran, and where, is not known here.
"""

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DOCUMENT = re.compile(r"^(KTAP|TAP) version \d+$")
RESULT = re.compile(r"^(not )?ok \d")
BAIL_OUT = re.compile(r"^[# ]*Bail out!\s*(.*)")
# The parser takes this for a success. As a skip it comes back with its reason.
XFAIL = re.compile(r"^( *ok \d+.*?) # XFAIL\b ?")
KNOWN = "XFAIL"


@dataclass
class Results:
    """The names of test cases by what became of them."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    # Ran or not, and cannot pass; what is known about it is in the manifest.
    xfailed: list[str] = field(default_factory=list)

    def add(self, other: "Results") -> None:
        """Takes over the results of another."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.xfailed += other.xfailed

    def under(self, name: str) -> "Results":
        """The same, as tests of a part with this name."""
        kinds = (self.passed, self.failed, self.skipped, self.xfailed)
        return Results(*([f"{name}: {case}" for case in names] for names in kinds))

    def total(self) -> int:
        """How many results there are."""
        return len(self.passed) + len(self.failed) + len(self.skipped) + len(self.xfailed)

    def summary(self) -> str:
        """The last line of a run. A test that cannot pass has proved nothing either."""
        skipped = len(self.skipped) + len(self.xfailed)
        return f"{len(self.passed)} passed, {len(self.failed)} failed, {skipped} skipped"


def plain(line: str) -> str:
    """A line in the form that the parser knows.

    The runner of kselftest marks its programs' lines "# ", where KTAP indents.
    """
    line = re.sub(r"^(# )+(?!Subtest:)", lambda marks: " " * len(marks[0]), line.rstrip())
    return XFAIL.sub(rf"\1 # SKIP {KNOWN}", line)


def documents(text: str) -> list[list[str]]:
    """Cuts text at each header in the first column; what precedes it is dropped."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if DOCUMENT.match(line.rstrip()):
            found.append([])
        if found:
            found[-1].append(plain(line))
    return found


class Reader:
    """Sorts the test cases of a document into results."""

    def __init__(self, statuses) -> None:
        """The parser's names for what became of a test."""
        self.results = Results()
        self.status = statuses
        # Results that a plan has, and that never came.
        self.missing = 0

    def read(self, test, path: tuple = ()) -> None:
        """One test, and those below it."""
        if test.name not in ("", "main"):
            path = (*path, test.name.strip())
        name = ": ".join(path)
        if not test.subtests:
            self.case(test, path)
            return
        if test.expected_count is None:
            self.results.failed.append(f"no plan: {name or 'the whole document'}")
        for child in test.subtests:
            self.read(child, path)
        if not path or any(self.is_bad(case) for case in self.cases(test)):
            return
        # All below is well, yet it says it is not: it timed out, or its exit status
        # says more than its lines.
        skipped = test.status == self.status.SKIPPED
        if self.is_bad(test) or (skipped and not all(map(self.is_skipped, self.cases(test)))):
            self.results.failed.append(name)

    def case(self, test, path: tuple) -> None:
        """A test without any below it."""
        results, name = self.results, ": ".join(path)
        known = test.skip_reason.startswith(KNOWN)
        skipped = test.status == self.status.SKIPPED
        if not name:
            if test.status in (self.status.SUCCESS, self.status.SKIPPED):
                results.failed.append("a result without a name")
            else:
                self.missing += 1
        elif len(path) == 1 and name.startswith("selftests: ") and not self.is_bad(test):
            # The runner has a word for any exit status. A program that says
            # nothing itself has not run; one that skips itself says so.
            (results.skipped if skipped and not known else results.failed).append(name)
        elif skipped:
            (results.xfailed if known else results.skipped).append(name)
        elif test.status == self.status.SUCCESS:
            results.passed.append(name)
        else:
            results.failed.append(name)

    def cases(self, test) -> Iterator:
        """All test cases below one."""
        for child in test.subtests:
            if child.subtests:
                yield from self.cases(child)
            else:
                yield child

    def is_bad(self, test) -> bool:
        """Whether it says that it failed, or says nothing."""
        return test.status in (self.status.FAILURE, self.status.TEST_CRASHED)

    def is_skipped(self, test) -> bool:
        """Whether it says that it was skipped."""
        return test.status == self.status.SKIPPED


def parse(text: str, source: Path) -> Results:
    """Parses all documents in text with the parser in the kernel tree source."""
    tools = str(source / "tools/testing/kunit")
    if tools not in sys.path:
        sys.path.insert(0, tools)
    parser = importlib.import_module("kunit_parser")
    printer = importlib.import_module("kunit_printer").null_printer

    results = Results()
    if not documents(text):
        results.failed.append("no KTAP was printed")
    for lines in documents(text):
        main = parser.parse_run_tests(lines, printer)
        reader = Reader(parser.TestStatus)
        if main.subtests:
            reader.read(main)
        results.add(reader.results)
        # Which the parser does not look at
        more = sum(bool(RESULT.match(line)) for line in lines) - (main.expected_count or 0)
        if more > 0 and main.expected_count is not None:
            results.failed.append(f"results that were not planned: {more}")
        if reader.missing:
            results.failed.append(f"planned results that never came: {reader.missing} or more")
        elif main.counts.errors:
            # Wrong numbers, an empty plan.
            results.failed.append(f"places where the KTAP is malformed: {main.counts.errors}")
    for line in text.splitlines():
        if match := BAIL_OUT.match(line):
            results.failed.append(f"bailed out: {match[1]}")
    return results
