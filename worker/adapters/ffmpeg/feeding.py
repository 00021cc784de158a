"""Gives ffmpeg a source that is still coming: a pipe, into which its bytes go as they are written to the file."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace

from worker.adapters.shielding import run_shielded
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import ReadAt
from worker.ports import IncomingSource, SourceAudio

# What reads the same from a pipe as from a file, and needs nothing from its end. FLAC is examined at its last frame.
FED = frozenset({Container.WAV})
_PIPE_BYTES = 1 << 20  # the most that Linux gives to anybody; a shorter pipe costs a turn of the loop more often
_STEP_BYTES = 1 << 20
_SET_SIZE, _GET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None), getattr(fcntl, "F_GETPIPE_SZ", None)
_USUAL_PIPE_BYTES = 1 << 16  # pipe(7)
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.001, 0.05


class NotYetThereError(Exception):
    """Bytes are asked for that have not come."""


def so_far(read_at: ReadAt, written_bytes: int, size_bytes: int) -> ReadAt:
    """A reader of the whole file, of which `written_bytes` are there. It raises NotYetThereError beyond these."""

    def read(offset: int, size: int) -> bytes:
        if max(0, offset) < min(offset + size, size_bytes) and min(offset + size, size_bytes) > written_bytes:
            raise NotYetThereError
        return read_at(offset, size)

    return read


@asynccontextmanager
async def as_it_comes(
    audio: SourceAudio, source_fds: list[int], incoming: IncomingSource | None
) -> AsyncIterator[tuple[SourceAudio, list[int]]]:
    """The source as ffmpeg is to read it: through a pipe while it is coming, else by its file.

    Raises OSError, and ReadOnceError for a source that has been read before and is not kept.
    """
    if incoming is None or incoming.is_complete:
        yield audio, source_fds
        return
    # What the decoder must not see does not go into the pipe.
    begin, end = audio.structure.read_range or (0, incoming.size_bytes)
    with ExitStack() as stack:
        read_end, write_end = os.pipe()
        stack.callback(os.close, read_end)
        closing = stack.enter_context(ExitStack())
        closing.callback(os.close, write_end)
        os.set_blocking(write_end, False)
        if _SET_SIZE is not None:
            with suppress(OSError):  # the user has too many pipes
                fcntl.fcntl(write_end, _SET_SIZE, _PIPE_BYTES)
        feeding = asyncio.create_task(_feed(source_fds[0], write_end, begin, end, incoming, closing), name="feeding")
        try:
            yield replace(audio, structure=replace(audio.structure, read_range=None)), [read_end]
        finally:
            feeding.cancel()
            await run_shielded(_ended(feeding))
        if not feeding.cancelled():
            feeding.result()


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


async def _feed(source_fd: int, pipe: int, begin: int, end: int, incoming: IncomingSource, closing: ExitStack) -> None:
    """Write the bytes between `begin` and `end` to the pipe, and close it. Raises ReadOnceError.

    The caller keeps the other end open, so that no write fails where ffmpeg has ended: then this task is cancelled.
    """
    offset, writer = begin, _PipeWriter(pipe)
    with closing:
        incoming.read_up_to(begin)  # the headers have been read; the download might wait for that
        while offset < end:
            await incoming.wait_for_more_than(offset)
            # It blocks on the disk where the page cache has lost it. After a cancellation nobody sees what was read.
            chunk = await asyncio.to_thread(os.pread, source_fd, min(_STEP_BYTES, end - offset), offset)
            offset += len(chunk)
            await writer.write(chunk)
            incoming.read_up_to(offset)


class _PipeWriter:
    """Writes to a pipe, and leaves it alone while it is full until about half of it has been read.

    A full pipe is writable once a page of it has been read. To write each time took thousands of turns of the loop for
    a source of 106 MB, and 0.2 of the 0.5 s of CPU that such a job took.
    """

    def __init__(self, pipe: int) -> None:
        """`pipe` does not block."""
        self._pipe = pipe
        self._pipe_bytes = _USUAL_PIPE_BYTES if _GET_SIZE is None else fcntl.fcntl(pipe, _GET_SIZE)
        self._pause_seconds = 0.0  # 0: until it is writable
        self._written = 0  # since the last pause

    async def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            try:
                written = os.write(self._pipe, rest)
            except BlockingIOError:
                self._adapt()
                await (asyncio.sleep(self._pause_seconds) if self._pause_seconds else _writable(self._pipe))
            else:
                rest = rest[written:]
                self._written += written

    def _adapt(self) -> None:
        """Make the pause longer where less than a quarter of the pipe was read in it, and shorter from a half on."""
        pause = self._pause_seconds
        if self._written < self._pipe_bytes // 4:
            self._pause_seconds = min(max(2 * pause, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        elif self._written > self._pipe_bytes // 2:
            self._pause_seconds = pause / 2 if pause > _SHORTEST_PAUSE_SECONDS else 0.0
        self._written = 0


async def _writable(pipe: int) -> None:
    loop, is_ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(pipe, is_ready.set)
    try:
        await is_ready.wait()
    finally:
        loop.remove_writer(pipe)
