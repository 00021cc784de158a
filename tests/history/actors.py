"""The actors of a history: writers, viewers, and an injector of faults of Redis."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from tests.history.recorder import History
from tests.support.redis_faults import FAULTS, BreakableRedis, Fault
from tests.support.reporting import PlayedProgress
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache, Mode
from worker.application.progress.reader import Reader
from worker.application.progress.reporter import Reporter
from worker.bootstrap.parts import utc_now
from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.errors import ConverterCrashedError, DependencyUnavailableError, LeaseLostError, NoAudioError
from worker.domain.outcome import Completed, Failed, WillRetry
from worker.domain.progress import OutputRecord, Record, Stage, Status, Version
from worker.ports import Conflict, ProgressCache, StoreUnavailableError, WriteResult, Written

LEASE_SECONDS = 6.0
_OUTPUT = OutputRecord("s3://podcasts-out/a.mp3")
_UPLOADED = (replace(_OUTPUT, bytes=1, duration_seconds=1.0, sha256="00"),)
_LOSES_EVERYTHING = "killed"


def _time() -> float:
    return asyncio.get_running_loop().time()


class RecordingStore(FailoverStore):
    """The real store, which records what it answers and how long its callers wait."""

    def __init__(self, history: History, job_table: DynamoJobTable, redis: ProgressCache, *, mode: Mode) -> None:
        self._mode = mode
        super().__init__(job_table, GuardedCache(redis, now=utc_now, mode=mode))
        self.job_table = job_table
        self._history = history

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        self._history.note(_time(), "claim_asked", record)
        result: Written | Conflict = await self._timed("claim", super().claim(record, seen, mark, message))
        if isinstance(result, Written):
            self._history.note(_time(), "claim_acknowledged", record)
        return result

    async def tick(self, record: Record) -> WriteResult:
        return await self._noted("tick", super().tick(record), record, is_durable=self._mode == "durable")

    async def checkpoint(self, record: Record) -> WriteResult:
        return await self._noted("checkpoint", super().checkpoint(record), record, is_durable=True)

    async def commit(self, record: Record) -> WriteResult:
        return await self._noted("commit", super().commit(record), record, is_durable=True)

    async def _noted(
        self, what: str, write: Coroutine[Any, Any, WriteResult], record: Record, *, is_durable: bool
    ) -> WriteResult:
        losses_before = self._history.losses
        outcome: WriteResult = await self._timed(what, write)
        if outcome is not WriteResult.STALE:
            self._history.note(_time(), "acknowledged", record, is_durable, losses_before)
        return outcome

    async def _timed(self, what: str, call: Coroutine[Any, Any, Any]) -> Any:
        began_at = _time()
        try:
            return await call
        finally:
            self._history.took(what, _time() - began_at)


class Writer:
    """The progress part of a worker: one job after the other, some of them taken over from the other writer."""

    def __init__(self, name: str, history: History, store: RecordingStore, rng: random.Random) -> None:
        self.name = name
        self.store = store
        self.jobs: list[str] = []
        self.is_stopping = False
        self._history = history
        self._rng = rng

    async def run(self, other: Writer) -> None:
        while not self.is_stopping:
            if other.jobs and self._rng.random() < 0.4:
                await self._take_over(other.jobs[-1])
            else:
                self.jobs.append(f"job-{self.name}-{len(self.jobs)}")
                await self._start(self.jobs[-1], None)

    async def _take_over(self, job_id: str) -> None:
        """As if the other's lease had expired unnoticed: its attempt goes on meanwhile."""
        current: Record | None = None
        with suppress(StoreUnavailableError):
            current = await self.store.job_table.read(job_id)
        if current is not None and not current.is_final:
            await self._start(job_id, current)
        else:
            await asyncio.sleep(0.1)

    async def _start(self, job_id: str, current: Record | None) -> None:
        fence = int(utc_now().timestamp() * 1_000_000)
        record = Record(
            job_id=job_id,
            status=Status.RUNNING,
            stage=Stage.CONVERTING,
            percent=0.0,
            attempt=1 if current is None else current.attempt + 1,
            version=Version(fence, 1),
            created_at=utc_now(),
            updated_at=utc_now(),
            worker=self.name,
            outputs=(_OUTPUT,),
        )
        try:
            seen = None if current is None else current.version
            mark = ClaimMark(f"{self.name}/{fence}")
            if isinstance(await self.store.claim(record, seen, mark), Written):
                await self._attempt(record)
        except (StoreUnavailableError, DependencyUnavailableError, LeaseLostError):
            await asyncio.sleep(0.1)
        finally:
            self.store.attempt_ended(job_id)

    async def _attempt(self, record: Record) -> None:
        progress = PlayedProgress()
        reporter = Reporter(
            self.store, record, progress, now=utc_now, random=self._rng.random, lease_seconds=LEASE_SECONDS
        )
        running = asyncio.create_task(reporter.run())
        try:
            for step in range(1, self._rng.randrange(4, 40)):
                await asyncio.sleep(0.2 * self._rng.random())
                progress.set(Stage.CONVERTING, 2.5 * step)
                if running.done():
                    return
            await self._end(record, reporter)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, LeaseLostError):
                await running

    async def _end(self, record: Record, reporter: Reporter) -> None:
        dice = self._rng.random()
        if dice < 0.15:
            await reporter.end(Failed(NoAudioError(), record.attempt))
        elif dice < 0.3:
            await reporter.end(WillRetry(ConverterCrashedError("by chance"), 5.0))
        else:
            await reporter.checkpoint()
            self._history.note(_time(), "published", record)
            await reporter.end(Completed(_UPLOADED))


