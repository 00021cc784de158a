"""The files that a program needs to run: itself, its loader and its libraries."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_LIST_SECONDS = 10.0
_LIBRARY = re.compile(r"(/\S.*?) \(0x")  # as both glibc's and musl's loader print it
_INDEX_OF_LIBRARIES = "/etc/ld.so.cache"
_PT_INTERP = 3


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its path. What is not known of it, because it cannot be read, is empty.

    A script starts other programs, which no sandbox can foresee.
    """

    path: str
    is_script: bool = False
    executables: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


def program_of(name: str) -> Program:
    """The program of that path, or of that name in the PATH. Takes some milliseconds the first time."""
    path = name if os.path.dirname(name) else shutil.which(name) or name  # noqa: PTH120 - "./name" has one
    try:
        return _program_at(path, os.stat(path).st_mtime_ns)  # noqa: PTH116 - as above
    except OSError:  # the exec says why
        return Program(path)


@lru_cache(maxsize=16)
def _program_at(path: str, _changed_at: int) -> Program:
    with Path(path).open("rb") as file:
        head = file.read(64)
        if head.startswith(b"#!"):
            return Program(path, is_script=True)
        loader = _loader(head, file.fileno())
    if loader is None:
        return Program(path, executables=(path,))
    return Program(path, executables=(path, loader), libraries=(_INDEX_OF_LIBRARIES, *_libraries(loader, path)))


def _loader(head: bytes, descriptor: int) -> str | None:
    """The loader that a 64-bit ELF file names (elf(5)). None: it is static, or something else."""
    if head[:6] != b"\x7fELF\x02\x01":
        return None
    (table,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    for index in range(count):
        kind, _, offset, _, _, length = struct.unpack("<IIQQQQ", os.pread(descriptor, 40, table + index * size))
        if kind == _PT_INTERP:
            return os.fsdecode(os.pread(descriptor, length, offset).rstrip(b"\0"))
    return None


def _libraries(loader: str, path: str) -> tuple[str, ...]:
    """What the loader would load for the program, libraries of libraries included."""
    try:
        listed = subprocess.run(
            [loader, "--list", path], check=False, env={}, capture_output=True, timeout=_LIST_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(dict.fromkeys(_LIBRARY.findall(os.fsdecode(listed.stdout))))
