# SPDX-License-Identifier: GPL-2.0
"""Finds complaints of a kernel in the log of its console.

A test that provokes a warning says so in the log before and after:

    dma_pool_test: expect N WARNING: text
    dma_pool_test: expect end

Up to N warnings in between are no complaint, or any number of them. Whether they came is for the test
to judge; that nothing else came is judged here.
"""

import math
import re

COMPLAINT = re.compile(
    r"BUG:|WARNING:|Oops|Call [Tt]race|unreferenced object|INFO: task|KASAN"
    r"|possible circular|possible recursive|inconsistent lock state"
    r"|suspicious RCU|UBSAN|general protection fault|Kernel panic"
    r"|rcu: INFO: .* stall|page allocation failure|vmalloc error"
)
# What of these begins a backtrace and can be announced
WARNING = re.compile(r"WARNING:|page allocation failure|vmalloc error")
EXPECT = re.compile(r"dma_pool_test: expect (\d+|any) WARNING")
EXPECT_END = re.compile(r"dma_pool_test: expect end")


def complaints(text: str) -> list[str]:
    """Returns the unexpected lines, each with its number in the log."""
    found = []
    expected = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := EXPECT.search(line):
            expected = math.inf if match[1] == "any" else int(match[1])
        elif EXPECT_END.search(line):
            expected = None
        elif COMPLAINT.search(line):
            # A warning brings a call trace along.
            if expected is not None and "Call trace" in line.replace("T", "t"):
                continue
            if expected and WARNING.search(line):
                expected -= 1
                continue
            found.append(f"line {number}: {line.strip()}")
    return found
