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
_SET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


class NotYetThereError(Exception):
    """Bytes are asked for that have not come."""


def so_far(read_at: ReadAt, written_bytes: int, size_bytes: int) -> ReadAt:
    """Reads as of the whole file, of which so many bytes are written. They raise NotYetThereError beyond these."""

    def read(offset: int, size: int) -> bytes:
        if max(0, offset) < min(offset + size, size_bytes) and min(offset + size, size_bytes) > written_bytes:
            raise NotYetThereError
        return read_at(offset, size)

    return read


@asynccontextmanager
async def as_it_comes(
    audio: SourceAudio, source_fds: list[int], incoming: IncomingSource | None
) -> AsyncIterator[tuple[SourceAudio, list[int]]]:
    """The source as ffmpeg is to read it: through a pipe while it is coming, else by its file. Raises OSError."""
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
    """Write what is between `begin` and `end`, and close the pipe.

    The caller has its other end open, so that no write fails where the reader has ended: it is cancelled then.
    """
    offset = begin
    with closing:
        while offset < end:
            await incoming.more_than(offset)
            # It waits for the disk where the page cache has lost it. After a cancellation nobody sees what was read.
            chunk = await asyncio.to_thread(os.pread, source_fd, min(_STEP_BYTES, end - offset), offset)
            offset += len(chunk)
            await _write(pipe, chunk)


async def _write(pipe: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(pipe, rest) :]
        except BlockingIOError:
            await _writable(pipe)


async def _writable(pipe: int) -> None:
    loop, is_ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(pipe, is_ready.set)
    try:
        await is_ready.wait()
    finally:
        loop.remove_writer(pipe)
