"""A real pseudo-terminal that a process runs on, and what was written to it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class Terminal:
    """The other side of a pseudo-terminal. What comes is gathered on a thread until the process has ended."""

    def __init__(self, descriptor: int, process: subprocess.Popen[str]) -> None:
        self._descriptor = descriptor
        self._grown = threading.Condition()
        self._bytes = b""
        self.process = process
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def wait_for(self, text: str, *, timeout: float = 60) -> None:
        """Wait until the text was written. Raises AssertionError after `timeout` seconds, with what was written."""
        with self._grown:
            assert self._grown.wait_for(lambda: text.encode() in self._bytes, timeout), self._bytes

    def shown(self, encoding: str = "utf-8") -> str:
        """All that was written, when the process has ended. Raises UnicodeDecodeError for what the encoding lacks."""
        self._thread.join()
        return self._bytes.decode(encoding)

    def _read(self) -> None:
        while chunk := self._next():
            with self._grown:
                self._bytes += chunk
                self._grown.notify_all()

    def _next(self) -> bytes:
        try:
            return os.read(self._descriptor, 4096)
        except OSError:  # Linux's word for the end: nobody has the terminal open any more
            return b""


@contextmanager
def on_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int, both: bool = False
) -> Iterator[Terminal]:
    """Run the command with its standard error, or `both` outputs, on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs if both else subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        terminal = Terminal(ours, process)
        try:
            yield terminal
        finally:
            process.kill()
            process.wait()
            terminal.shown("latin-1")
            os.close(ours)
