# SPDX-License-Identifier: GPL-2.0
"""tools/dma-pools: what it prints of figures and of trace events, in each shell it is for.

What it does with a kernel is tried in tests/drivers (tool.sh) and tests/dma-pools.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import TOP

TOOL = TOP / "tools/dma-pools"
SAMPLES = Path(__file__).parent / "dma-pools"


@pytest.fixture(scope="session")
def busybox(tmp_path_factory):
    """A PATH with nothing but busybox's programs."""
    directory = tmp_path_factory.mktemp("busybox")
    found = next(
        path
        for place in os.environ["PATH"].split(":")
        if (path := Path(place) / "busybox").exists()
    )
    names = subprocess.run([found, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    for name in names.stdout.split():
        (directory / name).symlink_to(found)
    return directory


def runner(home: Path, shell: list[str], path: str):
    """Returns a function that runs the tool; first_path= comes before all other programs."""

    def run(*words, first_path="", tool=(str(TOOL),), stdin=None, **variables):
        known = {"DMA_POOLS_DIR": home / "dma_pools", "PATH": f"{first_path}:{path}"}
        return subprocess.run(
            [*shell, *tool, *map(str, words)],
            env={k: str(v) for k, v in (known | variables).items()},
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(params=["dash", "busybox"])
def dma_pools(request, tmp_path, busybox):
    """Runs it with dash and the programs of this machine, and with busybox alone."""
    if request.param == "busybox":
        return runner(tmp_path, [str(busybox / "sh")], str(busybox))
    return runner(tmp_path, ["dash"], os.environ["PATH"])


@pytest.fixture
def with_programs(tmp_path):
    """Runs it with a shell that takes programs from first_path=, which busybox does not."""
    return runner(tmp_path, ["dash"], os.environ["PATH"])


@pytest.fixture
def pools(tmp_path):
    """debugfs dma_pools/ of a kernel; call it with the files."""

    def make(**files) -> Path:
        directory = tmp_path / "dma_pools"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(f"{text}\n")
        return directory

    return make


def figures(text: str) -> dict[str, str]:
    """A recording or stats."""
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("device="))


def value(run: subprocess.CompletedProcess) -> str:
    """The one line of a suggestion that is no comment."""
    assert run.returncode == 0, run.stderr
    (line,) = [line for line in run.stdout.splitlines() if not line.startswith("#")]
    return line


def stats_of(**changes) -> str:
    """The figures of one pool with 128 KiB that nobody used, except for changes."""
    known = {"version": 1, "pools": "rust", "page_size": 4096, "max_block": 4 << 20}
    known |= {"dma_size": 131072, "dma_used": 0, "dma_used_hiwater": 0}
    return "".join(f"{k}={v}\n" for k, v in (known | changes).items())


def sentence(run: subprocess.CompletedProcess, status: int) -> str:
    """What a failed run said, which is one line and nothing else."""
    assert run.returncode == status, run
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("dma-pools: ")
    return line


# --- the table ------------------------------------------------------------------------


def test_table(dma_pools, pools):
    """A row for each pool with its bar, and what failed."""
    pools(stats=(SAMPLES / "rust.stats").read_text())
    lines = dma_pools().stdout.splitlines()
    assert lines[0].split() == ["pool", "size", "used", "peak", "largest", "free", "failed"]
    assert lines[1].split()[:6] == ["kernel", "128K", "0", "0", "128K", "0"]
    assert lines[2].split()[:6] == ["dma", "512K", "96K", "388K", "256K", "2"]
    # 24 characters for 512 KiB
    assert lines[1].endswith(f"[{'.' * 24}]")
    assert lines[2].endswith(f"[{'#' * 5}{'+' * 14}{'.' * 5}]")
    assert max(map(len, lines)) < 80
    assert "dma: the largest request that failed had 8192 bytes, for 0000:00:05.0." in lines


def test_table_of_a_full_pool(dma_pools, pools):
    """The bar ends where the pool does, and begins with the first byte."""
    pools(stats=stats_of(dma_used=131072, dma_used_hiwater=131072))
    assert f"[{'#' * 24}]" in dma_pools().stdout
    pools(stats=stats_of(dma_used=1, dma_used_hiwater=262144))
    assert f"[#{'+' * 23}]" in dma_pools().stdout


def test_table_says_what_else_is_wrong(dma_pools, pools):
    """What has no column is a sentence, if there is any of it."""
    pools(stats=stats_of(failed_no_pool=3, failed_disabled=2, dma_leaked=131072))
    text = dma_pools().stdout
    assert "Requests that found no pool: 3." in text
    assert "Requests refused as pools are disabled: 2." in text
    assert "dma: 128K are lost until the next boot." in text
    pools(stats=stats_of(failed_no_pool=0, failed_disabled=0, dma_leaked=0))
    assert len(dma_pools().stdout.splitlines()) == 3


def test_table_of_the_pools_in_c(dma_pools, pools):
    """Sizes alone, and how to have more; nothing is suggested."""
    pools(pool_size_kernel=4194304, pool_size_dma=131072, pool_size_dma32=0)
    run = dma_pools()
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    assert [line.split() for line in lines[1:3]] == [
        ["kernel", "4M", "-", "-", "-", "-"],
        ["dma", "128K", "-", "-", "-", "-"],
    ]
    assert lines[3:] == [
        "The pools in C show their sizes alone. dma-pools --record SECONDS measures the rest."
    ]
    run = dma_pools("--suggest")
    assert run.returncode == 1
    assert run.stdout.startswith("# the peak of these pools is not known: dma-pools --record")


def test_table_of_no_pools(dma_pools, pools):
    """coherent_pool=0, say."""
    pools(pool_size_kernel=0, pool_size_dma=0, pool_size_dma32=0, disabled_allocs=0)
    assert "There are no pools." in dma_pools().stdout
    run = dma_pools("--suggest")
    assert (run.returncode, run.stdout) == (1, "# there are no pools\n")


def test_watch(dma_pools, pools, tmp_path):
    """Shows what has changed since, until it is stopped."""
    directory = pools(stats=stats_of(dma_used=4096, dma_used_hiwater=4096))
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            ["dash", TOOL, "--watch", "1"],
            env=os.environ | {"DMA_POOLS_DIR": str(directory)},
            stdout=output,
            start_new_session=True,
        )
        time.sleep(1.5)
        (directory / "stats").write_text(stats_of(dma_used=8192, dma_used_hiwater=12288))
        time.sleep(2.5)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    rows = re.findall(r"^dma +128K +(\w+) +(\w+) ", (tmp_path / "output").read_text(), re.MULTILINE)
    assert rows[0] == ("4K", "4K")
    assert rows[-1] == ("8K", "12K")


# --- the suggestion -------------------------------------------------------------------

K = 1024
SUGGESTIONS = [
    # A quarter more, in steps of 64 KiB, 64 KiB at least
    ({"dma_used_hiwater": 4096}, "dma:64K-64K"),
    ({"dma_used_hiwater": 52 * K}, "dma:128K-128K"),
    ({"dma_used_hiwater": 48 * K}, "dma:64K-64K"),
    ({"dma_used_hiwater": 388 * K}, "dma:512K-512K"),
    ({"dma_used_hiwater": 820 * K}, "dma:1088K-1088K"),
    ({"dma_used_hiwater": 13 * 1024 * K}, "dma:16640K-16640K"),
    ({"dma_used_hiwater": 1600 * K}, "dma:2M-2M"),
    # The largest request, as a power of two
    ({"dma_used_hiwater": 172928, "dma_largest_request": 172928}, "dma:256K-256K"),
    ({"dma_used_hiwater": 264 * K, "dma_largest_request": 264 * K}, "dma:512K-512K"),
    # beside others, which may be there first
    ({"dma_used_hiwater": 180224, "dma_largest_request": 172928}, "dma:448K-448K"),
    ({"dma_used_hiwater": 200 * K, "dma_largest_request": 64 * K}, "dma:256K-256K"),
    # as far as the number of blocks allows one
    ({"dma_used_hiwater": 236 * K, "dma_used": 236 * K, "dma_blocks": 17}, "dma:448K-448K"),
    ({"dma_used_hiwater": 236 * K, "dma_used": 236 * K, "dma_blocks": 59}, "dma:320K-320K"),
    # each of which has to be aligned: small ones first, then two large ones
    (
        {"dma_used_hiwater": 424 * K, "dma_aligned_hiwater": 592 * K}
        | {"dma_largest_request": 172928},
        "dma:704K-704K",
    ),
    (
        {"dma_used_hiwater": 252 * K, "dma_aligned_hiwater": 336 * K, "dma_failed_full": 1}
        | {"dma_largest_failed": 172928, "dma_demand": 424 * K, "dma_aligned_demand": 592 * K},
        "dma:704K-704K",
    ),
    # The case of 2020
    ({"dma_failed_full": 1, "dma_largest_failed": 172928}, "dma:256K-256K"),
    # Refused with so much in use, which a recording knows
    (
        {"dma_used_hiwater": 96 * K, "dma_failed_full": 3, "dma_largest_failed": 4096},
        "dma:128K-128K",
    ),
    (
        {"dma_used_hiwater": 96 * K, "dma_failed_full": 3, "dma_largest_failed": 8192}
        | {"dma_demand": 96 * K},
        "dma:128K-128K",
    ),
    (
        {"dma_used_hiwater": 96 * K, "dma_failed_full": 3, "dma_largest_failed": 16384}
        | {"dma_demand": 112 * K},
        "dma:192K-192K",
    ),
    # What a device cannot reach is not a matter of size.
    ({"dma_used_hiwater": 4096, "dma_failed_mask": 9, "dma_largest_failed": 262144}, "dma:64K-64K"),
    # What no block can hold neither.
    (
        {"dma_used_hiwater": 4096, "dma_failed_full": 9, "dma_largest_failed": 8 << 20},
        "dma:64K-64K",
    ),
    # Steps of 64 KiB with pages of that size as well
    ({"dma_used_hiwater": 65536, "page_size": 65536, "max_block": 512 << 20}, "dma:128K-128K"),
    # Several, and one that nobody used
    (
        {"dma_used_hiwater": 4096, "kernel_size": 131072, "kernel_used_hiwater": 131072}
        | {"dma32_size": 131072, "dma32_used_hiwater": 0},
        "kernel:192K-192K,dma:64K-64K",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), SUGGESTIONS)
def test_suggests(dma_pools, pools, changes, expected):
    """The list for the pools in Rust: one line, and reasons as comments."""
    pools(stats=stats_of(**changes))
    run = dma_pools("--suggest")
    assert value(run) == f"coherent_pool={expected}"
    for pool in re.findall(r"(\w+):", expected):
        assert re.search(f"^# {pool}: .*in steps of ", run.stdout, re.MULTILINE)


def test_suggestion_has_its_reasons(dma_pools, pools):
    """Peak, margin, what was refused, and what is left out."""
    pools(
        stats=stats_of(dma_used_hiwater=24 * K, dma_failed_full=1, dma_largest_failed=172928)
        + "dma_largest_failed_dev=0000:00:05.0\ndma32_size=131072\ndma32_used_hiwater=0\n"
    )
    lines = dma_pools("--suggest").stdout.splitlines()
    assert lines == [
        "# dma: 24K at the peak, and 172928 bytes that were refused to 0000:00:05.0: 196K, and a"
        + " quarter more; but a block of 176128 bytes begins at a multiple of 256K; in steps of 64K"
        + " that is 448K",
        "# dma32: not used; a list makes only the pools that it names",
        "# for the pools in C, where every pool has this size, a power of two: coherent_pool=512K",
        "# for the pools in Rust, which then neither grow nor shrink:",
        "coherent_pool=dma:448K-448K",
    ]


@pytest.mark.parametrize(
    ("peak", "expected"),
    [(4096, "64K"), (96 * K, "128K"), (388 * K, "512K"), (2000 * K, "4M"), (9000 * K, "4M")],
)
def test_suggests_for_c(dma_pools, pools, peak, expected):
    """One size for all, a power of two, not above the largest block."""
    pools(stats=stats_of(dma_used_hiwater=peak))
    run = dma_pools("--suggest", "--for", "c")
    assert value(run) == f"coherent_pool={expected}"
    assert ("has to grow to 16M" in run.stdout) == (peak > 4 << 20)


def test_suggests_nothing_without_use(dma_pools, pools):
    """That is a result: no value, and no failure."""
    pools(stats=stats_of())
    run = dma_pools("--suggest")
    assert run.returncode == 0
    assert run.stdout == "# nobody used the pools: there is no value to suggest\n"


def test_request_that_no_block_holds(dma_pools, pools):
    """It is named, and nothing is made larger for it."""
    pools(stats=stats_of(dma_failed_full=1, dma_largest_failed=8 << 20))
    text = dma_pools("--suggest").stdout
    assert "a request of 8388608 bytes is larger than any block of this kernel (4M)" in text
    assert "coherent_pool=" not in text


def test_suggests_of_a_file(dma_pools, tmp_path):
    """A copy of stats as well as a recording, also with the line ends of a terminal."""
    copy = tmp_path / "copy"
    copy.write_bytes((SAMPLES / "rust.stats").read_bytes())
    assert value(dma_pools("--suggest", copy)) == "coherent_pool=dma:512K-512K"
    assert value(dma_pools("--suggest", copy, "--for", "c")) == "coherent_pool=512K"
    copy.write_bytes(copy.read_bytes().replace(b"\n", b"\r\n") + b"pools=c\r\n")
    assert value(dma_pools("--suggest", copy)) == "coherent_pool=512K"


# --- the recorder ---------------------------------------------------------------------


def recording(dma_pools, tmp_path, sample: str) -> tuple[dict[str, str], list[str], str]:
    """Figures and device lines of a sample, and all that was printed."""
    run = dma_pools("--events", SAMPLES / sample, "-o", tmp_path / "recording")
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "recording").read_text()
    devices = [line for line in text.splitlines() if line.startswith("device=")]
    return figures(text), devices, run.stdout