class AskedJobTable(DynamoJobTable):
    """Knows whether it answered the last read."""

    has_answered = False

    async def read(self, job_id: str) -> Record | None:
        self.has_answered = False
        record = await super().read(job_id)
        self.has_answered = True
        return record


class Viewer:
    """Reads or watches jobs again and again, in one session."""

    def __init__(
        self, name: str, history: History, job_table: AskedJobTable, redis: ProgressCache, rng: random.Random
    ) -> None:
        self._name = name
        self._history = history
        self._table = job_table
        self._reader = Reader(job_table, redis)
        self._rng = rng

    async def read_on(self, writers: Sequence[Writer]) -> None:
        while True:
            await asyncio.sleep(0.15 * self._rng.random())
            jobs = self._rng.choice(writers).jobs
            if jobs:
                await self.read(self._rng.choice(jobs[-6:]))

    async def read(self, job_id: str) -> None:
        number = self._history.read_begins(_time(), job_id)
        began_at = _time()
        try:
            reading = await self._reader.read(job_id)
        except DependencyUnavailableError:
            return
        finally:
            self._history.took("read", _time() - began_at)
        answered = self._table.has_answered
        self._history.note(_time(), "read_ends", number, self._name, job_id, reading, answered)

    async def watch_on(self, writers: Sequence[Writer]) -> None:
        while True:
            await asyncio.sleep(0.05)
            jobs = self._rng.choice(writers).jobs
            if jobs:
                await self._watch(jobs[-1])

    async def _watch(self, job_id: str) -> None:
        async with aclosing(self._reader.watch(job_id)) as readings:
            async for reading in readings:
                self._history.note(_time(), "shown", self._name, job_id, reading.record)


class FaultInjector:
    """Begins and ends faults of Redis."""

    def __init__(self, breakable: BreakableRedis, history: History, rng: random.Random) -> None:
        self._breakable = breakable
        self._history = history
        self._rng = rng
        self._faults = {name: fault for name, fault in FAULTS.items() if not (fault.is_proxied or fault.has_tls)}
        self._faults["proxied clients refused"] = Fault(_stop_proxy, _start_proxy)

    async def run_until(self, deadline: float) -> None:
        while _time() < deadline:
            await asyncio.sleep(self._rng.random())
            dice = self._rng.random()
            if dice < 0.15:
                await self._command("CLIENT", "KILL", "TYPE", "normal")
            elif dice < 0.25:
                await self._command("SCRIPT", "FLUSH")
            else:
                await self._break(self._rng.choice(sorted(self._faults)))

    async def _command(self, *words: str) -> None:
        self._history.note(_time(), "fault", " ".join(words))
        await asyncio.to_thread(self._breakable.command, *words)

    async def _break(self, name: str) -> None:
        fault = self._faults[name]
        self._history.note(_time(), "fault", name)
        # Once before, for what was acknowledged earlier, and once after, for what was acknowledged while Redis died.
        if name == _LOSES_EVERYTHING:
            self._history.redis_loses_everything(_time())
        await fault.begin(self._breakable)
        if name == _LOSES_EVERYTHING:
            self._history.redis_loses_everything(_time())
        await asyncio.sleep(0.1 + 2.5 * self._rng.random() ** 2)
        await fault.end(self._breakable)
        self._history.note(_time(), "fault", f"{name}: over")


async def _stop_proxy(breakable: BreakableRedis) -> None:
    await breakable.proxy.stop()


async def _start_proxy(breakable: BreakableRedis) -> None:
    await breakable.proxy.start()
