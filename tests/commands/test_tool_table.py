# SPDX-License-Identifier: GPL-2.0
"""tools/dma-pools: the table of the pools, once and again and again."""

import os
import re
import signal
import subprocess
import time

from conftest import SAMPLES, TOOL, stats_of


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