@pytest.mark.parametrize(("kernel", "pages"), [("5.10", 4), ("6.1", 5), ("7.3", 5)])
def test_events_of_debian(dma_pools, tmp_path, kernel, pages):
    """Those of a real run: NVMe took some pages from the kernel pool, and gave them back."""
    known, devices, text = recording(dma_pools, tmp_path, f"debian-{kernel}.events")
    assert known["kernel"].startswith(kernel)
    expected = {"allocs": pages, "frees": pages, "used": 0, "used_hiwater": pages * 4096}
    expected |= {"size_before": 131072, "size": 262144, "largest_request": 4096}
    expected |= {"failed_full": 0}
    assert {name: int(known[f"kernel_{name}"]) for name in expected} == expected
    assert known["dma_allocs"] == known["dma32_allocs"] == "0"
    taken = f"allocs={pages} frees={pages} peak={pages * 4096} largest=4096 failed=0"
    assert devices == [f"device=0000:00:01.0 pool=kernel {taken}"]
    assert text.splitlines()[-1] == "coherent_pool=64K"


def test_calls_in_each_other(dma_pools, tmp_path):
    """Interrupts, idle tasks, names, failures, foreign frees, lost events."""
    known, devices, text = recording(dma_pools, tmp_path, "hand.events")
    assert devices == [
        "device=usb_1-1 pool=kernel allocs=1 frees=1 peak=4096 largest=4096 failed=0",
        "device=eth0 pool=dma allocs=1 frees=0 peak=4096 largest=100 failed=0",
        "device=(no_device) pool=kernel allocs=0 frees=0 peak=0 largest=172928 failed=1",
        "device=0000:00:05.0 pool=kernel allocs=2 frees=1 peak=73728 largest=65536 failed=0",
    ]
    expected = {"kernel_used": 8192, "kernel_used_hiwater": 73728, "kernel_demand": 180224}
    expected |= {"kernel_aligned_hiwater": 73728, "kernel_aligned_demand": 4096 + 262144}
    expected |= {"kernel_largest_failed": 172928, "dma_used": 4096, "lost": 4, "seconds": 60}
    assert {name: int(known[name]) for name in expected} == expected
    assert "4 events were lost: the figures are too low." in text


