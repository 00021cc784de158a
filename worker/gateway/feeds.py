"""One watcher for each job that is watched, however many streams it has: stores are asked once for all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial

from worker.application.progress.reader import Reader, Reading
from worker.domain.progress import Record, Version


class Feed:
    """The newest record of one job. All `listeners` are set when there is a newer one, or no more will come."""

    def __init__(self, first: Reading) -> None:
        self.listeners: list[asyncio.Event] = []
        self.has_ended = False
        self.record: Record | None = None
        self.is_fresh = False
        self.event = b""
        self.take(first)

    def take(self, reading: Reading) -> None:
        """Show the reading to all streams. An event is made once for all of them, and not for a mere repetition."""
        record, self.is_fresh = reading.record, reading.fresh
        if record is None or (self.record is not None and record.version == self.record.version):
            return
        self.record, self.event = record, event_of(reading)
        self._notify()

    def end(self) -> None:
        self.has_ended = True
        self._notify()

    def _notify(self) -> None:
        for listener in self.listeners:
            listener.set()


class Feeds:
    """The feeds of all jobs that are watched now."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._feeds: dict[str, Feed] = {}  # of jobs that go on: a feed that is over may still have streams
        self._watchers: dict[Feed, asyncio.Task[None]] = {}
        self._first_reads: dict[str, asyncio.Task[Reading]] = {}
        self.streams = 0
        self.is_closed = False

    @contextmanager
    def counted(self, jobs: int = 1) -> Iterator[None]:
        """Count a stream as one for each of its jobs, from before its first read to its end: each job costs reads."""
        self.streams += jobs
        try:
            yield
        finally:
            self.streams -= jobs

    async def newest(self, job_id: str) -> Reading:
        """What the job's feed shows. Without a feed the stores are asked, once for all who ask at the same time.

        Raises DependencyUnavailableError.
        """
        feed = self._feeds.get(job_id)
        if feed is not None:
            return Reading(feed.record, feed.is_fresh)
        reading = self._first_reads.get(job_id)
        if reading is None:
            reading = self._first_reads[job_id] = asyncio.create_task(self._reader.read(job_id))
            reading.add_done_callback(partial(self._first_read_ended, job_id))
        return await asyncio.shield(reading)

    @asynccontextmanager
    async def of(self, job_id: str, first: Reading, listener: asyncio.Event) -> AsyncIterator[Feed]:
        """The job's feed, which is kept up while it is in use. It begins with a reading that was made just now."""
        feed = self._feeds.get(job_id)
        if feed is None:
            feed = self._feeds[job_id] = Feed(first)
            self._watchers[feed] = asyncio.create_task(self._watch(job_id, feed), name=f"feed {job_id}")
        if self.is_closed:  # during the first read
            feed.end()
        feed.listeners.append(listener)
        try:
            yield feed
        finally:
            feed.listeners.remove(listener)
            if not feed.listeners:
                self._remove(job_id, feed)
                self._watchers.pop(feed).cancel()

    def close(self) -> None:
        """End all streams: their clients connect again, elsewhere."""
        self.is_closed = True
        for feed in self._feeds.values():
            feed.end()

    def _first_read_ended(self, job_id: str, reading: asyncio.Task[Reading]) -> None:
        del self._first_reads[job_id]
        if not reading.cancelled():
            reading.exception()  # all who asked may have left: nobody else looks at it

    async def _watch(self, job_id: str, feed: Feed) -> None:
        try:
            async with aclosing(self._reader.watch(job_id)) as readings:
                async for reading in readings:
                    feed.take(reading)
        finally:
            # The job may be run again: a stream that comes then needs another feed.
            self._remove(job_id, feed)
            feed.end()

    def _remove(self, job_id: str, feed: Feed) -> None:
        if self._feeds.get(job_id) is feed:
            del self._feeds[job_id]


def id_of(version: Version) -> str:
    return f"{version.fence}-{version.seq}"


def version_in(text: str) -> Version | None:
    """The version in the id of an event; None where the id is not ours."""
    fence, dash, seq = text.partition("-")
    is_ours = dash and fence.isascii() and fence.isdecimal() and seq.isascii() and seq.isdecimal() and len(text) < 64
    return Version(int(fence), int(seq)) if is_ours else None


def event_of(reading: Reading) -> bytes:
    """The record as a server-sent event (the HTML standard, section 9.2)."""
    record = reading.record
    assert record is not None
    data = json.dumps(record.to_dict() | {"fresh": reading.fresh}, ensure_ascii=False, separators=(",", ":"))
    return f"event: progress\nid: {id_of(record.version)}\ndata: {data}\n\n".encode()
