"""The code with one rule left out: the simulation has to notice each within hundreds of schedules.

They live here and not behind flags in the product. Each overrides the one place where its rule is kept.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tests.simulation.progress.observed import ObservedCache, ObservedStore
from tests.simulation.progress.servers import JobTableServer, RedisServer
from tests.simulation.progress.world import Parts
from worker.application.jobs.completion_events import CompletionEvents
from worker.application.progress.job_progress import Snapshot
from worker.application.progress.reader import Reader, Reading
from worker.application.progress.reporter import Reporter
from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import HIGHEST_BEFORE_THE_END, Record, Version
from worker.ports import Conflict, StoreUnavailableError, WriteResult, Written


class TicksBeforeTheClaim(ObservedStore):
    """Starts the job before the answer to the claim."""

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        self.worker.start(self._claim_meanwhile(record, seen, mark), "a claim that nobody waits for")
        await asyncio.sleep(0)
        return Written()

    async def _claim_meanwhile(self, record: Record, seen: Version | None, mark: ClaimMark) -> None:
        try:
            await super().claim(record, seen, mark)
        except StoreUnavailableError:
            return


class RedisThatTakesAnything(RedisServer):
    """Keeps every record, as a plain SET would."""

    def _may_replace(self, held: Record, record: Record) -> bool:
        return True


class TableThatTakesAnything(JobTableServer):
    """Keeps every record, as a plain PutItem would."""

    def _may_replace(self, held: Record, record: Record) -> bool:
        return True


class RedisThatKeepsEndsForEver(RedisServer):
    """Knows of no runs."""

    def _may_replace(self, held: Record, record: Record) -> bool:
        return not held.is_final and record.version > held.version


class TakesAnyEnd(Reader):
    """Takes any final record from the store that has it first, as it was right before there were runs."""

    async def read(self, job_id: str) -> Reading:
        assert self._cache is not None
        with suppress(StoreUnavailableError):
            first = await self._cache.read(job_id)
            if first is not None and first.is_final:
                return self._reading(job_id, first, fresh=True)
        return await super().read(job_id)


class ReadsOneStore(Reader):
    """Asks Redis, and DynamoDB only when Redis fails or holds nothing."""

    async def read(self, job_id: str) -> Reading:
        assert self._cache is not None
        with suppress(StoreUnavailableError):
            quick = await self._cache.read(job_id)
            if quick is not None:
                return self._reading(job_id, quick, fresh=True)
        try:
            return self._reading(job_id, await self._table.read(job_id), fresh=True)
        except StoreUnavailableError as error:
            raise DependencyUnavailableError("the progress stores") from error


class ForgetsWhatItHasShown(Reader):
    """Does not remember the newest version that it has shown."""

    def _reading(self, job_id: str, record: Record | None, *, fresh: bool) -> Reading:
        self._shown.clear()
        return super()._reading(job_id, record, fresh=fresh)


class RedisFirstAtTheEnd(ObservedStore):
    """Shows a final record before it is durable."""

    async def commit(self, record: Record) -> WriteResult:
        await self._cache.write(record)
        return await super().commit(record)


class ProbesWithUserTraffic(ObservedCache):
    """Tries Redis with any write that comes, as breakers do that are half open."""

    async def write(self, record: Record) -> WriteResult | None:
        if self._circuit.is_closed:
            return await super().write(record)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._cache.write(record)
        except (TimeoutError, StoreUnavailableError):
            return None


class NoReplay(ObservedCache):
    """Fails back without writing to Redis what it has missed."""

    async def _replay(self) -> int:
        self.worker.circuit.replay_begins()
        await asyncio.sleep(0)
        return 0


class PublishesOnce(CompletionEvents):
    """Takes an event that could not be published for a published one."""

    async def publish(
        self, final: Record, *, receives: int | None = None, within_seconds: float | None = None
    ) -> float | None:
        await super().publish(final, receives=receives, within_seconds=within_seconds)
        return None


class ShowsWhatTheConverterSays(Reporter):
    """Lets the percentage fall where a piece is called back."""

    def _percent_of(self, now: Snapshot) -> float:
        return min(now.percent, HIGHEST_BEFORE_THE_END)


class NoFenceBeforeTheUpload(Reporter):
    """Takes the claim for confirmed without a word from the table."""

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Mutation:
    """`parts` stand in the world instead of the right ones. The schedule of `seed` has been seen to notice it."""

    seed: int
    parts: Parts


MUTATIONS = {
    "ticks before the claim": Mutation(154, Parts(store=TicksBeforeTheClaim)),
    "no compare-and-set in Redis": Mutation(54, Parts(redis=RedisThatTakesAnything)),
    "no compare-and-set in DynamoDB": Mutation(16, Parts(table=TableThatTakesAnything)),
    "no runs in Redis": Mutation(64, Parts(redis=RedisThatKeepsEndsForEver)),
    "any end is the last": Mutation(45, Parts(reader=TakesAnyEnd)),
    "no merge": Mutation(2, Parts(reader=ReadsOneStore)),
    "no high-water mark": Mutation(216, Parts(reader=ForgetsWhatItHasShown)),
    "an end in Redis first": Mutation(111, Parts(store=RedisFirstAtTheEnd)),
    "user traffic probes": Mutation(2, Parts(cache=ProbesWithUserTraffic)),
    "no replay": Mutation(9, Parts(cache=NoReplay)),
    "an end is published once": Mutation(116, Parts(events=PublishesOnce)),
    "percent falls with a piece": Mutation(198, Parts(reporter=ShowsWhatTheConverterSays)),
    "no fence before the upload": Mutation(0, Parts(reporter=NoFenceBeforeTheUpload)),
}