def test_trace_events(dma_pools, tmp_path):
    """Those of the pools in Rust, which name the pool, and what was used before is known."""
    known, devices, text = recording(dma_pools, tmp_path, "traced.events")
    expected = {"allocs": 2, "frees": 2, "used": 4096, "used_hiwater": 77824, "growths": 1}
    expected |= {"failed_full": 1, "failed_mask": 1, "demand": 143360}
    assert {name: int(known[f"dma_{name}"]) for name in expected} == expected
    assert (known["failed_no_pool"], known["failed_disabled"]) == ("1", "1")
    assert devices == [
        "device=0000:00:08.0 pool=dma allocs=2 frees=1 peak=69632 largest=65536 failed=1",
        "device=(no_device) pool=dma allocs=0 frees=0 peak=0 largest=4096 failed=1",
    ]
    assert "not counted" not in text
    assert text.splitlines()[-1] == "coherent_pool=dma:192K-192K"


ALLOC = (
    "dd-1 [000] d.... {0}.{1:06}: served: (x <- dma_alloc_from_pool)"
    ' dev="d" bytes={2} gfp={3} page=0x{4} addr=0x{5}\n'
)
FREE = "dd-1 [000] d.... {0}.{1:06}: freed: (x <- dma_free_from_pool) addr=0x{2} bytes={3} ok=1\n"


