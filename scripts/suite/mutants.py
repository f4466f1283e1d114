# SPDX-License-Identifier: GPL-2.0
"""Known faults, put in one at a time: does a test notice?

Each patch in tests/mutants is a fault. Its first lines are comments: what it breaks,
and one line that says who notices, or why nobody can:

    # Caught-by: host
    # Caught-by: kselftest VARIANT SCRIPT
    # Not-caught: REASON

": TEST" after the first two names a test that has to fail. "# Fast: yes" marks
those that cost little time.

The rules: only a test that fails is a catch, or a guest that dies in it. A patch that
does not apply, or a tree that does not build, is an error, which counts as failed as
a fault that nobody noticed does. What a test says counts only if it passes without
any fault: in a guest the module as it is runs last, after those with faults. What is
patched is a copy of the tree in build/mutants. KTAP on stdout.
"""

import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from . import ktap
from .ktap import Results
from .stages import HIGH_CMA, SCRIPTS, TOP, Broken, call, kernel, start, stop

PATCHES = TOP / "tests/mutants"
WORK = TOP / "build/mutants"
TREE = WORK / "tree"
# So many modules, one after the other, in one guest
IN_A_GUEST = 12
# Seconds for one script in a guest
SCRIPT_LIMIT = 600
# The module as it is
CONTROL = "control"
PART = re.compile(r"(?ms)^=== (\S+) begins\s*$(.*?)(?:^=== \1 (ends)|(?=^=== )|\Z)")
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

    def verdict(self, mutant: Mutant, failed: list[str]) -> None:
        """It was tried, and these tests failed."""
        who = next((name for name in failed if mutant.test in name), None)
        if who is not None:
            self.line(self.results.passed, mutant, "ok", f"caught by {mutant.caught_by}: {who}")
            return
        print(f"# not caught by {mutant.caught_by}{mutant.test and ': ' + mutant.test}")
        for name in failed:
            print(f"# though it fails: {name}")
        self.line(self.results.failed, mutant, "not ok", "survived")


# --- patches and the copy of the tree -----------------------------------------


def read(patch: Path) -> Mutant:
    """The comments before a patch."""
    mutant = Mutant(patch.stem, patch)
    for line in patch.read_text().splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line.lstrip("# ").partition(": ")
        match key:
            case "Caught-by":
                match = re.match(r"(host|kselftest \S+ \S+)(?:: (.*))?$", value)
                if match:
                    mutant.caught_by, mutant.test = match[1], match[2] or ""
            case "Not-caught":
                mutant.not_caught = value
            case "Fast":
                mutant.fast = True
    return mutant


def select(arguments: list[str]) -> list[Mutant]:
    """Those that were asked for; an unknown name is an error."""
    mutants = [read(patch) for patch in sorted(PATCHES.glob("*.patch"))]
    names = [name for name in arguments if not name.startswith("-")]
    for name in arguments:
        if name != "--fast" and not any(is_called(mutant, name) for mutant in mutants):
            sys.exit(f"there is no {name} in tests/mutants")
    if names:
        return [m for m in mutants if any(is_called(m, name) for name in names)]
    return [m for m in mutants if m.fast or "--fast" not in arguments]


