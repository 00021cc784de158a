"""How far a job is, for a reader: both stores, merged, and never older than what was shown before."""

from __future__ import annotations

import asyncio
import random as random_module
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, newest
from worker.ports import JobTable, ProgressCache, ProgressStore, StoreUnavailableError
from worker.waiting import wait_for_event

CACHE_SECONDS = 0.15
TABLE_SECONDS = 0.8
_POLL_SECONDS = (1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest record that could be had. It is not `fresh` where a store could not be asked: it may lag behind."""

    record: Record | None
    fresh: bool


class Reader:
    """One session of reading: what it has shown of a job, it never falls behind.

    That holds for the last `jobs_remembered` that it was asked for, so that a session may last for ever.
    """

    def __init__(
        self,
        table: JobTable,
        cache: ProgressCache | None,
        *,
        cache_seconds: float = CACHE_SECONDS,
        table_seconds: float = TABLE_SECONDS,
        jobs_remembered: int = 10_000,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._table = table
        self._cache = cache
        self._cache_seconds = cache_seconds
        self._table_seconds = table_seconds
        self._random = random
        self._jobs_remembered = jobs_remembered
        self._shown: OrderedDict[str, Record] = OrderedDict()

    async def read(self, job_id: str) -> Reading:
        """Ask both stores at once and take the newer record. Raises DependencyUnavailableError within a second."""
        durable = asyncio.create_task(_ask(self._table, job_id, self._table_seconds))
        try:
            quick = await self._ask_cache(job_id)
            if isinstance(quick, Record) and quick.is_final:  # it is final in the table, too, and nothing changes it
                return self._reading(job_id, quick, fresh=True)
            slow = await durable
        finally:
            await _end(durable)
        if isinstance(slow, StoreUnavailableError) and not isinstance(quick, Record):
            raise DependencyUnavailableError("the progress stores", f"did not answer ({slow.reason})")
        records = [None if isinstance(each, StoreUnavailableError) else each for each in (quick, slow)]
        is_fresh = not isinstance(quick, StoreUnavailableError) and not isinstance(slow, StoreUnavailableError)
        return self._reading(job_id, newest(*records), fresh=is_fresh)

    async def watch(self, job_id: str) -> AsyncGenerator[Reading, None]:
        """Each newer reading, until the job is final; a first one at once, even if there is no record.

        Notifications make it quick, and a poll that never stops makes it sure: no outage ends it.
        """
        news = asyncio.Event()
        listening = asyncio.create_task(self._listen(job_id, news), name=f"watch {job_id}")
        last: Reading | None = None
        try:
            while True:
                reading = await self._next_reading(job_id, is_notified=news.is_set())
                news.clear()
                if reading is not None and reading != last:
                    last = reading
                    yield reading
                    if reading.record is not None and reading.record.is_final:
                        return
                await wait_for_event(news, self._poll_delay())
        finally:
            await _end(listening)

    async def _next_reading(self, job_id: str, *, is_notified: bool) -> Reading | None:
        if is_notified and job_id in self._shown:  # the notification brought the record along
            return Reading(self._shown[job_id], fresh=True)
        try:
            return await self.read(job_id)
        except DependencyUnavailableError:
            return None

    async def _listen(self, job_id: str, news: asyncio.Event) -> None:
        while self._cache is not None:
            async with aclosing(self._cache.subscribe(job_id)) as records:
                async for record in records:
                    self._reading(job_id, record, fresh=True)
                    news.set()
            await asyncio.sleep(self._poll_delay())

    def _poll_delay(self) -> float:
        shortest, longest = _POLL_SECONDS
        return shortest + (longest - shortest) * self._random()

    async def _ask_cache(self, job_id: str) -> Record | StoreUnavailableError | None:
        if self._cache is None:
            return None
        return await _ask(self._cache, job_id, self._cache_seconds)

    def _reading(self, job_id: str, record: Record | None, *, fresh: bool) -> Reading:
        known = newest(self._shown.get(job_id), record)
        if known is not None:
            self._shown[job_id] = known
            self._shown.move_to_end(job_id)
            if len(self._shown) > self._jobs_remembered:
                self._shown.popitem(last=False)
        return Reading(known, fresh or (known is not None and known.is_final))


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel the task and wait for its end: the connection that it uses may be closed after that."""
    task.cancel()
    await asyncio.wait([task])


async def _ask(store: ProgressStore, job_id: str, seconds: float) -> Record | StoreUnavailableError | None:
    try:
        async with asyncio.timeout(seconds):
            return await store.read(job_id)
    except TimeoutError:
        return StoreUnavailableError("timeout")
    except StoreUnavailableError as error:
        return error
