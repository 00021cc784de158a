"""The workers of the progress simulation: the real store and reporter in a short version of the job handler."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.fakes.objects import MemoryObjects
from tests.simulation.core.checker import brief
from tests.simulation.core.publishing import SimulatedPublisher
from tests.simulation.progress.circuit import CircuitChecker
from tests.simulation.progress.observed import JOB_SECONDS, ObservedJobTable, ObservedRedis
from tests.simulation.progress.schedule import Ending, Script
from tests.support.deliveries import a_delivery
from tests.support.reporting import PlayedProgress
from worker.application.consuming.execution import Execution
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.claims import JobClaims
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_runs import JobRuns
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.progress.reporter import Reporter
from worker.domain.audio import AudioFormat
from worker.domain.claim import Cancel, Exhausted, NextRun, Skip, Start, Wait
from worker.domain.errors import (
    ConverterCrashedError,
    DependencyUnavailableError,
    InternalError,
    LeaseLostError,
    NoAudioError,
    ShutdownError,
    TooManyAttemptsError,
    WorkerError,
)
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.outcome import (
    Cancelled,
    Completed,
    Failed,
    Lost,
    Outcome,
    WillRetry,
    outcome_of,
    record_of,
)
from worker.domain.progress import OutputRecord, Record, Stage, Status, Version
from worker.ports import Conflict, StoreUnavailableError, Written

if TYPE_CHECKING:
    from tests.simulation.progress.world import World

LEASE_SECONDS = 3.0
_LIMITS = JobLimits(LEASE_SECONDS, job_timeout_seconds=100, stall_seconds=100, max_attempts=5)
_LAST_WORD_SECONDS = 30.0
_UPLOAD_SECONDS = 0.3
_DELIVERY = a_delivery()
_SOURCE = ObjectLocation("podcasts-in", "a.wav")
_OUTPUT = OutputSpec(ObjectLocation("podcasts-out", "a.mp3"), AudioFormat.MP3)
_UPLOADED = (OutputRecord(str(_OUTPUT.target), bytes=1, duration_seconds=1.0, sha256="00"),)
_ERRORS: dict[
    Ending, Callable[[], WorkerError]
] = {  # new ones each time: the traceback of a kept one would keep the world alive
    Ending.FAIL: NoAudioError,
    Ending.RETRY: lambda: ConverterCrashedError("by the schedule"),
    Ending.RELEASE: ShutdownError,
    Ending.VANISH: lambda: LeaseLostError("by the schedule"),
}


@functools.cache
def _job(job_id: str) -> Job:
    return Job(job_id, _SOURCE, (_OUTPUT,))


class Worker:
    """A process: one store, its prober, and the attempts that it runs. `skew_seconds` is added to its clock."""

    def __init__(self, world: World, name: str, number: int, skew_seconds: float) -> None:
        self.loop = world.loop
        self.checker = world.checker
        self.name = f"{name}:{number}"
        self.circuit = CircuitChecker(self.name, world.checker)
        self._world = world
        self._skew = timedelta(seconds=skew_seconds)
        self._random = world.rng.random
        network = world.network(name)
        redis = ObservedRedis(world.redis, network)
        table = ObservedJobTable(world.table, network, JOB_SECONDS)
        self.ticks_are_durable = world.schedule.mode == "durable"
        self.cache = world.parts.cache(redis, now=self.now, mode=world.schedule.mode, random=self._random)
        self.store = world.parts.store(table, self.cache)
        redis.worker = table.worker = self.cache.worker = self.store.worker = self
        self.cancels = CancelWatch(table)
        self._claims = JobClaims(table, self.store, _LIMITS, worker=self.name, now=self.now, random=self._random)
        publisher = SimulatedPublisher(network, world.checker.published_ends.published)
        self._events = world.parts.events([publisher], now=self.now, random=self._random)
        self._finisher = JobFinisher(
            self.store, PublishedOutputs(MemoryObjects()), self._events, now=self.now, random=self._random
        )
        self._runs = JobRuns(self.store, self._finisher, now=self.now)
        self._running: set[Execution] = set()
        self._at_work: set[str] = set()
        self.ends: dict[str, Record] = {}  # of attempts, by job id, until they are published
        self._tasks: list[asyncio.Task[Any]] = []
        self.start(self.store.run(), f"prober of {self.name}")
        self.start(self._claims.run(), f"withdrawals of {self.name}")
        if world.schedule.has_cancel:
            self.start(self.cancels.run(), f"cancel watch of {self.name}")

    def now(self) -> datetime:
        return self._world.now() + self._skew

    def start(self, body: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = self.loop.create_task(body, name=name)
        self._tasks.append(task)
        return task

    def crash(self) -> None:
        for task in self._tasks:
            task.cancel()

    def check_that_it_is_lost(self, record: Record) -> None:
        """Check that a refused write means a lost claim: a worker stops a job whose write is refused."""
        held = self._world.table.held[record.job_id]
        is_ours = held.worker == record.worker and held.version.fence == record.version.fence
        if is_ours and held.status is Status.RUNNING:
            self.checker.violated(f"{brief(record)} was refused, and the claim is held: {brief(held)}")

    def drain(self) -> None:
        """Release every job that runs now, at whatever stage it is."""
        for execution in tuple(self._running):
            execution.stop(ShutdownError())

    async def handle(self, job_id: str, fence: int, script: Script, rejected_run: int | None = None) -> float | None:
        """Handle a delivery. Returns None if the message is deleted, else the seconds until the next delivery.

        `rejected_run`: the message is a dead letter that has come back, and was rejected in that run.
        """
        if job_id in self._at_work:
            return LEASE_SECONDS
        self._at_work.add(job_id)
        try:
            return await self._take(job_id, fence, script, rejected_run)
        except StoreUnavailableError:
            return 0.5
        finally:
            self._at_work.discard(job_id)

    async def _take(self, job_id: str, fence: int, script: Script, rejected_run: int | None) -> float | None:
        state = await self._claims.state(job_id)
        decision = self._claims.decide(state, fence, rejected_run)
        if isinstance(decision, NextRun):
            state = await self._runs.begin_next(decision.state)
            decision = self._claims.decide(state, fence, rejected_run)
        current = None if state is None else state.record
        match decision:
            case Skip(record):
                return await self._events.publish(record)
            case NextRun():
                return 1.0
            case Wait(delay_seconds):
                return delay_seconds
            case Cancel(record, version):
                return await self._conclude(record, job_id, Cancelled(), record.attempt, version)
            case Exhausted(attempts, version, crashes):
                failed = Failed(TooManyAttemptsError(attempts, crashes), attempts)
                return await self._conclude(current, job_id, failed, attempts, version)
            case Start():
                claim = await self._claims.claim(_job(job_id), state, decision, _DELIVERY)
                if isinstance(claim, Conflict):
                    return 1.0
                outcome = await self._attempt(claim.record, script)
                if isinstance(outcome, Completed | Failed | Cancelled):
                    return await self._events.publish(self.ends.pop(job_id))
                return _seconds_until_the_next(outcome)

    async def _conclude(
        self, current: Record | None, job_id: str, outcome: Failed | Cancelled, attempts: int, version: Version
    ) -> float | None:
        record = self._claims.record_of(_job(job_id), current, attempts, version)
        record = replace(record, percent=0.0 if current is None else current.percent)
        end = record_of(outcome, record, version, self.now())
        result = await self.store.write_if_unchanged(end, None if current is None else current.version)
        return await self._events.publish(end) if isinstance(result, Written) else 1.0

    async def _attempt(self, record: Record, script: Script) -> Outcome:
        progress = PlayedProgress()
        reporter = self._world.parts.reporter(
            self.store, record, progress, now=self.now, random=self._random, lease_seconds=LEASE_SECONDS
        )
        execution = Execution()
        self._running.add(execution)
        try:
            work = self._work(record, script, execution, reporter, progress)
            return await execution.run(work, name=f"job of {self.name}")
        except WorkerError as error:
            return await self._end(error, record, reporter)
        finally:
            self._running.discard(execution)
            self.store.attempt_ended(record.job_id)
            self.circuit.attempt_ended(record.job_id)

    async def _work(
        self, record: Record, script: Script, execution: Execution, reporter: Reporter, progress: PlayedProgress
    ) -> Outcome:
        async with execution.accompanied_by(reporter.run(), name=f"progress of {self.name}"):
            with self.cancels.cancellable(record.job_id, execution):
                await self._convert_and_upload(record, script, reporter, progress)
            ended = await reporter.end(Completed(_UPLOADED))
            self.ends[record.job_id] = ended.record
            return ended.outcome

    async def _convert_and_upload(
        self, record: Record, script: Script, reporter: Reporter, progress: PlayedProgress
    ) -> None:
        for seconds, percent in script.steps:
            await asyncio.sleep(seconds)
            progress.set(Stage.CONVERTING, percent)
        if script.ending is not Ending.COMPLETE:
            error = _ERRORS[script.ending]
            raise error()
        self.checker.converted(record)
        await reporter.checkpoint()
        await asyncio.sleep(_UPLOAD_SECONDS * self._random())
        self.checker.published(record)

    async def _end(self, error: WorkerError, record: Record, reporter: Reporter) -> Outcome:
        outcome = outcome_of(error, attempt=record.attempt, max_attempts=_LIMITS.max_attempts, random=self._random())
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                ended = await (reporter.kept_end() if isinstance(outcome, Lost) else reporter.end(outcome))
                if ended is not None:
                    self.ends[record.job_id] = ended.record
                    return ended.outcome
        except LeaseLostError as loss:
            return Lost(loss.reason)
        except (TimeoutError, DependencyUnavailableError):
            return WillRetry(InternalError(), 1.0)
        return outcome


def _seconds_until_the_next(outcome: Outcome) -> float | None:
    match outcome:
        case WillRetry(delay_seconds=delay_seconds):
            return min(delay_seconds, 1.0)
        case _:
            return 0.2
