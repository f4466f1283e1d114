# SPDX-License-Identifier: GPL-2.0
"""python -m suite [--quick] [STAGE...]: runs stages, one line for each.

The last line is "N passed, N failed, N skipped" and the exit status agrees.
A stage without any result has failed: silence must not look like success.
"""

import shutil
import signal
import sys
import time

from .ktap import Results
from .stages import STAGES, TOP, Broken, Stage, search_consoles

SHOWN_FAILURES = 20


def run(stage: Stage) -> Results:
    """Runs one stage, and never raises but on ^C."""
    directory = stage.directory()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    results = Results()
    try:
        results.add(stage.run(directory))
        if not results.total():
            raise Broken("no test reported a result")
    except Broken as problem:
        results.failed.append(str(problem))
    except Exception as problem:  # noqa: BLE001 - a broken stage is a failed one
        results.failed.append(f"{type(problem).__name__}: {problem}")
    results.add(search_consoles(directory))
    return results


def show(stage: Stage, results: Results, seconds: float) -> None:
    """One line, and below it what failed and where to read more."""
    mark = "FAIL" if results.failed else "ok"
    counts = f"{len(results.passed)} passed"
    for kind in ("failed", "skipped"):
        if names := getattr(results, kind):
            counts += f", {len(names)} {kind}"
    print(f"{mark:5} {stage.name:18} {counts} ({seconds:.0f} s)")
    for name in results.failed[:SHOWN_FAILURES]:
        print(f"        {name}")
    if len(results.failed) > SHOWN_FAILURES:
        print(f"        and {len(results.failed) - SHOWN_FAILURES} more")
    if results.failed:
        print(f"        see {stage.directory().relative_to(TOP)}/")
        excerpt(stage)
    sys.stdout.flush()


def excerpt(stage: Stage) -> None:
    """The end of what a failed stage printed, if that is short enough to help."""
    log = stage.directory() / "output.log"
    if log.is_file():
        for line in log.read_text(errors="replace").splitlines()[-15:]:
            print(f"        | {line[:160]}")


def select(arguments: list[str]) -> list[Stage]:
    """The stages to run; an unknown name is an error that lists the known."""
    quick = "--quick" in arguments
    names = [argument for argument in arguments if argument != "--quick"]
    for name in names:
        if not any(name in (stage.name, stage.directory().name) for stage in STAGES):
            known = ", ".join(stage.directory().name for stage in STAGES)
            sys.exit(f"there is no stage '{name}'; there are: {known}")
    if names:
        return [s for s in STAGES if s.name in names or s.directory().name in names]
    return [stage for stage in STAGES if not stage.named and (stage.quick or not quick)]


def main() -> int:
    """Runs what was asked for."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    total = Results()
    try:
        for stage in select(sys.argv[1:]):
            begin = time.monotonic()
            results = run(stage)
            show(stage, results, time.monotonic() - begin)
            total.add(results)
    except KeyboardInterrupt:
        total.failed.append("interrupted")
    print(f"{len(total.passed)} passed, {len(total.failed)} failed, {len(total.skipped)} skipped")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
