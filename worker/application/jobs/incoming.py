"""A source while it is downloaded, for a converter that begins before its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from worker.ports import ReadOnceError

# How much of the source must have come before its headers are read: a sixteenth of it, but at most a mebibyte. Where
# the headers are longer, as with a cover in front of the sound, the download is waited for.
_FRONT_SHARE = 16
_FRONT_BYTES = 1 << 20
# Of a window, half may be written and not read, and so much is waited for before the headers are read. The rest is for
# what is read and not yet given back, a step at most, and for what a download writes at a time.
_UNREAD_SHARE = 2
_STEP_SHARE = 16


class Incoming:
    """The source in the file at `path`, of which `size_bytes` come (0: not known beforehand).

    It is written from the first byte to the last, and what is in the file is never changed.
    With `window_bytes` it passes through: it is read once, and the file keeps no more of it than that. It is an
    `IncomingSource` for the converter, and the `Passage` of its download.
    """

    def __init__(self, path: Path, window_bytes: int | None = None) -> None:
        self.size_bytes = 0
        self.is_converted_early = False  # a converter reads it while it comes
        self._path = path
        self._window_bytes = window_bytes
        self._read_bytes = self._released_bytes = 0  # of a source that passes through
        self._news = asyncio.Event()
        self._has_come = False

    @property
    def is_kept(self) -> bool:
        """Whether all that comes stays in the file."""
        return self._window_bytes is None

    @property
    def written_bytes(self) -> int:
        """How many bytes are in the file."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def is_complete(self) -> bool:
        """Whether all of it is in the file, and was not changed meanwhile."""
        return self._has_come and self.is_kept

    def moved(self) -> None:
        """Note that more has been written. The download calls it."""
        self._news.set()

    async def wait_for_more_than(self, written_bytes: int) -> None:
        """Wait until more bytes than that are written, or all. Raises ReadOnceError where that byte is not kept."""
        if written_bytes < self._read_bytes:
            raise ReadOnceError
        while not self._has_come and self.written_bytes <= written_bytes:
            await self._more()

    async def wait_until_complete(self) -> None:
        """Wait until all of it has come."""
        while not self._has_come:
            await self._more()

    def read_up_to(self, offset: int) -> None:
        """Note that nobody reads the bytes before this offset any more."""
        if not self.is_kept:
            self._read_bytes = max(self._read_bytes, offset)
            self._news.set()

    async def wait_for_room(self) -> tuple[int, int]:
        """Wait while half a window is written and not read. Returns what is to be given back, in whole steps."""
        assert self._window_bytes is not None
        while self.written_bytes - self._read_bytes > self._window_bytes // _UNREAD_SHARE:
            await self._more()
        begin, step = self._released_bytes, self._window_bytes // _STEP_SHARE
        self._released_bytes = min(self._read_bytes, self.written_bytes) // step * step
        return begin, self._released_bytes

    async def may_be_converted_early(self, least_bytes: int) -> bool:
        """Wait for its front. False where it is complete then, or is kept and has less than so many bytes."""
        await self.wait_for_more_than(0)
        if self.size_bytes < (max(least_bytes, 1) if self.is_kept else 1):
            return False
        await self.wait_for_more_than(self._front_bytes)
        return not self.is_complete

    @asynccontextmanager
    async def downloaded_by(self, download: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Download the source while the `with` runs. A download that has not ended by its end is cancelled.

        Where the download fails, what is done inside is cancelled, and the download's error is raised.
        """
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self._downloaded(download), name="download")
                yield
                task.cancel()
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__

    async def _downloaded(self, download: Callable[[], Awaitable[None]]) -> None:
        await download()
        self._has_come = True
        self._news.set()

    @property
    def _front_bytes(self) -> int:
        if self._window_bytes is not None:
            return self._window_bytes // _UNREAD_SHARE
        return min(_FRONT_BYTES, self.size_bytes // _FRONT_SHARE)

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()
