"""Processes that do not outlive their test, and questions about the processes of others."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def a_process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process whose output is read as text. It is killed at the end, so a failing test does not wait for it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def children_of(parent: int, *, named: str = "") -> list[int]:
    """The ids of the child processes whose program's path contains `named`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            program = (entry / "cmdline").read_bytes().partition(b"\0")[0].decode()
            its_parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if its_parent == parent and named in program:
                found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
