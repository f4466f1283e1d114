# SPDX-License-Identifier: GPL-2.0
"""The ways to run something that has results, and to make what is needed for it.

Each returns a function for a stage, which is given a directory for all that is left
behind. Which stages there are is in stages.py.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from xml.etree import ElementTree

from . import console, ktap
from .ktap import Results

TOP = Path(__file__).resolve().parents[2]
SCRIPTS = TOP / "scripts"
VERBOSE = os.environ.get("V", "0") not in ("", "0")
RESULT_LINE = re.compile(rb"^[# ]*(?:not )?ok \d|^test .* \.\.\. ", re.MULTILINE)

# A CMA area that no device with a mask can use.
HIGH_CMA = (
    "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; linux,cma {"
    ' compatible = "shared-dma-pool"; reusable; linux,cma-default;'
    " size = <0 0x4000000>; alloc-ranges = <1 0 0 0x40000000>; }; };"
)

# What scripts/vm ends with when it was not the command that ended
ENDS = {124: "the guest did not finish in time", 255: "the guest died"}

# Of all stages that run now, so that ^C ends them.
running: set[subprocess.Popen] = set()
# What scripts have made or are making for them, by its name.
prepared: dict[tuple[str, ...], Future] = {}
preparing = threading.Lock()


class Broken(Exception):
    """A stage could not be run, or did not end as it should."""


def number(variable: str, default: float) -> float:
    """What a person set a variable to: a number of the default's kind, or the end of the run."""
    text = os.environ.get(variable) or str(default)
    whole = isinstance(default, int)
    if not re.fullmatch(r"\d+" if whole else r"\d+(\.\d+)?", text):
        kind = "whole number" if whole else "number"
        sys.exit(f"test: {variable}={text} is not accepted; it takes a {kind}")
    return type(default)(text)


def call(argv: list[str], log: Path, stderr: bool = False, **variables: str) -> int:
    """Runs a command with its stdout (and stderr) in log; shows that it goes on."""
    environment = {**os.environ, **variables, "DMA_POOL_CONSOLES": str(log.parent)}
    with log.open("wb") as output:
        process = start(argv, output, subprocess.STDOUT if stderr else None, environment)
        watch(process, log)
        running.discard(process)
    return process.returncode


def start(argv: list[str], stdout, stderr=None, environment=None) -> subprocess.Popen:
    """Starts a command that stop() can end, with all that it starts itself."""
    process = subprocess.Popen(
        argv,
        cwd=TOP,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        process_group=0,
    )
    running.add(process)
    return process


