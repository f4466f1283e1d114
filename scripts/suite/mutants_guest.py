# SPDX-License-Identifier: GPL-2.0
"""Modules with known faults, tried with one script of tests/kselftest in guests.

The rules: several modules are tried in one guest, one after the other, and the module
as it is comes last; unless that one passes, nothing of what the others did counts, and
they are tried again in smaller groups. A guest that dies has caught the fault that it
died of, if that was alone in it.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from . import ktap
from .ktap import Results
from .mutants_patch import DEATHS, TREE, WORK, Mutant, Patched, Report, is_clean
from .ways import HIGH_CMA, SCRIPTS, TOP, Broken, call, kernel, parameters, start

# Seconds for one script; more where a kernel checks all that it does, or is arm64's
LIMIT = {"plain": 600}
LONG_LIMIT = 1800
# Waits for a process, so many seconds
PATIENCE = (
    "n=0; while kill -0 $1 2>/dev/null; do sleep 1; n=$((n + 1)); [ $n -lt {} ] || return 1; done"
)
# The module as it is
CONTROL = "control"
PART = re.compile(r"(?ms)^=== (\S+) begins\s*$(.*?)(?:^=== \1 (ends|hangs)|(?=^=== )|\Z)")


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


def boot(variant: str, script: str, only: str, modules: dict[str, Path]) -> dict[str, Results]:
    """Runs a script, or only these tests of it, with one module after the other in a guest.

    What is missing in the result was not reached. The last one there says so if
    the guest did not survive it.
    """
    kdir = kernel(variant)
    argv = [SCRIPTS / "kselftest", f"mutants/{variant}", str(kdir)]
    tests = subprocess.check_output(argv, text=True).strip()
    limit = LIMIT.get(variant, LONG_LIMIT)
    # The runner's own limit is for later: what it ends has no result, and may hang in the kernel.
    steps = [
        f"export TIMEOUT={limit + 120} DMA_POOL_ONLY='{only}'",
        f"patience() {{ {PATIENCE.format(limit + 60)}; }}",
    ]
    for name, module in modules.items():
        steps += [
            f"echo '=== {name} begins'",
            f"{SCRIPTS / 'guest-kselftest'} {module} {tests} {script} &",
            f"patience $! || {{ echo; echo '=== {name} hangs'; exit 1; }}",
            f"echo; echo '=== {name} ends'",
            # What cannot be unloaded is in the way of the next one.
            "! grep -q '^rust_dma_pool ' /proc/modules || rmmod rust_dma_pool || exit 1",
        ]
    log = WORK / f"{variant}-{script}.log"
    # What a guest is told is on its kernel's command line, where there is room for one module.
    told = log.with_suffix(".steps")
    told.write_text("\n".join(steps) + "\n")
    vm = [str(SCRIPTS / "vm"), "--timeout", str(60 + (limit + 60) * len(modules))]
    vm += ["--append", parameters(variant), "--log", str(log.with_suffix(".console"))]
    vm += ["--device-tree", HIGH_CMA] if variant.startswith("arm64") else []
    status = call([*vm, str(kdir), f"bash {told}"], log)
    found = {}
    for name, text, end in PART.findall(log.read_text(errors="replace")):
        # Without a header the script has not begun, and nothing is known.
        if "AP version" in text:
            found[name] = ktap.parse(text, kdir / "source")
            if end != "ends":
                hangs = end == "hangs" or status == 124
                found[name].failed.insert(0, DEATHS[hangs])
    return found


@dataclass
class Guests:
    """One script on one kernel, and the modules to try with it."""

    variant: str
    script: str
    report: Report
    tried: list[Mutant] = field(default_factory=list)
    modules: dict[str, Path] = field(default_factory=dict)

    def prepare(self, mutants: list[Mutant]) -> list[Mutant]:
        """Builds a module for each; what cannot be built has had its result."""
        self.tried = mutants
        ready = []
        for mutant in mutants:
            try:
                kdir = kernel(self.variant)
                if CONTROL not in self.modules:
                    self.modules[CONTROL] = build(CONTROL, self.variant, kdir)
                with Patched(mutant):
                    self.modules[mutant.name] = build(mutant.name, self.variant, kdir)
                ready.append(mutant)
            except Broken as broken:
                self.report.error(mutant, str(broken))
        return ready

    def boot(self, mutants: list[Mutant], names: list[str]) -> dict[str, Results]:
        """Runs what tests these mutants, with the modules of these names, in one guest."""
        tests = {mutant.test for mutant in mutants}
        # KUnit's tests are one test of a script.
        all_named = "" not in tests and self.script != "kunit.sh"
        only = "|".join(sorted(tests)) if all_named else ""
        return boot(self.variant, self.script, only, {name: self.modules[name] for name in names})

    @cached_property
    def control(self) -> Results:
        """What the module as it is does in a guest of its own."""
        return self.boot(self.tried, [CONTROL]).get(CONTROL, Results())

    def run(self, group: list[Mutant]) -> None:
        """Gives each a result, with few guests."""
        if len(group) == 1:
            self.alone(group[0])
            return
        found = self.boot(group, [*(mutant.name for mutant in group), CONTROL])
        if is_clean(found.get(CONTROL, Results())):
            for mutant in group:
                self.report.verdict(mutant, found[CONTROL], found[mutant.name])
            return
        # A fault that ends the guest, or spoils it for those after it.
        reached = sum(mutant.name in found for mutant in group)
        if reached and CONTROL not in found:
            self.alone(group.pop(reached - 1))
            self.halves(group, len(group))
        else:
            self.halves(group, len(group) // 2)

    def halves(self, group: list[Mutant], size: int) -> None:
        """The same for the first so many, and for the others."""
        for part in (group[:size], group[size:]):
            if part:
                self.run(part)

    def alone(self, mutant: Mutant) -> None:
        """A guest for this one."""
        found = self.boot([mutant], [mutant.name])
        if mutant.name in found:
            self.report.verdict(mutant, self.control, found[mutant.name])
        else:
            self.report.error(mutant, f"the guest died before {self.script} began")
