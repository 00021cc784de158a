"""The heap in pages of 2 MiB, where the kernel has them: Linux's transparent huge pages.

A job reads objects from all over the heap. Where that is in pages of 4 KiB, the processor has to look up hundreds of
them anew each time a converter has run on the same core.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from worker.adapters.sandbox import kernel

# linux/mman.h
_MADV_HUGEPAGE = 14
_MADV_COLLAPSE = 25  # since Linux 6.1
_PAGE_BYTES = 2 << 20
_LEAST_SHARE_IN_USE = 0.75

# proc_pid_smaps(5): of private memory that can be written and is of no file
_REGION = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *(?:\[heap\]|\[anon:.*\])?\nSize:(?s:.*?)\nRss: +(\d+) kB", re.MULTILINE
)


def gather_heap(smaps: Path = Path("/proc/self/smaps")) -> None:
    """Have the kernel put what is in memory now on huge pages: at once since Linux 6.1, and in its own time before.

    Does nothing where it cannot. Takes some milliseconds, and at most a third more memory for what it gathers: only
    regions of which three quarters are in use, so not the stacks of threads.
    """
    if kernel.IS_LINUX:
        with suppress(OSError):
            for start, length in regions_in_use(smaps.read_text("ascii", "replace")):
                for advice in (_MADV_HUGEPAGE, _MADV_COLLAPSE):
                    kernel.libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), ctypes.c_int(advice))


def regions_in_use(smaps: str) -> Iterator[tuple[int, int]]:
    """The start and the length in bytes of each region of the heap that is worth it, from the text of smaps."""
    for start, end, resident_kib in _REGION.findall(smaps):
        length = int(end, 16) - int(start, 16)
        if length >= _PAGE_BYTES and int(resident_kib) * 1024 >= length * _LEAST_SHARE_IN_USE:
            yield int(start, 16), length
