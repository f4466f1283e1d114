# SPDX-License-Identifier: GPL-2.0
"""One known fault: its patch, the copy of the tree that it is put into, its result.

The rules: what is patched is never the work tree. A file of the copy that is put back
has a new time stamp, so that what was built with the fault is built again. Which tests
are run is for mutants.py, mutants_guest.py and mutants_cargo.py.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .ktap import Results
from .ways import TOP, Broken

PATCHES = TOP / "tests/mutants"
WORK = TOP / "build/mutants"
TREE = WORK / "tree"
# What a guest does that does not get over a fault, and the same when time is over
DEATHS = ("the guest dies", "the guest hangs")
SCRIPT = re.compile(r"kselftest (\S+) (\S+\.sh)$")


@dataclass
class Mutant:
    """A patch, and what its first lines say of it."""

    name: str
    patch: Path
    caught_by: str = ""
    test: str = ""
    not_caught: str = ""
    fast: bool = False

    def is_tested_by(self, names: list[str]) -> bool:
        """Whether the test that has to notice is among them; any is if none is named."""
        return not self.test or any(is_name(name, self.test) for name in names)

    @property
    def where(self) -> str:
        """The kernel of those that need one, else "host"."""
        words = self.caught_by.split()
        return words[1] if words[:1] in (["kselftest"], ["panics"]) else "host"

    def guest(self) -> tuple[str, str] | None:
        """The kernel and the script of those that need a guest."""
        match = SCRIPT.match(self.caught_by)
        return (match[1], match[2]) if match else None


@dataclass
class Report:
    """Prints results as they come, numbered as KTAP wants it."""

    results: Results = field(default_factory=Results)

    def line(self, kind: list[str], mutant: Mutant, mark: str, remark: str) -> None:
        """One result."""
        kind.append(mutant.name)
        print(f"{mark} {self.results.total()} {mutant.name} # {remark}", flush=True)

    def skip(self, mutant: Mutant) -> None:
        """Nobody can catch it."""
        self.line(self.results.skipped, mutant, "ok", f"SKIP {mutant.not_caught}")

    def error(self, mutant: Mutant, problem: str) -> None:
        """It could not be tried."""
        print(f"# error: {problem}")
        self.line(self.results.failed, mutant, "not ok", "error")

    def verdict(self, mutant: Mutant, control: Results, results: Results) -> None:
        """It was tried; control is what the tests said without the fault."""
        if not is_clean(control):
            self.error(mutant, f"without a fault: {', '.join(control.failed) or 'nothing runs'}")
        elif not mutant.is_tested_by(control.passed):
            self.error(mutant, f"without a fault this does not run: {mutant.test}")
        elif death := next((name for name in results.failed if name in DEATHS), ""):
            self.caught(mutant, death)
        elif results.failed and mutant.is_tested_by(results.failed):
            self.caught(mutant, mutant.test or results.failed[0].rpartition(": ")[2])
        else:
            print(f"# not caught by {mutant.caught_by}{mutant.test and ': ' + mutant.test}")
            for name in results.failed:
                print(f"# though it fails: {name}")
            self.line(self.results.failed, mutant, "not ok", "survived")

    def caught(self, mutant: Mutant, test: str) -> None:
        """As it should be."""
        self.line(self.results.passed, mutant, "ok", f"caught by {mutant.caught_by}: {test}")


def is_name(name: str, test: str) -> bool:
    """Whether a result is that of a test, whose name may be the last part of it only."""
    return re.search(rf"(^|: |::){re.escape(test)}$", name) is not None


def is_clean(results: Results) -> bool:
    """Something passed, and nothing failed."""
    return bool(results.passed) and not results.failed


def read(patch: Path) -> Mutant:
    """The comments before a patch."""
    mutant = Mutant(patch.stem, patch)
    for line in patch.read_text().splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line.lstrip("# ").partition(": ")
        match key:
            case "Caught-by":
                match = re.match(
                    r"(host pools|host|panics \S+|kselftest \S+ \S+)(?:: (.*))?$", value
                )
                if match:
                    mutant.caught_by, mutant.test = match[1], match[2] or ""
            case "Not-caught":
                mutant.not_caught = value
            case "Fast":
                mutant.fast = True
    return mutant


def copy_tree() -> None:
    """Brings the copy up to date; a file that is the same keeps its time stamp."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TOP, check=True, capture_output=True).stdout
    names = {name for name in listed.decode().split("\0") if (TOP / name).is_file()}
    for old in TREE.rglob("*"):
        name = str(old.relative_to(TREE))
        if old.is_file() and not name.startswith("build/") and name not in names:
            old.unlink()
    for name in names:
        source, copy = TOP / name, TREE / name
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Not the time stamp: what was built of another content must be built again.
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)


class Patched:
    """While this is entered, the copy has a fault."""

    def __init__(self, mutant: Mutant) -> None:
        self.argv = ["patch", "--silent", "-p1", "-d", str(TREE), "-i", str(mutant.patch)]

    def __enter__(self) -> None:
        argv = [*self.argv, "--dry-run"]
        test = subprocess.run(argv, check=False, capture_output=True, text=True)
        if test.returncode:
            raise Broken(f"the patch does not apply: {' '.join(test.stdout.split())}")
        subprocess.run(self.argv, check=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run([*self.argv, "-R"], check=True)
