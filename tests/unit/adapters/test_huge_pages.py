"""The heap on huge pages: which regions, and that the kernel does it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from worker.adapters.huge_pages import gather_heap, regions_in_use

_MIB = 1 << 20
_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_CODE = """
from pathlib import Path
from worker.adapters.huge_pages import gather_heap

kept = [str(number) for number in range(500_000)]
gather_heap()
print(Path("/proc/self/smaps_rollup").read_text())
"""


def region(start: int, length: int, resident: int, *, mode: str = "rw-p", path: str = "") -> str:
    """As smaps shows it, in its first lines."""
    inode = "08:01 4711" if path.startswith("/") else "00:00 0"
    sizes = f"Size: {length >> 10:14} kB\nKernelPageSize: 4 kB\nRss: {resident >> 10:15} kB\nVmFlags: rd wr\n"
    return f"{start:x}-{start + length:x} {mode} 00000000 {inode} {path}\n{sizes}"


def test_regions_of_the_heap_that_are_in_use_are_gathered() -> None:
    smaps = region(0x1000_0000, 4 * _MIB, 4 * _MIB, path="[heap]") + region(0x7F00_0000, 3 * _MIB, 3 * _MIB)
    smaps += region(0x7F80_0000, 2 * _MIB, 2 * _MIB, path="[anon: glibc: malloc]")

    assert list(regions_in_use(smaps)) == [
        (0x1000_0000, 4 * _MIB),
        (0x7F00_0000, 3 * _MIB),
        (0x7F80_0000, 2 * _MIB),
    ]


@pytest.mark.parametrize(
    "left_out",
    [
        region(0x7F00_0000, 8 * _MIB, 16 << 10),  # the stack of a thread
        region(0x7F00_0000, 1 * _MIB, 1 * _MIB),
        region(0x7F00_0000, 4 * _MIB, 4 * _MIB, mode="r--p"),
        region(0x7F00_0000, 4 * _MIB, 4 * _MIB, mode="rw-s"),
        region(0x7F00_0000, 4 * _MIB, 4 * _MIB, path="/usr/lib/libcrypto.so.3"),
        region(0x7F00_0000, 4 * _MIB, 4 * _MIB, path="[stack]"),
    ],
    ids=["stack of a thread", "less than a page", "constants", "shared", "of a file", "stack"],
)
def test_nothing_else_is_gathered(left_out: str) -> None:
    heap = region(0x1000_0000, 2 * _MIB, 2 * _MIB, path="[heap]")

    assert list(regions_in_use(left_out + heap)) == [(0x1000_0000, 2 * _MIB)]


def test_where_there_is_no_such_file_nothing_happens(tmp_path: Path) -> None:
    gather_heap(tmp_path / "smaps")


def _can_gather_at_once() -> bool:
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    is_new = release is not None and (int(release[1]), int(release[2])) >= (6, 1)
    return sys.platform == "linux" and is_new and _SETTING.exists()


@pytest.mark.skipif(not _can_gather_at_once(), reason="needs Linux 6.1 with transparent huge pages")
def test_the_kernel_gathers_the_heap_of_a_process_at_once() -> None:
    """An own process: this one may have been gathered by the kernel itself."""
    run = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)

    gathered = re.search(r"AnonHugePages: +(\d+) kB", run.stdout)
    assert gathered is not None
    assert int(gathered[1]) * 1024 >= 8 * _MIB  # of the 30 MB that the objects take
