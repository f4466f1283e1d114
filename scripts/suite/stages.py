# SPDX-License-Identifier: GPL-2.0
"""What is run: the table of stages.

A stage is one row of STAGES. What it prints is kept in build/test/NAME/; the
console of each guest it boots with scripts/vm is kept there too and searched for
complaints. How each is run is in ways.py; how results are shown and summed up, in
__main__.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .ktap import Results
from .ways import (
    HIGH_CMA,
    TOP,
    bench,
    cargo_test,
    command,
    drivers,
    kdump,
    kselftest,
    ktap_command,
    matrix,
    matrix_of_c,
    pytest,
    torture,
)


@dataclass(frozen=True)
class Stage:
    """One row: a name, which targets of make run it, what kernels that takes, and what to do."""

    name: str
    targets: str
    kernels: str
    run: Callable[[Path], Results]

    @property
    def arch(self) -> str:
        """ARCH= picks those of one."""
        others = {"arm64": "arm64", "riscv64": "riscv"}
        return next((others[name] for name in others if name in self.kernels), "x86_64")

    def directory(self) -> Path:
        """Where all that the stage leaves is kept."""
        return TOP / "build/test" / self.name.replace(" ", "-")


POOLS = "tests/host/pools"
SMALL = ["--append", "coherent_pool=128K"]
# Half an hour each with KASAN. faults.sh takes as long again; with pages of 64 KiB, where that is
# more than an hour, it is left out: it does not depend on their size.
MOST = "params.sh load.sh handover.sh contract.sh disabled.sh grow.sh stress.sh "
MOST += "figures.sh traces.sh holders.sh"
REALTIME = "contract.sh load.sh cycle.sh kcsan.sh stress.sh"
# riscv64 has no ZONE_DMA.
TWO_ZONES = "contract.sh disabled.sh grow.sh handover.sh cycle.sh kunit.sh stress.sh"
REST = "pages.sh replay.sh cycle.sh leaks.sh"
# What the scripts need that can do without a module
DEBUGGED = "coherent_pool=512K coherent_pool_debug=1"
NVME = ["--devices", "nvme"]
TOOL = [*SMALL, "--devices", "nvme xhci uhci ahci", "tool.sh"]
CLIENTS = [[*SMALL, "clients.sh"], [*SMALL, *NVME, "--smmu", "clients.sh"]]
DRIVERS = [
    *CLIENTS,
    TOOL,
    [*NVME, "takeover.sh"],
    [*NVME, "sizes.sh"],
    [*NVME, "--memory", "1G", "--append", "cma=0", "integrity.sh"],
    [*NVME, "--append", "cma=64M", "cma.sh", "kernel", "dma", "dma32"],
    [*NVME, "--device-tree", HIGH_CMA, "cma.sh", "kernel"],
]
# A kernel that takes itself for an encrypted guest. What goes to 10.0.2.100 comes back.
GUEST = ["--append", "cc_emulate=guest"]
NET = [
    *("--append", "ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off"),
    *("--qemu", "-netdev user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:cat"),
    *("--qemu", "-device virtio-net-pci-non-transitional,netdev=net"),
]
TABLE = ["--table", "tests/encrypted/devices.table"]
# A hundredth of what swiotlb has by default. It grows, by memory of the pools where it must
# not sleep, and stays as large as it gets: a boot for each.
TINY = ["--append", "swiotlb=1024,1 coherent_pool=1M"]
ENCRYPTED = [
    [*GUEST, *TABLE, *SMALL, "clients.sh"],
    *(
        [*GUEST, *TABLE, *TINY, "clients.sh", "--only", who, "nvme", "vblk"]
        for who in ("c", "module")
    ),
    [*GUEST, *TABLE, "--devices", "none", *NET, "net.sh"],
    [*("--append", "cc_emulate=host coherent_pool=0"), *TABLE, *NVME, "host.sh"],
]
NEEDS = [*GUEST, "--append", "swiotlb=force,track_hiwater", *TABLE, *NVME, "needs.sh"]
# Where KASAN and lockdep look on, and with more than ten minutes of it.
SLOWLY = [["--timeout", "3000", *row] for row in ENCRYPTED]
# Ten minutes of verified I/O.
LONG = [
    [*SMALL, *NVME, "--timeout", "1800", "clients.sh"],
    [*NVME, "--timeout", "3000", "integrity.sh", "600"],
]

# fmt: off
STAGES = (
    #     name               of make            kernels         what
    Stage("shellcheck",      "check test",      "",             command("lint", "shellcheck")),
    Stage("ruff",            "check test",      "",             command("lint", "ruff")),
    Stage("judges",          "check test",      "",             pytest("tests/judges")),
    Stage("rustfmt",         "check test",      "",             command("lint", "rustfmt")),
    Stage("checkpatch",      "check test",      "",             command("lint", "checkpatch")),
    Stage("docs",            "check test",      "",             command("docs")),
    Stage("host",            "check test",      "",             cargo_test("tests/host", POOLS)),
    Stage("litmus",          "test",            "plain",        ktap_command("litmus")),
    Stage("explore",         "soak",            "",             cargo_test(POOLS, EXPLORE="4", SEQUENCES="20000")),
    Stage("fuzz",            "soak",            "",             command("host", "tests/host/fuzz", "./run", "600")),
    Stage("clippy host",     "check test",      "",             command("lint", "clippy")),
    Stage("clippy",          "check test",      "plain",        command("lint", "clippy", "plain")),
    Stage("clippy builtin",  "test",            "builtin",      command("lint", "clippy", "builtin")),
    Stage("clippy debug",    "soak",            "debug",        command("lint", "clippy", "debug")),
    Stage("clippy arm64",    "test",            "arm64",        command("lint", "clippy", "arm64")),
    Stage("clippy 64k",      "test",            "arm64-debug",  command("lint", "clippy", "arm64-debug")),
    Stage("panics",          "check test",      "plain",        command("lint", "panics", "plain")),
    Stage("panics builtin",  "test",            "builtin",      command("lint", "panics", "builtin")),
    Stage("panics arm64",    "test",            "arm64",        command("lint", "panics", "arm64")),
    # The longest of a kernel first.
    Stage("kselftest plain", "check test",      "plain",        kselftest("plain", 1800)),
    Stage("matrix plain",    "test",            "plain",        matrix("plain")),
    Stage("matrix builtin",  "test",            "builtin",      matrix("builtin", "--builtin")),
    Stage("matrix part-a",   "test",            "part-a",       matrix_of_c("part-a", "tests/matrix/boots-part-a.table")),
    Stage("kdump",           "test",            "plain builtin stock", kdump("plain", "--table")),
    Stage("bench",           "test",            "plain builtin stock", bench("plain", "x86_64")),
    Stage("commands",        "test",            "plain",        pytest("tests/commands")),
    Stage("drivers arm64",   "test",            "arm64",        drivers("arm64", *DRIVERS)),
    Stage("kselftest arm64", "test",            "arm64",        kselftest("arm64", 1800, "--device-tree", HIGH_CMA)),
    Stage("matrix arm64",    "test",            "arm64",        matrix("arm64", "--table", "tests/matrix/boots-arm64.table")),
    Stage("drivers builtin", "test",            "arm64-builtin", drivers("arm64-builtin", CLIENTS[0], TOOL)),
    Stage("kselftest builtin", "test",          "arm64-builtin", kselftest("arm64-builtin", 900, "--device-tree", HIGH_CMA, "--append", DEBUGGED, scripts="traces.sh holders.sh")),
    Stage("bench arm64",     "test",            "arm64 arm64-builtin", bench("arm64", "arm64")),
    # With pages of 64 KiB
    Stage("kunit arm64",     "test",            "arm64-debug",  kselftest("arm64-debug", 900, scripts="kunit.sh")),
    Stage("matrix 64k",      "test",            "arm64-debug",  matrix("arm64-debug", "--table", "tests/matrix/boots-64k.table")),
    Stage("drivers 64k",     "test",            "arm64-debug",  drivers("arm64-debug", ["--timeout", "1800", *CLIENTS[0]])),
    # What takes itself for an encrypted guest
    Stage("drivers encrypted", "test",          "encrypted",    drivers("encrypted", *ENCRYPTED)),
    Stage("matrix encrypted", "test",           "encrypted",    matrix("encrypted", "--table", "tests/matrix/boots-encrypted.table")),
    Stage("kselftest encrypted", "test",        "encrypted",    kselftest("encrypted", 1800, scripts="contract.sh conversions.sh torture.sh")),
    # What is long and finds rare things
    Stage("drivers encrypted-builtin", "soak",  "encrypted-builtin", drivers("encrypted-builtin", *ENCRYPTED)),
    Stage("kselftest encrypted-builtin", "soak", "encrypted-builtin", kselftest("encrypted-builtin", 1800, "--append", "coherent_pool=1M", scripts="contract.sh")),
    Stage("needs encrypted", "soak",            "encrypted",    drivers("encrypted", NEEDS)),
    Stage("kdump encrypted", "soak",            "encrypted encrypted-builtin", kdump("encrypted", "--encrypted")),
    Stage("drivers encrypted-debug", "soak",    "debug",        drivers("debug", *SLOWLY)),
    Stage("kselftest 64k",   "soak",            "arm64-debug",  kselftest("arm64-debug", 4200, "--device-tree", HIGH_CMA, scripts=MOST)),
    Stage("rest 64k",        "soak",            "arm64-debug",  kselftest("arm64-debug", 4200, "--device-tree", HIGH_CMA, scripts=REST)),
    Stage("kselftest debug", "soak",            "debug",        kselftest("debug", 4200, scripts=MOST)),
    Stage("kselftest debug-builtin", "soak",    "debug-builtin", kselftest("debug-builtin", 4200, "--append", DEBUGGED, scripts="traces.sh holders.sh")),
    Stage("rest debug",      "soak",            "debug",        kselftest("debug", 4200, scripts=f"{REST} faults.sh kunit.sh")),
    Stage("cycles",          "soak",            "plain",        kselftest("plain", 4200, scripts="cycle.sh", settings="CYCLES=1000")),
    Stage("cycles debug",    "soak",            "debug",        kselftest("debug", 4200, scripts="cycle.sh", settings="CYCLES=100")),
    Stage("stress",          "soak",            "plain",        kselftest("plain", 14400, scripts="stress.sh", settings="OPS=27000000")),
    Stage("stress debug",    "soak",            "debug",        kselftest("debug", 14400, scripts="stress.sh", settings="OPS=1350000")),
    Stage("drivers debug",   "soak",            "arm64-debug",  drivers("arm64-debug", *LONG)),
    Stage("drivers smmu",    "soak",            "arm64-builtin", drivers("arm64-builtin", CLIENTS[1])),
    Stage("kselftest rt",    "soak",            "rt",           kselftest("rt", 7200, scripts=REALTIME, settings="OPS=270000")),
    Stage("torture rt",      "soak",            "rt",           torture("rt")),
    Stage("clippy riscv64",  "soak",            "riscv64",      command("lint", "clippy", "riscv64")),
    Stage("kselftest riscv64", "soak",          "riscv64",      kselftest("riscv64", 7200, "--device-tree", HIGH_CMA, scripts=TWO_ZONES, settings="OPS=270000")),
    Stage("drivers riscv64", "soak",            "riscv64",      drivers("riscv64", CLIENTS[0])),
    Stage("torture riscv64", "soak",            "riscv64",      torture("riscv64", "--device-tree", HIGH_CMA)),
    Stage("torture",         "soak",            "plain",        torture("plain")),
    Stage("torture encrypted", "soak",          "encrypted",    torture("encrypted")),
    Stage("torture debug",   "soak",            "debug",        torture("debug")),
    Stage("torture arm64",   "soak",            "arm64",        torture("arm64", "--device-tree", HIGH_CMA)),
    Stage("bursts",          "soak",            "plain",        ktap_command("bursts", "--ktap")),
    Stage("bench called",    "soak",            "plain builtin-called stock", bench("plain", "--called", "x86_64")),
    Stage("mutants host",    "soak",            "plain",        ktap_command("mutants", "host", "cargo-mutants")),
    Stage("mutants plain",   "soak",            "plain",        ktap_command("mutants", "plain")),
    Stage("mutants encrypted", "soak",          "encrypted",    ktap_command("mutants", "encrypted")),
    Stage("mutants debug",   "soak",            "debug",        ktap_command("mutants", "debug")),
    Stage("mutants arm64",   "soak",            "arm64",        ktap_command("mutants", "arm64")),
    Stage("mutants 64k",     "soak",            "arm64-debug",  ktap_command("mutants", "arm64-debug")),
    Stage("crash-kernel",    "soak",            "crash",        ktap_command("crash-kernel-test")),
    Stage("dma-pools",       "soak",            "plain arm64-builtin",       ktap_command("dma-pools-test")),
)
# fmt: on
