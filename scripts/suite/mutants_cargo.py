# SPDX-License-Identifier: GPL-2.0
"""All faults that cargo-mutants can think of in the pure files, against the host tests.

It sees files only below the crate that it is run in: a copy in build/mutants/cargo has
plan/ and policy/ there, and is changed in place.
"""

import shutil

from .mutants_patch import TREE, WORK, Mutant, Report
from .ways import SCRIPTS, TOP, call

NAME = "cargo-mutants"
CRATE = WORK / "cargo"
FLAGS = ["--in-place", "--no-shuffle", "--timeout", "60", "-e", "src/*.rs", "-e", "src/checks/*"]
TESTS = ["--", "--locked"]


def copy_crate() -> None:
    """The crate and the files under test in one directory."""
    shutil.rmtree(CRATE, ignore_errors=True)
    shutil.copytree(TREE / "tests/host", CRATE)
    root = CRATE / "src/lib.rs"
    text = root.read_text()
    for name in ("plan", "policy"):
        shutil.copytree(TREE / name, CRATE / name)
        text = text.replace(f'"../../../{name}/', f'"../{name}/')
    root.write_text(text)


def try_all(report: Report) -> None:
    """One result: every one of them is caught."""
    copy_crate()
    mutant = Mutant(NAME, CRATE, caught_by="host")
    log = WORK / f"{NAME}.log"
    shutil.rmtree(WORK / "mutants.out", ignore_errors=True)
    crate = str(CRATE.relative_to(TOP))
    argv = [str(SCRIPTS / "host"), crate, "cargo", "mutants", *FLAGS, "-o", str(WORK), *TESTS]
    status = call(argv, log, stderr=True)
    lists = {
        kind: (WORK / f"mutants.out/{kind}.txt").read_text().splitlines()
        if (WORK / f"mutants.out/{kind}.txt").is_file()
        else []
        for kind in ("caught", "timeout", "missed", "unviable")
    }
    for line in lists["missed"]:
        print(f"# not caught by host: {line.removeprefix('src/../')}")
    caught = len(lists["caught"]) + len(lists["timeout"])
    summary = f"{caught} caught by host, {len(lists['missed'])} not, {len(lists['unviable'])} do not build"
    if lists["missed"]:
        report.line(report.results.failed, mutant, "not ok", summary)
    elif not caught or status not in (0, 3):
        # 3 is for those that never ended.
        report.error(
            mutant, f"cargo mutants ended with status {status}, see {log.relative_to(TOP)}"
        )
    else:
        report.line(report.results.passed, mutant, "ok", summary)
