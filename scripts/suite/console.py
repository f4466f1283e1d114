# SPDX-License-Identifier: GPL-2.0
"""Finds complaints of a kernel in the log of its console.

What is a complaint, and which are announced by tests, is decided by log.awk of the
kselftests, which guests run as well; here it is only run. What the lines mean for a
result is for the callers.
"""

import re
import subprocess
from pathlib import Path

KSELFTEST = Path(__file__).resolve().parents[2] / "tests/kselftest"

# A console that another CPU takes over in the middle of a line prints it again, unless only the
# end of the line was left; that may be an end of its own.
REPLAYED = re.compile(r"([^\r\n]*)[\r\n]+\*\* replaying previous printk message \*\*\r?\n")


def once(begun: re.Match) -> str:
    """What stays of a line that may be printed again: as many lines as before."""
    is_again = begun.string.startswith(begun[1], begun.end())
    return ("" if is_again else begun[1]) + "\n" * begun[0].count("\n")


def complaints(text: str) -> list[str]:
    """Returns the unexpected lines, each with its number and the test that was running."""
    judge = ["awk", "-f", KSELFTEST / "log.awk", "-v", f"complaints={KSELFTEST / 'complaints'}"]
    # A guest that dies may leave any bytes.
    log = REPLAYED.sub(once, text.replace("\0", "")).encode(errors="replace")
    done = subprocess.run(judge, input=log, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode not in (0, 1) or bool(lines) != (done.returncode == 1):
        raise RuntimeError(f"log.awk ended with status {done.returncode}")
    found = [line.split("\t", 2) for line in lines]
    return [f"line {number} ({name}): {problem}" for name, number, problem in found]
