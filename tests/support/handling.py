"""A handler of deliveries over whatever stores, conversion and clock it is given."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from worker.application.consuming.slots import Slots
from worker.application.jobs.announcement import announcing
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.cancellation import Cancellation
from worker.application.jobs.claims import JobClaims
from worker.application.jobs.completion_events import CompletionEvents
from worker.application.jobs.conversion import Conversion
from worker.application.jobs.delivery_handler import DeliveryHandler
from worker.application.jobs.direct_records import DirectRecords, LeftOutputs
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_claimer import JobClaimer
from worker.application.jobs.job_runner import JobRunner
from worker.application.jobs.job_runs import JobRuns
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.tracing import tracing
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.application.progress.failover import FailoverStore
from worker.application.progress.reporter import Reporters
from worker.domain.job import Job
from worker.domain.outcome import Ending
from worker.ports import EventPublisher, JobTable, ProgressStore, Tracer


@dataclass
class Handling:
    """What a handler is made from."""

    table: JobTable
    store: FailoverStore
    conversion: Conversion
    outputs: PublishedOutputs
    cancels: CancelWatch
    limits: JobLimits
    worker: str
    now: Callable[[], datetime]
    random: Callable[[], float] = lambda: 0.5
    s3_outputs: S3EventOutputs | None = None
    protected_job: Callable[[], AbstractContextManager[None]] = nullcontext
    on_end: Callable[[Ending, Job | None], None] = lambda _ending, _job: None
    publisher: EventPublisher | None = None
    tracer: Tracer | None = None
    slots: Slots = field(default_factory=lambda: Slots(2))
    claims: JobClaims = field(init=False)  # its `run` has to run beside the handler

    def __post_init__(self) -> None:
        self.claims = JobClaims(
            self.table, self.store, self.limits, worker=self.worker, now=self.now, random=self.random
        )

    def handler(self) -> DeliveryHandler:
        now, random = self.now, self.random
        events = completion_events(self.publisher, now=now, random=random)
        on_end = announcing(self.on_end)
        if self.tracer is not None:
            on_end = tracing(self.tracer, on_end)
        finisher = JobFinisher(self.store, self.outputs, events, now=now, random=random, on_end=on_end)
        reporters = Reporters(self.store, now=now, random=random, lease_seconds=self.limits.lease_seconds)
        runner = JobRunner(self.conversion, reporters, self.cancels, finisher, self.limits, random=random)
        runs = JobRuns(self.store, finisher, now=now)
        claimer = JobClaimer(self.claims, runner, finisher, runs, self.slots, protected_job=self.protected_job)
        return DeliveryHandler(claimer, finisher, self.limits, s3_outputs=self.s3_outputs)


def completion_events(
    publisher: EventPublisher | None, *, now: Callable[[], datetime], random: Callable[[], float] = lambda: 0.5
) -> CompletionEvents:
    """What publishes ends of jobs, where there is a publisher."""
    return CompletionEvents([] if publisher is None else [publisher], now=now, random=random)


def runs_and_finisher(
    table: JobTable,
    cache: ProgressStore | None,
    *,
    now: Callable[[], datetime],
    publisher: EventPublisher | None = None,
) -> tuple[JobRuns, JobFinisher]:
    """What begins and ends jobs for the commands: for `worker submit`, `worker retry` and `worker cancel`."""
    records, events = DirectRecords(table, cache), completion_events(publisher, now=now)
    finisher = JobFinisher(records, LeftOutputs(), events, now=now, random=lambda: 0.5)
    return JobRuns(records, finisher, now=now), finisher


def a_cancellation(
    table: JobTable,
    cache: ProgressStore,
    *,
    now: Callable[[], datetime],
    publisher: EventPublisher | None = None,
) -> Cancellation:
    """What `worker cancel` calls."""
    _, finisher = runs_and_finisher(table, cache, now=now, publisher=publisher)
    return Cancellation(table, finisher)
