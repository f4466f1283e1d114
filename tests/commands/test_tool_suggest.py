# SPDX-License-Identifier: GPL-2.0
"""tools/dma-pools --suggest: the value of coherent_pool= for what was measured."""

import re

import pytest
from conftest import SAMPLES, stats_of, value

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