def test_what_was_taken_before(dma_pools, tmp_path):
    """What goes back without having been seen was out: two pages, so that three are the peak."""
    events = tmp_path / "events"
    events.write_text(
        "page_size=4096\npools=c\nkernel_size_before=131072\n"
        + ALLOC.format(1, 1, 4096, 0, "10", "100")
        + FREE.format(1, 2, "200", 4096)
        + FREE.format(1, 3, "300", 4096)
        + FREE.format(1, 4, "100", 4096)
        + ALLOC.format(1, 5, 4096, 0, "10", "100")
    )
    dma_pools("--events", events, "-o", tmp_path / "recording")
    known = figures((tmp_path / "recording").read_text())
    assert (known["kernel_used"], known["kernel_used_hiwater"]) == ("4096", "12288")


def test_events_out_of_order(dma_pools, tmp_path):
    """A block that comes again before its free was seen is counted once."""
    events = tmp_path / "events"
    events.write_text(
        "page_size=4096\npools=c\nkernel_size_before=131072\n"
        + ALLOC.format(1, 1, 4096, 0, "10", "100")
        + ALLOC.format(1, 3, 4096, 0, "10", "100")
        + ALLOC.format(1, 4, 4096, 0, "20", "200")
    )
    dma_pools("--events", events, "-o", tmp_path / "recording")
    assert figures((tmp_path / "recording").read_text())["kernel_used"] == "8192"


