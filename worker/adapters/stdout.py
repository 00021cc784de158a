"""Standard output, written by a thread of its own, so that a reader that hangs delays no job."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from queue import Empty, SimpleQueue
from select import select
from typing import BinaryIO

from worker.events import Event, emit

MAX_WAITING = 4096  # lines, a few megabytes
_CLOSE_SECONDS = 2.0


class LineWriter:
    """Writes lines in order, from a thread. `write` never waits: while MAX_WAITING lines wait, a new one is dropped.

    When writing works again, one line says how many were dropped.
    """

    def __init__(self, output: BinaryIO | FileIO) -> None:
        self._output = output
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()  # a finalizer may log in the middle of a put
        self._dropped = 0
        self._counting = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue a line; the newline is added. Safe from any thread; returns at once."""
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put(line + b"\n")
        else:
            self._drop(1)

    debug = info = warning = error = write  # what structlog calls

    def close(self) -> None:
        """Write what is left, for two seconds at most. Nothing is written afterwards."""
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        is_open = is_writable = True
        while is_open:
            lines = [self._waiting.get(), *self._left()]
            if is_writable and self._dropped:
                self._report_dropped()
                lines += self._left()
            is_open = None not in lines
            is_writable = self._put_out([line for line in lines if line is not None])

    def _left(self) -> Iterator[bytes | None]:
        with suppress(Empty):
            for _ in range(MAX_WAITING):
                yield self._waiting.get_nowait()

    def _put_out(self, lines: list[bytes]) -> bool:
        """Returns False where it failed: a broken pipe, a full disk, a closed file. No job fails because of it."""
        rest = memoryview(b"".join(lines))
        try:
            while rest:
                written = self._output.write(rest)
                if written is None:  # the pipe is full, and its other end has made it non-blocking
                    select((), (self._output,), ())
                else:
                    rest = rest[written:]
            self._output.flush()
        except (OSError, ValueError):
            self._drop(len(lines))
            return False
        return True

    def _drop(self, count: int) -> None:
        with self._counting:
            self._dropped += count

    def _report_dropped(self) -> None:
        with self._counting:
            dropped, self._dropped = self._dropped, 0
        emit(Event.LOG_DROPPED, lines=dropped)
