"""Processes that do not outlive their test, and questions about the processes of others."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from worker.demo.servers import Server


@contextmanager
def a_process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process whose output is read as text. It is killed at the end, so a failing test does not wait for it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def freeze(server: Server) -> None:
    """Stop the server's process (SIGSTOP): its connections stay open and nothing answers."""
    server.process.send_signal(signal.SIGSTOP)


def thaw(server: Server) -> None:
    """Let a frozen server go on. Does nothing to one that runs."""
    server.process.send_signal(signal.SIGCONT)


def descendants_of(ancestor: int, *, named: str = "") -> list[int]:
    """The ids of the processes beneath it whose program's path contains `named`, at any depth; no zombies."""
    parents: dict[int, int] = {}
    programs: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            pid = int(entry.name)
            programs[pid] = (entry / "cmdline").read_bytes().partition(b"\0")[0].decode()
            parents[pid] = parent_of(pid)

    def is_beneath(pid: int) -> bool:
        parent = parents.get(pid)
        return parent is not None and (parent == ancestor or is_beneath(parent))

    return [pid for pid, program in programs.items() if named in program and program and is_beneath(pid)]


def parent_of(pid: int) -> int:
    """The id of a process's parent. Raises FileNotFoundError or ProcessLookupError where the process has ended."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def processes_of(program: str) -> list[int]:
    """The ids of the processes that run the program of that path, zombies left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if (entry / "cmdline").read_bytes().startswith(program.encode() + b"\0"):
                found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
