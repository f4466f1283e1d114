# SPDX-License-Identifier: GPL-2.0
"""One real crash: a QEMU guest whose kernel crashes into its crash kernel.

Boots the images that `images` made, waits until the guest is off or its time
is up, and returns what both kernels reported. Judges nothing (table.py does).
"""

import os
import re
import secrets
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from suite import console

# no_timer_check as the kernel panics when no timer interrupt arrives for some
# milliseconds, in which QEMU on a busy machine may not run at all.
# nokaslr so that runs can be compared to the digit. panic=-1 turns a panic in
# the crash kernel into a reset, at which QEMU ends: no waiting for a time-out.
BOTH = "console=ttyS0 printk.time=1 nokaslr no_timer_check"
FIRST_CMDLINE = f"{BOTH} panic=-1"
CRASH_CMDLINE = f"{BOTH} nr_cpus=1 reset_devices irqpoll panic=-1"


@dataclass
class Setup:
    """What is crashed: kernel, memory and the two command lines."""

    image: Path  # bzImage, first kernel and crash kernel alike
    images: Path  # directory with first.cpio
    memory: str = "1G"
    crashkernel: str = "crashkernel=192M"
    cmdline: str = ""  # the crash kernel's, after CRASH_CMDLINE
    arguments: str | None = None  # of the module; None: it is not loaded
    read_all: bool = False  # read every byte of the dump
    first: str = ""  # parameters of the first kernel, after FIRST_CMDLINE


@dataclass
class Result:
    """What came of it. A key that a guest never sent is an empty string."""

    console: Path
    seconds: float = 0
    ended: str = ""  # why there is no more to be had, if not by itself
    first: dict = field(default_factory=lambda: defaultdict(str))
    crash: dict = field(default_factory=lambda: defaultdict(str))
    vmcore: dict = field(default_factory=lambda: defaultdict(str))
    log: list = field(default_factory=list)  # (level, text) of the crash kernel
    instructions: int | None = None  # of the pools' initcall, where they were counted

    def pools(self, who="crash"):
        """KiB of the kernel, dma and dma32 pools; None where it is not known."""
        sizes = [getattr(self, who)[f"pool_{name}"] for name in ("kernel", "dma", "dma32")]
        return tuple(int(size) // 1024 if size.isdigit() else None for size in sizes)

    def dma_log(self):
        """The crash kernel's messages about the pools."""
        return [
            (level, text) for level, text in self.log if re.match(r"(rust_dma_pool: )?DMA: ", text)
        ]

    def first_splats(self):
        """The first kernel's messages that are a complaint, until it is made to crash."""
        text = self.console.read_text(errors="replace").replace("\r", "")
        return console.complaints(text.partition("sysrq: Trigger a crash")[0])

    def splats(self):
        """The crash kernel's messages that are a complaint."""
        return console.complaints("".join(f"{text}\n" for _, text in self.log))

    def crash_log(self):
        """The first kernel's last words on the console."""
        text = self.console.read_text(errors="replace").replace("\r", "")
        words = re.search(
            r"^[^\n]*sysrq: Trigger a crash.*?(?=^[^\n]*Linux version|\Z)",
            text,
            re.DOTALL | re.MULTILINE,
        )
        return words.group().splitlines() if words else []


def cpio(files):
    """An initramfs segment (format newc) with the directory `case` and files in it."""

    def entry(name, mode, data):
        numbers = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % number for number in numbers) + name.encode() + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    segments = [entry(f"case/{name}", 0o100644, data.encode()) for name, data in files.items()]
    return entry("case", 0o40755, b"") + b"".join(segments) + entry("TRAILER!!!", 0, b"")


def initrd(setup, path):
    case = {"run": secrets.token_hex(7), "cmdline": f"{CRASH_CMDLINE} {setup.cmdline}".strip()}
    if setup.arguments is not None:
        case["arguments"] = setup.arguments
    if setup.read_all:
        case["read-all"] = ""
    path.write_bytes((setup.images / "first.cpio").read_bytes() + cpio(case))


def qemu(setup, directory, extra=()):
    return [
        *("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", setup.memory),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{directory / 'console.log'}"),
        *("-serial", f"file:{directory / 'results.log'}"),
        *("-kernel", str(setup.image), "-initrd", str(directory / "first.cpio")),
        *("-append", f"{FIRST_CMDLINE} {setup.crashkernel} {setup.first}".strip()),
        *extra,
    ]


def parse(result, text):
    """Sorts the lines of the results port into the result."""
    for line in text.replace("\r", "").splitlines():
        match = re.fullmatch(r"(first|crash) (\w+)=(.*)", line)
        if not match:
            continue
        who, key, value = match.groups()
        if key == "log":
            level = re.match(r"<(\d+)>(?:\[ *[\d.]+\] ?)?", value)
            result.log.append(
                (int(level.group(1)) & 7 if level else 7, value[level.end() :] if level else value)
            )
        elif key == "vmcore_found":
            name, _, found = value.partition("=")
            result.vmcore[name] = found
        else:
            getattr(result, who)[key] = value


def run(setup, directory, limit, extra=(), attend=None):
    """Crashes it. `attend` is called while the guest runs (see initcall.py)."""
    directory.mkdir(parents=True, exist_ok=True)
    result = Result(directory / "console.log")
    start = time.monotonic()
    for name in ("console.log", "results.log"):
        (directory / name).write_bytes(b"")
    initrd(setup, directory / "first.cpio")
    with (
        open(directory / "qemu.log", "wb") as log,
        subprocess.Popen(
            qemu(setup, directory, extra),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as guest,
    ):
        try:
            if attend:
                attend(guest)
            status = guest.wait(max(1, limit - (time.monotonic() - start)))
            if status:
                result.ended = f"QEMU failed with status {status}, see {directory / 'qemu.log'}"
        except (subprocess.TimeoutExpired, TimeoutError):
            result.ended = f"it did not end in {limit} seconds"
        except ConnectionError as error:  # in attend
            result.ended = f"QEMU ended early or is not as expected: {error}"
        finally:
            if guest.poll() is None:
                os.killpg(guest.pid, signal.SIGKILL)
    (directory / "first.cpio").unlink()
    result.seconds = time.monotonic() - start
    parse(result, (directory / "results.log").read_text(errors="replace"))
    if not result.ended and result.crash["ended"] != "well":
        if result.first["failed"]:
            result.ended = result.first["failed"]
        elif not result.first["crashing"]:
            result.ended = "the first kernel did not come to the crash"
        elif not result.crash["release"]:
            result.ended = "the crash kernel did not come to its init"
        else:
            result.ended = "the crash kernel did not come to its end"
    return result
