# SPDX-License-Identifier: GPL-2.0
"""tools/dma-pools: what it says of words, files and kernels it has no use for, and its package."""

import re
from pathlib import Path

import pytest
from conftest import SAMPLES, TOOL, TOP, sentence

BAD_WORDS = [
    (["--frob"], "there is no option '--frob'; --help lists those there are"),
    (["10"], "there is no option '10'; --help lists those there are"),
    (["--record"], "--record takes a number of seconds from 1 on, not ''"),
    (["--record", "0"], "--record takes a number of seconds from 1 on, not '0'"),
    (["--record", "1m"], "--record takes a number of seconds from 1 on, not '1m'"),
    (["--watch", "x"], "--watch takes a number of seconds from 1 on, not 'x'"),
    (["--suggest", "--watch"], "--suggest and --watch exclude each other"),
    (["--suggest", "--for", "perl"], "--for takes rust or c, not 'perl'"),
    (["-o"], "-o takes the name of a file"),
    (["-o", "x"], "-o is for --record and --events, --keep for --record"),
    (["--events", "/nonexistent"], "--events takes a file that --keep has written, not '/nonex"),
]


@pytest.mark.parametrize(("words", "expected"), BAD_WORDS)
def test_bad_words(dma_pools, words, expected):
    """One sentence with the value and what is accepted."""
    assert expected in sentence(dma_pools(*words), 2)


def test_bad_files(dma_pools, tmp_path):
    """What is no copy of stats and no recording is named."""
    other = tmp_path / "other"
    other.write_text("size=1\n")
    assert f"'{other}' has no version=1 line" in sentence(dma_pools("--suggest", other), 1)
    other.write_text("version=2\ndma_size=1\n")
    assert "has no version=1 line" in sentence(dma_pools("--suggest", other), 1)
    assert "cannot read '/nonexistent'" in sentence(dma_pools("--suggest", "/nonexistent"), 1)


def test_no_pools_in_debugfs(dma_pools, tmp_path):
    """Each mode that reads it says so."""
    for words in [[], ["--suggest"]]:
        run = dma_pools(*words)
        assert "this kernel has no atomic DMA pools" in sentence(run, 1)
        assert str(tmp_path / "dma_pools") in run.stderr


@pytest.fixture
def user_is(tmp_path):
    """Returns a function that makes id -u say a number: a PATH for it."""

    def make(uid: int) -> Path:
        directory = tmp_path / "id"
        directory.mkdir(exist_ok=True)
        (directory / "id").write_text(f"#!/bin/sh\necho {uid}\n")
        (directory / "id").chmod(0o755)
        return directory

    return make


def test_needs_root(with_programs, user_is):
    """For debugfs and for probes."""
    run = with_programs(first_path=user_is(1000), DMA_POOLS_DIR="")
    assert "only root can read /sys/kernel/debug/dma_pools" in sentence(run, 1)
    run = with_programs("--record", 1, first_path=user_is(1000))
    assert "--record needs root" in sentence(run, 1)


def test_needs_tracing(with_programs, user_is, tmp_path):
    """Without tracefs, kprobes, or the function, it says which is missing."""
    tracing = tmp_path / "tracing"
    tracing.mkdir()
    (tmp_path / "kallsyms").write_text("0000000000000000 T dma_alloc_from_contiguous\n")
    known = {"first_path": user_is(0), "DMA_POOLS_TRACEFS": tracing, "DMA_POOLS_PROC": tmp_path}
    assert "there is no tracefs: mount -t tracefs" in sentence(
        with_programs("--record", 1, **known), 1
    )
    (tracing / "trace_pipe").write_text("")
    assert "CONFIG_KPROBE_EVENTS" in sentence(with_programs("--record", 1, **known), 1)
    (tracing / "kprobe_events").write_text("")
    run = with_programs("--record", 1, **known)
    assert "this kernel has no dma_alloc_from_pool" in sentence(run, 1)
    (tmp_path / "kallsyms").write_text("0000000000000000 T dma_alloc_from_pool\n")
    run = with_programs("--record", 1, **known)
    assert "instances" in sentence(run, 1)
    # What had been set until then is taken back.
    lines = (tracing / "kprobe_events").read_text().splitlines()
    made = {line.split()[0].split(":")[1] for line in lines if line[0] in "pr"}
    assert made and made == {line[2:] for line in lines if line[0] == "-"}


def test_runs_through_ssh(dma_pools):
    """As the standard input of a shell, of which it takes nothing for itself."""
    for words in [["--suggest", SAMPLES / "rust.stats"], ["--events", SAMPLES / "hand.events"]]:
        with TOOL.open() as stdin:
            run = dma_pools(*words, tool=("-s", "--"), stdin=stdin)
        assert run.returncode == 0, run.stderr
        assert run.stdout == dma_pools(*words).stdout
        assert "coherent_pool=" in run.stdout


def test_help_and_version(dma_pools):
    """On stdout, and the manual has every option."""
    text = dma_pools("--help").stdout
    manual = (TOP / "tools/dma-pools.8").read_text().replace("\\-", "-")
    options = set(re.findall(r"(?<![\w-])--?[a-z]+", text))
    assert {"--watch", "--suggest", "--record", "--events", "--for", "-o", "--keep"} <= options
    assert not {option for option in options if option not in manual}
    version = dma_pools("--version").stdout
    assert re.fullmatch(r"dma-pools \d+\.\d+\n", version)
    assert version.split()[1] in manual


def test_package(type_in, tmp_path):
    """It has the tool and its manual, as they are here, and works."""
    run = type_in("scripts/tool-package")
    assert run.returncode == 0, run.stderr
    package = Path(run.stdout.strip())
    assert re.fullmatch(r"dma-pools_\d+\.\d+-\d+_all\.deb", package.name)
    fields = type_in("dpkg-deb", "-f", package).stdout
    for line in ["Package: dma-pools", "Architecture: all", "Section: admin"]:
        assert line in fields.splitlines()
    assert "Depends" not in fields
    type_in("dpkg-deb", "-x", package, tmp_path)
    installed = tmp_path / "usr/sbin/dma-pools"
    assert installed.read_bytes() == TOOL.read_bytes()
    assert type_in(installed, "--version").stdout.startswith("dma-pools ")
    manual = type_in("gzip", "-dc", tmp_path / "usr/share/man/man8/dma-pools.8.gz").stdout
    assert manual == (TOP / "tools/dma-pools.8").read_text()
    assert (tmp_path / "usr/share/doc/dma-pools/copyright").exists()
    assert type_in("make", "-n", "packages").stdout.splitlines() == [
        "scripts/tool-package",
        "scripts/crash-kernel",
    ]
    everything = type_in("dpkg-deb", "-c", package).stdout
    assert "root/root" in everything
    assert str(TOP) not in everything
