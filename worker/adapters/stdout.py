"""Standard output, written by a thread of its own: a reader that hangs holds up no job."""

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
    """Writes lines in their order, soon. `write` never waits: a line that finds MAX_WAITING before it is dropped.

    How many were, one line says when writing works again.
    """

    def __init__(self, output: BinaryIO | FileIO) -> None:
        self._output = output
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()  # whose put a finalizer may interrupt with another
        self._dropped = 0
        self._counting = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Have the line written, without its end. From any thread; returns at once."""
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put(line + b"\n")
        else:
            self._drop(1)

    debug = info = warning = error = write  # what structlog calls

    def close(self) -> None:
        """Write what is left, for two seconds at most; nothing is written after that."""
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        is_open = is_writable = True
        while is_open:
            lines = [self._waiting.get(), *self._left()]
            if is_writable and self._dropped:
                self._tell()
                lines += self._left()
            is_open = None not in lines
            is_writable = self._put_out([line for line in lines if line is not None])

    def _left(self) -> Iterator[bytes | None]:
        with suppress(Empty):
            for _ in range(MAX_WAITING):
                yield self._waiting.get_nowait()

    def _put_out(self, lines: list[bytes]) -> bool:
        """False where it failed: a broken pipe, a full disk, a closed file. The job matters more than its lines."""
        rest = memoryview(b"".join(lines))
        try:
            while rest:
                written = self._output.write(rest)
                if written is None:  # a pipe that its other end has made non-blocking is full
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

    def _tell(self) -> None:
        with self._counting:
            dropped, self._dropped = self._dropped, 0
        emit(Event.LOG_DROPPED, lines=dropped)