def stop() -> None:
    """Ends what the stages run; scripts/vm then ends its guest."""
    for process in list(running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def watch(process: subprocess.Popen, log: Path) -> None:
    """Waits, and shows on stderr that something happens meanwhile."""
    shown = 0
    begin = reported = time.monotonic()
    while process.poll() is None:
        time.sleep(0.1)
        if VERBOSE:
            shown += sys.stderr.write(log.read_text(errors="replace")[shown:])
        elif time.monotonic() - reported > 60:
            reported = time.monotonic()
            count = len(RESULT_LINE.findall(log.read_bytes()))
            name = log.parent.name
            print(f"      {name}: {count} results in {reported - begin:.0f} s", file=sys.stderr)


def command(script: str, *arguments: str) -> Callable[[Path], Results]:
    """Something whose exit status is its only result."""

    def run(directory: Path) -> Results:
        name = " ".join((script, *arguments))
        argv = [str(SCRIPTS / script), *arguments]
        if call(argv, directory / "output.log", stderr=True) == 0:
            return Results(passed=[name])
        return Results(failed=[name])

    return run


def ktap_command(script: str, *arguments: str) -> Callable[[Path], Results]:
    """A script that prints KTAP."""

    def run(directory: Path) -> Results:
        argv = [str(SCRIPTS / script), *arguments]
        return ktap_of(argv, directory / "output.log", kernel("plain") / "source")

    return run


def pytest(tests: str) -> Callable[[Path], Results]:
    """The tests of a directory that pytest runs; each is a result."""

    def run(directory: Path) -> Results:
        report = directory / "junit.xml"
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", tests]
        status = call([*argv, f"--junitxml={report}"], directory / "output.log", stderr=True)
        if not report.exists():
            raise Broken(f"pytest ended with status {status}")
        results = Results()
        for case in ElementTree.parse(report).iter("testcase"):
            kinds = {"failure": results.failed, "error": results.failed, "skipped": results.skipped}
            kind = next((kinds[mark.tag] for mark in case if mark.tag in kinds), results.passed)
            kind.append(case.get("name"))
        return results

    return run


def cargo_test(*crates: str, **variables: str) -> Callable[[Path], Results]:
    """The tests of crates on this machine, with what they print; each is a result."""

    def run(directory: Path) -> Results:
        results = Results()
        for crate in crates:
            log = directory / f"output-{Path(crate).name}.log"
            argv = [str(SCRIPTS / "host"), crate, "cargo", "test", "--locked"]
            argv += ["--", "--show-output"]
            status = call(argv, log, stderr=True, **variables)
            found = cargo_results(log.read_text(errors="replace"))
            if status and not found.failed:
                raise Broken(f"cargo ended with status {status} in {crate}")
            results.add(found)
        return results

    return run


def cargo_results(text: str) -> Results:
    """What cargo test says of each test."""
    results = Results()
    kinds = {
        "ok": results.passed,
        "FAILED": results.failed,
        "ignored": results.skipped,
    }
    for line in text.splitlines():
        if match := re.match(r"test (.+?) \.\.\. (ok|FAILED|ignored)", line):
            kinds[match[2]].append(match[1])
    return results


def kernel(variant: str) -> Path:
    """The build directory of a kernel, built if need be."""
    return Path(prepare("kernel", variant))


def prepare(script: str, *arguments: str) -> str:
    """Has a script make something, once however many stages need it: its path."""
    key = (script, *arguments)
    with preparing:
        mine = key not in prepared
        future = prepared.setdefault(key, Future())
    if mine:
        process = start([str(SCRIPTS / script), *arguments], subprocess.PIPE)
        path, _ = process.communicate()
        running.discard(process)
        if process.returncode:
            problem = f"scripts/{script} {' '.join(arguments)} failed, see above"
            future.set_exception(Broken(problem))
        else:
            future.set_result(path.decode().strip())
    return future.result()


def kselftest(
    variant: str, timeout: int, *options: str, scripts: str = "", settings: str = ""
) -> Callable[[Path], Results]:
    """tests/kselftest, or some scripts of it, in a guest; options are scripts/vm's.

    settings are variables for the scripts.
    """

    def run(directory: Path) -> Results:
        kdir = kernel(variant)
        module = "builtin" if "builtin" in variant else prepare("module", variant, str(kdir))
        tests = prepare("kselftest", variant, str(kdir))
        log = directory / "output.log"
        vm = [str(SCRIPTS / "vm"), "--timeout", str(timeout)]
        vm += ["--append", parameters(variant), *options]
        in_guest = f"{SCRIPTS / 'guest-kselftest'} {module} {tests} {scripts}"
        # A script may take as long as the guest.
        in_guest = f"{settings} TIMEOUT={timeout} {in_guest}"
        return ktap_of([*vm, str(kdir), in_guest], log, kdir / "source")

    return run


def torture(variant: str, *options: str) -> Callable[[Path], Results]:
    """torture.sh of these on four CPUs, for MINUTES= (10), with the choices of SEED= (any).

    OPS= is how many operations a burst has; long ones leave more time for them.
    """
    minutes, seed = number("MINUTES", 10), number("SEED", int(time.time()))
    # The last round may be long where the kernel checks all that it does.
    timeout = 60 * minutes + 1800
    settings = f"MINUTES={minutes} SEED={seed}"
    if ops := number("OPS", 0):
        settings += f" OPS={ops}"
    options = ("--cpus", "4", *options)
    return kselftest(variant, timeout, *options, scripts="torture.sh", settings=settings)


def parameters(variant: str) -> str:
    """Those of the kernel that tests/kselftest is run on."""
    special = TOP / "tests/kselftest" / f"cmdline.{variant.partition('-')[0]}"
    file = special if special.exists() else special.with_suffix("")
    return file.read_text().strip()


def pools_of(variant: str) -> list[str]:
    """What guest scripts are told: the kernel, its pools in Rust, and its tests."""
    kdir = kernel(variant)
    module = "builtin" if "builtin" in variant else prepare("module", variant, str(kdir))
    return [str(kdir), module, prepare("kselftest", variant, str(kdir)) + "/rust_dma_pool"]


def ktap_of(argv: list[str], log: Path, source: Path) -> Results:
    """The results that a command prints, and that it ended as they say."""
    status = call(argv, log)
    results = ktap.parse(log.read_text(errors="replace"), source)
    if status in ENDS:
        results.failed.insert(0, ENDS[status])
    elif status and not (results.failed and RESULT_LINE.search(log.read_bytes())):
        name = "/".join(Path(argv[0]).parts[-2:])
        results.failed.append(f"{name} ended with status {status}")
    return results


def matrix(variant: str, *options: str) -> Callable[[Path], Results]:
    """tests/matrix, which boots a guest for each combination of parameters."""

    def run(directory: Path) -> Results:
        pools = pools_of(variant)
        argv = [str(TOP / "tests/matrix/run"), *options, *pools]
        return ktap_of(argv, directory / "output.log", Path(pools[0]) / "source")

    return run


def matrix_of_c(variant: str, table: str) -> Callable[[Path], Results]:
    """The same for a kernel that has the pools in C alone."""

    def run(directory: Path) -> Results:
        kdir = kernel(variant)
        argv = [str(TOP / "tests/matrix/run"), "--table", str(TOP / table)]
        argv += [str(kdir), "none", str(TOP / "tests/kselftest")]
        return ktap_of(argv, directory / "output.log", kdir / "source")

    return run


def drivers(variant: str, *boots: list[str]) -> Callable[[Path], Results]:
    """tests/drivers: each boot is the options of run, then script and arguments."""

    def run(directory: Path) -> Results:
        pools = pools_of(variant)
        results = Results()
        for number, boot in enumerate(boots):
            at = next(i for i, word in enumerate(boot) if word.endswith(".sh"))
            argv = [str(TOP / "tests/drivers/run"), *boot[:at], *pools, *boot[at:]]
            log = directory / f"output-{number}.log"
            found = ktap_of(argv, log, Path(pools[0]) / "source")
            results.add(found.under(" ".join(boot[at:])))
            rows = re.findall(r"^# client: (.*)", log.read_text(errors="replace"), re.MULTILINE)
            with (directory / "table.txt").open("a") as table:
                table.writelines(f"{row}\n" for row in rows)
        return results

    return run


def bench(variant: str, *arguments: str) -> Callable[[Path], Results]:
    """tests/bench: each figure is a result."""

    def run(directory: Path) -> Results:
        argv = [str(SCRIPTS / "bench"), "--ktap", *arguments]
        return ktap_of(argv, directory / "output.log", kernel(variant) / "source")

    return run


def kdump(variant: str, table: str) -> Callable[[Path], Results]:
    """tests/kdump, one real crash for each row of a table."""

    def run(directory: Path) -> Results:
        argv = [str(SCRIPTS / "kdump"), table]
        results = ktap_of(argv, directory / "output.log", kernel(variant) / "source")
        comparison = directory / "comparison.txt"
        if comparison.is_file():
            print("In the crash kernel:")
            print("".join(f"      {line}" for line in comparison.open()), end="")
        return results

    return run


def search_consoles(directory: Path) -> Results:
    """One result per guest: its kernel had nothing to complain about."""
    results = Results()
    for log in sorted(directory.glob("console*.log")):
        text = log.read_text(errors="replace")
        found = console.complaints(text) if text else ["nothing was printed"]
        if found:
            results.failed += [f"{log.name}: {line}" for line in found]
        else:
            results.passed.append(f"{log.name} is clean")
    return results
