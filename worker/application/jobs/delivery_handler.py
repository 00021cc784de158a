"""One delivery in, one disposition out.

It opens the envelope and has each job in it taken. It touches no queue: the consumer settles what comes back.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from worker.application.consuming.work import Work
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancellation import CancelWatch
from worker.application.jobs.conversion import Conversion
from worker.application.jobs.job_claimer import JobClaimer
from worker.application.messages.envelope import open_envelope
from worker.application.messages.s3_event import Ignored, Part
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.application.progress.failover import FailoverStore
from worker.domain.disposition import Ack, Disposition, Forfeit, Release, combined
from worker.domain.errors import InvalidMessageError
from worker.domain.trace import trace_fields
from worker.events import Event, emit
from worker.ports import JobTable


class DeliveryHandler:
    """Handles deliveries; one object for all of them.

    `worker` is this process's name in records, `s3_outputs` what becomes of new objects that S3 tells of. `over_job`
    is entered for as long as a job runs.
    """

    def __init__(
        self,
        store: FailoverStore,
        conversion: Conversion,
        limits: JobLimits,
        *,
        table: JobTable,
        cancels: CancelWatch,
        worker: str,
        now: Callable[[], datetime],
        random: Callable[[], float] = random_module.random,
        s3_outputs: S3EventOutputs | None = None,
        over_job: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._limits = limits
        self._s3_outputs = s3_outputs
        self._job_claimer = JobClaimer(
            store,
            conversion,
            limits,
            table=table,
            cancels=cancels,
            worker=worker,
            now=now,
            random=random,
            over_job=over_job,
        )

    async def handle(self, work: Work) -> Disposition:
        """Do what the delivery asks for. Raises nothing but CancelledError."""
        delivery = work.delivery
        contents = open_envelope(delivery.body, self._s3_outputs)
        work.trace = trace_fields({**delivery.attributes, **contents.attributes})
        with work.log_context(message_id=delivery.message_id, **work.trace):
            return await self._handle_parts(contents.parts, work)

    async def _handle_parts(self, parts: Sequence[Part], work: Work) -> Disposition:
        """One after the other under the one lease, each with a claim and a record of its own."""
        ends: list[Disposition] = []
        for part in parts:
            if ends and not self._may_begin_another(work):
                emit(Event.JOB_DEFERRED, delay_seconds=0.0, reason="its message has to go back first", attempt=None)
                ends.append(Forfeit() if work.lease.is_lost else Release())
                break
            ends.append(await self._handle_part(part, work))
            if isinstance(ends[-1], Forfeit | Release):
                break
        return combined(ends)

    def _may_begin_another(self, work: Work) -> bool:
        """False after a stop signal or the loss of the lease, and where another job might not fit the twelve hours."""
        until = asyncio.get_running_loop().time() + self._limits.job_timeout_seconds + self._limits.lease_seconds
        has_time = until <= work.lease.in_flight_until or not work.has_run_jobs
        return has_time and work.stop_reason is None

    async def _handle_part(self, part: Part, work: Work) -> Disposition:
        if isinstance(part, Ignored):
            emit(Event.MESSAGE_IGNORED, reason=part.reason)
            return Ack()
        with work.log_context(**({} if part.job_id is None else {"job_id": part.job_id})):
            if isinstance(part, InvalidMessageError):
                return await self._job_claimer.refuse(part, work.delivery.fence)
            return await self._job_claimer.take(part, work)
