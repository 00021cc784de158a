"""One job's progress, from its claim to the record of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from worker.application.progress.failover import FailoverStore
from worker.application.progress.job_progress import Snapshot
from worker.domain.backoff import Backoff
from worker.domain.errors import DependencyUnavailableError, LeaseLostError
from worker.domain.outcome import RecordedOutcome, record_of
from worker.domain.progress import HIGHEST_BEFORE_THE_END, Record, Version
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import StoreUnavailableError, WriteResult

_CHECKPOINT_SECONDS = 12.0
_CONFIRM_SECONDS = 60.0  # for the table to confirm the claim
_RETRY = Backoff(first_seconds=0.2, factor=2, cap_seconds=5, floor=0.5)


class Progress(Protocol):
    """What a job's progress is read from."""

    def snapshot(self) -> Snapshot:
        """The progress as it was when the job last moved. Returns at once."""


@dataclass(frozen=True, slots=True)
class RecordedEnd:
    """How an attempt ended, and the record that says so."""

    outcome: RecordedOutcome
    record: Record


class Reporter:
    """Writes the records of one attempt at a job, in order: one write in flight, and the newest wins.

    `claimed` is the record that won the claim. The reporter's own timer reads `progress`; the job never waits for it.
    A checkpoint goes to the job table at a third of the lease, or every twelve seconds: it renews the claim, and
    readers without the cache see it.
    """

    def __init__(
        self,
        store: FailoverStore,
        claimed: Record,
        progress: Progress,
        *,
        now: Callable[[], datetime],
        random: Callable[[], float],
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._progress = progress
        self._record = claimed  # the newest that was `running`; an end that was cut off leaves no trace here
        self._version = claimed.version
        self._now = now
        self._random = random
        self._checkpoint_seconds = min(_CHECKPOINT_SECONDS, lease_seconds / 3)
        self._checkpoint_due = self._time() + self._checkpoint_seconds
        self._writing = asyncio.Lock()
        self._is_closed = False
        self._in_doubt: list[RecordedEnd] = []  # the ends that were tried, of which one may be kept
        self._failures = FailureStreak()

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Write ticks and checkpoints until the end is recorded. Raises LeaseLostError when the job is not ours."""
        while not self._is_closed:
            await asyncio.sleep(self._store.tick_seconds)
            if self._is_tick_due():
                async with self._writing:
                    if not self._is_closed:
                        await self._tick()

    async def checkpoint(self) -> None:
        """Have the job table confirm that the job is ours.

        Raises LeaseLostError where it is not, and DependencyUnavailableError when the table cannot be asked for
        a minute.
        """
        async with self._writing:
            record = self._next_record()
            try:
                async with asyncio.timeout(_CONFIRM_SECONDS):
                    await self._keep(record)
            except TimeoutError as exc:
                raise DependencyUnavailableError("the job table") from exc
            self._checkpoint_due = self._time() + self._checkpoint_seconds

    async def end(self, outcome: RecordedOutcome) -> RecordedEnd:
        """Record how the attempt ended, and return how it did. Tries until it is kept; raises LeaseLostError.

        No tick follows. Cut off by a cancellation, it may be called again, with another outcome. Where the job table
        turns out to have kept an earlier one, which is final, that is the end.
        """
        self._is_closed = True
        async with self._writing:  # a tick in flight ends first
            known = replace(self._record, source_audio=self._progress.snapshot().source_audio)
            ended = RecordedEnd(outcome, record_of(outcome, known, self._next_version(), self._now()))
            self._in_doubt.append(ended)
            try:
                await self._keep(ended.record)
            except LeaseLostError:
                kept = await self.kept_end()
                if kept is None:
                    raise
                return kept
            return ended

    async def kept_end(self) -> RecordedEnd | None:
        """The end that the job table is seen to hold, of those that were tried without an answer. None: it has none.

        Asks until the table answers.
        """
        failures = 0
        while True:
            try:
                for ended in self._in_doubt:
                    if await self._store.look_up(ended.record):
                        return ended
            except StoreUnavailableError:
                failures += 1
                await asyncio.sleep(_RETRY.delay(failures, self._random()))
            else:
                return None

    async def _keep(self, record: Record) -> None:
        """Write the same version until it is known to be kept: what failed may have arrived, and is looked up."""
        failures = 0
        while True:
            try:
                _require_ours(await self._store.commit(record))
            except StoreUnavailableError as error:
                if not error.is_refusal and await self._is_seen(record):
                    return
                failures += 1
                self._failed(error, record)
                await asyncio.sleep(_RETRY.delay(failures, self._random()))
            else:
                self._failures.end()
                return

    async def _is_seen(self, record: Record) -> bool:
        """Whether the table holds the record. False where it cannot be asked."""
        with suppress(StoreUnavailableError):
            return await self._store.look_up(record)
        return False

    async def _tick(self) -> None:
        is_checkpoint = self._time() >= self._checkpoint_due
        record = self._next_record()
        try:
            if not (is_checkpoint and await self._checkpointed(record)):
                _require_ours(await self._store.tick(record))
        except StoreUnavailableError as error:
            self._failed(error, record)
        else:
            self._failures.end()

    def _failed(self, error: StoreUnavailableError, record: Record) -> None:
        """One line for each streak of failures."""
        if self._failures.add():
            emit(
                Event.PROGRESS_WRITE_FAILED,
                error=error.reason,
                status=record.status.value,
                seq=record.version.seq,
            )

    async def _checkpointed(self, record: Record) -> bool:
        """Write a checkpoint. Returns False where the job table is out and the cache can still show the tick."""
        self._checkpoint_due = self._time() + self._checkpoint_seconds
        try:
            _require_ours(await self._store.checkpoint(record))
        except StoreUnavailableError:
            if not self._store.ticks_are_cached:
                raise
            return False
        return True

    def _is_tick_due(self) -> bool:
        """Whether the progress has changed, or a checkpoint is due."""
        now = self._progress.snapshot()
        has_changed = now.stage is not self._record.stage or self._percent_of(now) != self._record.percent
        return has_changed or self._time() >= self._checkpoint_due

    def _next_record(self) -> Record:
        """The newest record with the job's present progress and the next number."""
        now = self._progress.snapshot()
        self._record = replace(
            self._record,
            stage=now.stage,
            percent=self._percent_of(now),
            eta_seconds=now.eta_seconds,
            source_audio=now.source_audio,
            version=self._next_version(),
            updated_at=self._now(),
        )
        return self._record

    def _percent_of(self, now: Snapshot) -> float:
        """The percent to show. It never falls, and 100 is for completed jobs."""
        return min(max(now.percent, self._record.percent), HIGHEST_BEFORE_THE_END)

    def _next_version(self) -> Version:
        self._version = Version(self._version.fence, self._version.seq + 1)
        return self._version


class Reporters:
    """Makes the reporter of each attempt; one object for all. `Reporter` says what the arguments mean."""

    def __init__(
        self,
        store: FailoverStore,
        *,
        now: Callable[[], datetime],
        random: Callable[[], float],
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._now = now
        self._random = random
        self._lease_seconds = lease_seconds

    @contextmanager
    def reporter_of(self, claimed: Record, progress: Progress) -> Iterator[Reporter]:
        """The reporter of an attempt. When this is left, the attempt writes no more."""
        try:
            yield Reporter(
                self._store,
                claimed,
                progress,
                now=self._now,
                random=self._random,
                lease_seconds=self._lease_seconds,
            )
        finally:
            self._store.attempt_ended(claimed.job_id)


def _require_ours(outcome: WriteResult) -> None:
    if outcome is WriteResult.STALE:
        raise LeaseLostError("another delivery holds the job, or has ended it")
