# SPDX-License-Identifier: GPL-2.0
"""A bad environment gets one clear sentence that says what to do, and nothing is built."""

import re

import pytest


def only_sentence(run) -> str:
    """Returns the one line in which a failed command said why, the last but make's own."""
    assert run.returncode != 0, run.stdout
    lines = [line for line in run.stderr.splitlines() if line and not line.startswith("make: ")]
    problems = [line for line in lines if re.match(r"[a-z-]+: ", line)]
    assert problems == lines[-1:], run.stderr
    return problems[0]


def configured(directory, *lines: str):
    """A directory that looks like a built kernel with this configuration."""
    (directory / ".config").write_text("\n".join(lines) + "\n")
    (directory / "Module.symvers").write_text("")
    return directory


CASES = [
    (["scripts/test", "nosuch"], {}, "there is no stage 'nosuch'; there are: "),
    (["make", "kernel"], {"VARIANT": "nosuch"}, "there is no variant 'nosuch'; there are: "),
    (
        ["make", "run"],
        {"ARCH": "m68k"},
        "ARCH=m68k is not known here; there are x86_64, arm64 and riscv",
    ),
    (["make", "test"], {"ARCH": "riscv"}, "ARCH=riscv: no stage of make test is for that machine"),
    (["make", "modules"], {"KDIR": "/nonexistent"}, "KDIR=/nonexistent does not exist"),
    (["make", "modules"], {"KDIR": "/tmp"}, "is not a built kernel"),
    (["make", "kernel"], {"KSRC": "/tmp"}, "KSRC=/tmp is not a kernel source tree"),
    (["make", "kernel"], {"XDG_CACHE_HOME": "/tmp/a b"}, "set XDG_CACHE_HOME to another place"),
    (
        ["make", "kernel"],
        {"XDG_CACHE_HOME": "/proc"},
        "set XDG_CACHE_HOME to a directory that can be written",
    ),
    (
        ["make", "kernel"],
        {"RUSTC": "/nonexistent/rustc"},
        "there is no /nonexistent/rustc: name the compiler with RUSTC=",
    ),
    (
        ["make", "run"],
        {"QEMU": "/nonexistent/qemu"},
        "there is no /nonexistent/qemu: name one with QEMU=",
    ),
    (["make", "kdump"], {"VARIANT": "arm64"}, "arm64 is for arm64"),
    (
        ["make", "torture"],
        {"MINUTES": "ten"},
        "MINUTES=ten is not accepted; it takes a whole number",
    ),
    (["make", "torture"], {"SEED": "-1"}, "SEED=-1 is not accepted; it takes a whole number"),
    (["make", "soak"], {"HOURS": "1h"}, "HOURS=1h is not accepted; it takes a number"),
    (["make", "shell"], {}, "a shell needs a terminal"),
]


@pytest.mark.parametrize(("argv", "variables", "sentence"), CASES)
def test_says_what_is_wrong(type_in, argv, variables, sentence):
    """One sentence, with the value and what to do."""
    assert sentence in only_sentence(type_in(*argv, **variables))


def test_kernel_without_rust(type_in, tmp_path):
    """The module cannot be built for it."""
    run = type_in("make", "modules", KDIR=configured(tmp_path, "CONFIG_X86_64=y"))
    assert "was built without CONFIG_RUST=y" in only_sentence(run)


def test_kernel_of_another_rustc(type_in, tmp_path):
    """Both versions are named."""
    kdir = configured(tmp_path, "CONFIG_RUST=y", 'CONFIG_RUSTC_VERSION_TEXT="rustc 1.2.3"')
    sentence = only_sentence(type_in("make", "modules", KDIR=kdir))
    assert "was built by 'rustc 1.2.3'" in sentence
    assert "RUSTC=" in sentence


def test_kernel_without_the_series(type_in, tmp_path):
    """The hook of the module is missing."""
    version = type_in("rustc", "--version").stdout.strip()
    kdir = configured(tmp_path, "CONFIG_RUST=y", f'CONFIG_RUSTC_VERSION_TEXT="{version}"')
    run = type_in("make", "modules", KDIR=kdir)
    assert "does not carry the series" in only_sentence(run)


def test_no_network(type_in, tmp_path):
    """An empty cache and a mirror that does not answer."""
    run = type_in(
        "scripts/tools",
        "true",
        XDG_CACHE_HOME=tmp_path,
        DEBIAN_MIRROR="http://127.0.0.1:9/debian",
    )
    assert run.returncode != 0
    assert "is the network there?" in run.stderr.splitlines()[-1]


def test_no_disk_space(type_in, tmp_path):
    """The need and what is left are named."""
    df = tmp_path / "df"
    df.write_text("#!/bin/sh\necho avail\necho 0\n")
    df.chmod(0o755)
    run = type_in(
        "bash", "-c", f"PATH={tmp_path}:$PATH scripts/tools true", XDG_CACHE_HOME=tmp_path / "cache"
    )
    assert "needs about 4 GiB and" in only_sentence(run)
