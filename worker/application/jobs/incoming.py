"""A source while it is downloaded, for a converter that begins before its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

# How much of the source must have come before its headers are read: a sixteenth of it, but at most a mebibyte. Where
# the headers are longer, as with a cover in front of the sound, the download is waited for.
_FRONT_SHARE = 16
_FRONT_BYTES = 1 << 20


class Incoming:
    """The source in the file at `path`, of which `size_bytes` come (0: not known beforehand).

    It is written from the first byte to the last, and what is in the file is never changed.
    """

    def __init__(self, path: Path) -> None:
        self.size_bytes = 0
        self.is_converted_early = False  # a converter reads it while it comes
        self._path = path
        self._news = asyncio.Event()
        self._is_complete = False

    @property
    def written_bytes(self) -> int:
        """How many bytes are in the file."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def is_complete(self) -> bool:
        """Whether all of it is there, and was not changed meanwhile."""
        return self._is_complete

    def moved(self) -> None:
        """Note that more has been written. The download calls it."""
        self._news.set()

    async def wait_for_more_than(self, written_bytes: int) -> None:
        """Wait until more bytes than that are written, or all."""
        while not self._is_complete and self.written_bytes <= written_bytes:
            await self._more()

    async def wait_until_complete(self) -> None:
        """Wait until all of it is there."""
        while not self._is_complete:
            await self._more()

    async def may_be_converted_early(self, least_bytes: int) -> bool:
        """Wait for its front. False where it is complete then, or has less than so many bytes."""
        await self.wait_for_more_than(0)
        if self.size_bytes < max(least_bytes, 1):
            return False
        await self.wait_for_more_than(min(_FRONT_BYTES, self.size_bytes // _FRONT_SHARE))
        return not self._is_complete

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
        self._is_complete = True
        self._news.set()

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()
