# SPDX-License-Identifier: GPL-2.0
"""tools/dma-pools --events: what it makes of trace events.

What it does with a kernel is tried in tests/drivers (tool.sh) and tests/dma-pools.
"""

import pytest
from conftest import SAMPLES, figures


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