@pytest.mark.parametrize(
    ("sizes", "gfp", "pool"),
    [
        ("kernel dma dma32", 0xA20, "kernel"),
        ("kernel dma dma32", 0xA21, "dma"),
        ("kernel dma dma32", 0xA24, "dma32"),
        # The next where there is none, in the order of C
        ("dma dma32", 0xA20, "dma32"),
        ("dma", 0xA20, "dma"),
        ("kernel dma32", 0xA21, "dma32"),
        ("kernel dma", 0xA24, "dma"),
    ],
)
def test_pool_of_a_request(dma_pools, tmp_path, sizes, gfp, pool):
    """It is the one that is asked first."""
    events = tmp_path / "events"
    known = "".join(f"{name}_size_before=131072\n" for name in sizes.split())
    events.write_text(f"page_size=4096\n{known}" + ALLOC.format(1, 1, 4096, gfp, "10", "100"))
    dma_pools("--events", events, "-o", tmp_path / "recording")
    assert f"device=d pool={pool} " in (tmp_path / "recording").read_text()


def test_no_use_is_a_result(dma_pools, tmp_path):
    """Nothing happened while it recorded: it says so, and does not fail."""
    events = tmp_path / "events"
    events.write_text("page_size=4096\npools=c\nkernel_size_before=131072\nseconds=10\n")
    run = dma_pools("--events", events)
    assert run.returncode == 0
    assert "nobody used the pools in these 10 seconds" in run.stdout


# --- what is wrong --------------------------------------------------------------------

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
    (["-o", "x"], "-o and --keep are for --record"),
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


# --- the rest -------------------------------------------------------------------------


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
