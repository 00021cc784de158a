"""One delivery in, one disposition out.

It opens the envelope and has each job in it done. It touches no queue: the consumer settles what comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from worker.application.consuming.work import Work
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_claimer import JobClaimer
from worker.application.messages.envelope import open_envelope
from worker.application.messages.presets import BUILT_IN, Presets
from worker.application.messages.s3_event import Entry
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.disposition import Disposition, Forfeit, Release, combined
from worker.domain.errors import InvalidMessageError
from worker.domain.outcome import Ending, Ignored, NotBegun, disposition_of
from worker.domain.trace import trace_context


class DeliveryHandler:
    """Handles deliveries; one object for all of them.

    `s3_outputs` are the outputs of jobs that S3 event notifications ask for; None refuses such messages.
    `presets` are those that messages may name.
    """

    def __init__(
        self,
        job_claimer: JobClaimer,
        finisher: JobFinisher,
        limits: JobLimits,
        *,
        s3_outputs: S3EventOutputs | None = None,
        presets: Presets = BUILT_IN,
    ) -> None:
        self._job_claimer = job_claimer
        self._finisher = finisher
        self._limits = limits
        self._s3_outputs = s3_outputs
        self._presets = presets

    async def handle(self, work: Work) -> Disposition:
        """Do what the delivery asks for. Raises nothing but CancelledError."""
        delivery = work.delivery
        contents = open_envelope(delivery.body, self._s3_outputs, self._presets)
        work.trace = trace_context({**delivery.attributes, **contents.attributes})
        with work.log_context(message_id=delivery.message_id, **work.trace_fields):
            return await self._handle_entries(contents.entries, work)

    async def _handle_entries(self, entries: Sequence[Entry], work: Work) -> Disposition:
        """Handle the entries one after the other under the same lease, each with a claim and a record of its own."""
        dispositions: list[Disposition] = []
        for entry in entries:
            if dispositions and not self._may_begin_another(work):
                ending = self._finisher.pass_over(NotBegun(is_lost=work.lease.is_lost))
                dispositions.append(disposition_of(ending, None))
                break
            ending = await self._handle_entry(entry, work)
            dispositions.append(disposition_of(ending, _job_id_of(entry)))
            if isinstance(dispositions[-1], Forfeit | Release):
                break
        return combined(dispositions)

    def _may_begin_another(self, work: Work) -> bool:
        """Whether there was no stop signal, the lease is not lost, and another job fits into the twelve hours."""
        until = asyncio.get_running_loop().time() + self._limits.job_timeout_seconds + self._limits.lease_seconds
        has_time = until <= work.lease.in_flight_until or not work.has_run_jobs
        return has_time and work.stop_reason is None

    async def _handle_entry(self, entry: Entry, work: Work) -> Ending:
        if isinstance(entry, Ignored):
            return self._finisher.pass_over(entry)
        job_id = _job_id_of(entry)
        work.job_begun_at = asyncio.get_running_loop().time()
        with work.log_context(**({} if job_id is None else {"job_id": job_id})):
            if isinstance(entry, InvalidMessageError):
                return await self._finisher.refuse(entry, work.delivery)
            return await self._job_claimer.handle(entry, work)


def _job_id_of(entry: Entry) -> str | None:
    return None if isinstance(entry, Ignored) else entry.job_id