def is_called(mutant: Mutant, name: str) -> bool:
    """By its name or by its number."""
    return name in (mutant.name, mutant.name.partition("-")[0])


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
        self.argv = ["patch", "--silent", "-p1", "-F0", "-d", str(TREE), "-i", str(mutant.patch)]

    def __enter__(self) -> None:
        argv = [*self.argv, "--dry-run"]
        test = subprocess.run(argv, check=False, capture_output=True, text=True)
        if test.returncode:
            raise Broken(f"the patch does not apply: {' '.join(test.stdout.split())}")
        subprocess.run(self.argv, check=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run([*self.argv, "-R"], check=True)


# --- on this machine ----------------------------------------------------------


def host(name: str) -> Results:
    """The host tests of the copy."""
    argv = [str(TREE / "scripts/host"), "tests/host", "cargo", "test", "--locked"]
    log = WORK / f"{name}.log"
    if call([*argv, "--no-run"], log, stderr=True):
        raise Broken(f"the host tests do not build, see {log.relative_to(TOP)}")
    status = call(argv, log, stderr=True)
    results = Results()
    for test, end in re.findall(r"test (.+?) \.\.\. (ok|FAILED)", log.read_text(errors="replace")):
        (results.passed if end == "ok" else results.failed).append(test)
    if status and not results.failed:
        results.failed.append(f"cargo ended with status {status}")
    return results


def try_on_host(mutants: list[Mutant], report: Report) -> None:
    """One after the other, with the tests that are on this machine."""
    problem = "no test passes without a fault"
    try:
        results = host(CONTROL)
        if results.failed:
            problem = f"these fail without a fault: {', '.join(results.failed)}"
        elif results.passed:
            problem = ""
    except Broken as broken:
        problem = str(broken)
    for mutant in mutants:
        try:
            if problem:
                raise Broken(problem)
            with Patched(mutant):
                report.verdict(mutant, host(mutant.name).failed)
        except Broken as broken:
            report.error(mutant, str(broken))


# --- in guests ----------------------------------------------------------------


def build(name: str, variant: str, kdir: Path) -> Path:
    """The module of the copy as it is now."""
    # From nothing, as the last one of this name may have been made of newer files.
    shutil.rmtree(TREE / "build" / variant / name, ignore_errors=True)
    log = WORK / f"{name}-{variant}.log"
    with log.open("wb") as output:
        argv = [str(TREE / "scripts/module"), f"{variant}/{name}", str(kdir)]
        process = start(argv, subprocess.PIPE, output)
        path, _ = process.communicate()
    if process.returncode:
        raise Broken(f"the module does not build, see {log.relative_to(TOP)}")
    return Path(path.decode().strip())


def boot(variant: str, script: str, modules: dict[str, Path]) -> dict[str, Results]:
    """Runs a script with one module after the other in a guest.

    What is missing in the result was not reached. The last one there says so if
    the guest did not survive it.
    """
    kdir = kernel(variant)
    argv = [SCRIPTS / "kselftest", f"mutants/{variant}", str(kdir)]
    tests = subprocess.check_output(argv, text=True).strip()
    arm64 = variant.startswith("arm64")
    parameters = (TOP / "tests/kselftest" / ("cmdline.arm64" if arm64 else "cmdline")).read_text()
    steps = [f"export TIMEOUT={SCRIPT_LIMIT}"]
    for name, module in modules.items():
        steps += [
            f"echo '=== {name} begins'",
            f"{SCRIPTS / 'guest-kselftest'} {module} {tests} {script}",
            f"echo; echo '=== {name} ends'",
            # What cannot be unloaded is in the way of the next one.
            "! grep -q '^rust_dma_pool ' /proc/modules || rmmod rust_dma_pool || exit 1",
        ]
    log = WORK / f"{variant}-{script}.log"
    vm = [str(SCRIPTS / "vm"), "--timeout", str(60 + SCRIPT_LIMIT * len(modules))]
    vm += ["--append", parameters.strip(), "--log", str(log.with_suffix(".console"))]
    vm += ["--device-tree", HIGH_CMA] if arm64 else []
    status = call([*vm, str(kdir), "\n".join(steps)], log)
    found = {}
    for name, text, end in PART.findall(log.read_text(errors="replace")):
        # Without a header the script has not begun, and nothing is known.
        if "AP version" in text:
            found[name] = ktap.parse(text, kdir / "source")
            if not end:
                found[name].failed.insert(0, "the guest " + ("hangs" if status == 124 else "dies"))
    return found


def try_in_guest(variant: str, script: str, mutants: list[Mutant], report: Report) -> None:
    """Builds all modules, then boots guests until each has been tried."""
    modules: dict[str, Path] = {}
    try:
        kdir = kernel(variant)
        control = build(CONTROL, variant, kdir)
    except Broken as broken:
        for mutant in mutants:
            report.error(mutant, str(broken))
        return
    queue = []
    for mutant in mutants:
        try:
            with Patched(mutant):
                modules[mutant.name] = build(mutant.name, variant, kdir)
            queue.append(mutant)
        except Broken as broken:
            report.error(mutant, str(broken))
    size = IN_A_GUEST
    while queue:
        group, queue = queue[:size], queue[size:]
        found = boot(variant, script, {m.name: modules[m.name] for m in group} | {CONTROL: control})
        clean = found.get(CONTROL, Results())
        if clean.passed and not clean.failed:
            for mutant in group:
                report.verdict(mutant, found[mutant.name].failed)
            continue
        # A fault that spoils the guest for those after it: each gets one of its own.
        alone(variant, script, group, modules, control, report)


def alone(
    variant: str,
    script: str,
    group: list[Mutant],
    modules: dict[str, Path],
    control: Path,
    report: Report,
) -> None:
    """A guest for each, and one for the module as it is."""
    clean = boot(variant, script, {CONTROL: control}).get(CONTROL, Results())
    for mutant in group:
        if clean.failed or not clean.passed:
            report.error(mutant, f"without a fault: {', '.join(clean.failed) or 'no result'}")
            continue
        found = boot(variant, script, {mutant.name: modules[mutant.name]})
        if mutant.name in found:
            report.verdict(mutant, found[mutant.name].failed)
        else:
            report.error(mutant, f"the guest died before {script} began")


# --- all of it ----------------------------------------------------------------


def run(mutants: list[Mutant], report: Report) -> None:
    """Those on this machine first, then one kind of guest after the other."""
    guests: dict[tuple[str, str], list[Mutant]] = {}
    on_host = []
    for mutant in mutants:
        if mutant.not_caught:
            report.skip(mutant)
        elif guest := mutant.guest():
            guests.setdefault(guest, []).append(mutant)
        elif mutant.caught_by == "host":
            on_host.append(mutant)
        else:
            report.error(mutant, "its first lines do not say who catches it")
    if on_host:
        try_on_host(on_host, report)
    for (variant, script), group in guests.items():
        try_in_guest(variant, script, group, report)


def main() -> int:
    """Runs what was asked for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mutants = select(sys.argv[1:])
    # A patch may have been left half applied by a run that was killed.
    copy_tree()
    report = Report()
    print(f"KTAP version 1\n1..{len(mutants)}", flush=True)
    try:
        run(mutants, report)
    except KeyboardInterrupt:
        stop()
        print("Bail out! interrupted")
        return 1
    results = report.results
    print(
        f"{len(results.passed)} passed, {len(results.failed)} failed, {len(results.skipped)} skipped"
    )
    return 1 if results.failed or not results.total() else 0


if __name__ == "__main__":
    sys.exit(main())
