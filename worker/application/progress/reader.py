"""How far a job is, for a reader: both stores, merged, and never older than what was shown before."""

from __future__ import annotations

import asyncio
import random as random_module
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import reduce
from typing import Any

from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, Status, newest
from worker.ports import JobTable, ProgressCache, ProgressStore, StoreUnavailableError, UnreadableRecordError
from worker.waiting import wait_for_event

READ_SECONDS = 0.8  # of either store; their own timeouts come first, unless the settings make them longer
_POLL_SECONDS = (1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest record that could be had. It is not `fresh` where a store could not be asked: it may lag behind."""

    record: Record | None
    fresh: bool


class Reader:
    """One session of reading. It never returns an older record of a job than it has returned before.

    It remembers the last `jobs_remembered` jobs that it was asked for, so that a session may last for ever.
    """

    def __init__(
        self,
        table: JobTable,
        cache: ProgressCache | None,
        *,
        jobs_remembered: int = 10_000,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._table = table
        self._cache = cache
        self._random = random
        self._jobs_remembered = jobs_remembered
        self._shown: OrderedDict[str, Record] = OrderedDict()

    async def read(self, job_id: str) -> Reading:
        """Ask both stores at once and take the newer record; one that nothing can be newer than is enough.

        Raises DependencyUnavailableError within a second.
        """
        stores = (self._table,) if self._cache is None else (self._table, self._cache)
        asked = [asyncio.create_task(_ask(store, job_id)) for store in stores]
        try:
            answers = await _answers_until_newest(asked)
        finally:
            await _end(*asked)
        failures = [answer for answer in answers if isinstance(answer, StoreUnavailableError)]
        record = reduce(newest, (answer for answer in answers if not isinstance(answer, StoreUnavailableError)), None)
        of_table = answers[0]
        if record is None and isinstance(of_table, UnreadableRecordError):
            raise DependencyUnavailableError("the job table", of_table.problem)
        if record is None and isinstance(of_table, StoreUnavailableError):
            raise DependencyUnavailableError("the progress stores", f"did not answer ({of_table.reason})")
        is_end = record is not None and record.is_final and not isinstance(of_table, StoreUnavailableError)
        return self._reading(job_id, record, fresh=is_end or not failures)

    async def watch(self, job_id: str) -> AsyncGenerator[Reading, None]:
        """Each newer reading, until one shows the end; a first one at once, even if there is no record.

        Notifications make it fast. A poll beside them makes it reliable: no outage ends it.
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
                    if reading.fresh and reading.record is not None and reading.record.is_final:
                        return
                await wait_for_event(news, self._poll_delay())
        finally:
            await _end(listening)

    async def _next_reading(self, job_id: str, *, is_notified: bool) -> Reading | None:
        shown = self._shown.get(job_id)
        # A notification brings its record along. The notification of a run's end may come late, after the next run has
        # begun.
        if is_notified and shown is not None and (not shown.is_final or _is_last(shown)):
            return Reading(shown, fresh=True)
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

    def _reading(self, job_id: str, record: Record | None, *, fresh: bool) -> Reading:
        known = newest(self._shown.get(job_id), record)
        if known is not None:
            self._shown[job_id] = known
            self._shown.move_to_end(job_id)
            if len(self._shown) > self._jobs_remembered:
                self._shown.popitem(last=False)
        return Reading(known, fresh or _is_last(known))


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait for their end: the connections that they use may be closed after that."""
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)


Answer = Record | StoreUnavailableError | None


async def _answers_until_newest(asked: Sequence[asyncio.Task[Answer]]) -> Sequence[Answer]:
    """The answers in the order of the stores, the job table's first, until one is known to be the newest.

    What was not waited for counts as failed.
    """
    pending = set(asked)
    while True:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        answers = [task.result() if task.done() else StoreUnavailableError("not waited for") for task in asked]
        if not pending or any(map(_is_last, answers)) or _is_final(answers[0]):
            return answers


def _is_last(answer: Answer) -> bool:
    """Whether no store has anything newer: nothing follows a completed run.

    After a failed or cancelled one the next run may have begun, which the job table knows before the cache. So its
    final record is enough from the table, and not from the cache.
    """
    return isinstance(answer, Record) and answer.status is Status.COMPLETED


def _is_final(answer: Answer) -> bool:
    return isinstance(answer, Record) and answer.is_final


async def _ask(store: ProgressStore, job_id: str) -> Answer:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await store.read(job_id)
    except TimeoutError:
        return StoreUnavailableError("timeout")
    except StoreUnavailableError as error:
        return error
