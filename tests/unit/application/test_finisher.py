"""The one place where jobs end."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from tests.fakes.objects import MemoryObjects
from tests.support.deliveries import a_delivery
from tests.support.failover import Stores, stores
from tests.support.handling import completion_events
from tests.support.records import a_record
from tests.support.reporting import CLAIM, OUTPUTS, clock
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.application.consuming.lease import Lease
from worker.application.consuming.work import Work
from worker.application.jobs.announcement import announcing
from worker.application.jobs.attempt import Attempt, Claim
from worker.application.jobs.finisher import Finished, JobFinisher
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.progress.job_progress import JobProgress
from worker.application.progress.reporter import Reporter
from worker.domain.claim import JobState
from worker.domain.errors import InternalError, InvalidMessageError, NoAudioError
from worker.domain.job import Job, ObjectLocation
from worker.domain.meter import Speeds
from worker.domain.outcome import Cancelled, Completed, Failed, Lost, PutOff, Refused, Released, WillRetry
from worker.domain.progress import Status, Version
from worker.events import Event
from worker.ports import Written

JOB = Job(CLAIM.job_id, ObjectLocation("podcasts-in", "a.wav"), ())


def a_finisher(it: Stores) -> JobFinisher:
    events = completion_events(None, now=clock)
    outputs = PublishedOutputs(MemoryObjects())
    return JobFinisher(it.store, outputs, events, now=clock, random=lambda: 0.5, on_end=announcing())


async def an_attempt(it: Stores) -> Attempt:
    assert isinstance(await it.store.write_if_unchanged(CLAIM, None), Written)
    progress = JobProgress(Speeds())
    reporter = Reporter(it.store, CLAIM, progress, now=clock, random=lambda: 0.5, lease_seconds=60)
    work = Work(Lease(a_delivery(), lease_seconds=60))
    return Attempt(Claim(JOB, CLAIM, "token", now(), math.inf), work, progress, reporter)


@virtual_time
async def test_a_run_ends_once_and_its_first_outcome_counts() -> None:
    async with stores() as it:
        finisher, attempt = a_finisher(it), await an_attempt(it)

        first = await finisher.finish_attempt(attempt, Completed(OUTPUTS))
        second = await finisher.finish_attempt(attempt, Failed(InternalError(), 1))

        assert first == second == Completed(OUTPUTS)
        assert it.table.held[JOB.job_id].status is Status.COMPLETED
        assert it.log.one(Event.JOB_COMPLETED)
        assert not it.log.of(Event.JOB_FAILED)


@virtual_time
async def test_a_run_whose_job_is_another_workers_is_lost_however_it_ended() -> None:
    async with stores() as it:
        finisher, attempt = a_finisher(it), await an_attempt(it)
        await it.table.write(a_record(2000, 1))

        outcome = await finisher.finish_attempt(attempt, Completed(OUTPUTS))

        assert isinstance(outcome, Lost)
        assert it.log.one(Event.LEASE_LOST)
        assert not it.log.of(Event.JOB_COMPLETED)


@virtual_time
async def test_a_run_whose_end_was_kept_without_an_answer_is_no_loss_when_its_lease_ends() -> None:
    async with stores() as it:
        finisher, attempt = a_finisher(it), await an_attempt(it)
        it.table.acks_lost = 1
        completing = asyncio.create_task(finisher.finish_attempt(attempt, Completed(OUTPUTS)))
        await wait_until(lambda: it.table.held[JOB.job_id].is_final)
        it.table.hangs = True
        completing.cancel()
        await asyncio.wait([completing])
        it.table.works()

        ended = await finisher.finish_attempt(attempt, Lost("the receipt handle is dead"), within_seconds=5)

        assert ended == Completed(OUTPUTS)
        assert it.log.one(Event.JOB_COMPLETED)
        assert not it.log.of(Event.LEASE_LOST)


@virtual_time
@pytest.mark.parametrize(("outcome", "code"), [(Failed(NoAudioError(), 1), "no_audio"), (Cancelled(), "cancelled")])
async def test_a_final_outcome_that_cannot_be_recorded_in_time_brings_the_message_back(
    outcome: Failed | Cancelled, code: str
) -> None:
    async with stores() as it:
        finisher, attempt = a_finisher(it), await an_attempt(it)
        it.table.breaks()

        ended = await finisher.finish_attempt(attempt, outcome, within_seconds=5)

        assert isinstance(ended, WillRetry)
        assert it.log.one(Event.JOB_RETRIED)["error_code"] == code


@virtual_time
async def test_a_release_that_cannot_be_recorded_in_time_is_a_release_all_the_same() -> None:
    async with stores() as it:
        finisher, attempt = a_finisher(it), await an_attempt(it)
        it.table.breaks()

        assert await finisher.finish_attempt(attempt, Released(), within_seconds=5) == Released()


@virtual_time
async def test_the_end_of_a_job_that_does_not_run_is_in_both_stores_and_in_the_log() -> None:
    async with stores() as it:
        queued = replace(CLAIM, status=Status.QUEUED, stage=None, version=Version(0, 1))
        await it.store.write_if_unchanged(queued, None)

        finished = await a_finisher(it).finish(Cancelled(), replace(queued, version=Version(0, 2)), queued.version)

        assert isinstance(finished, Finished)
        final = finished.record
        assert (final.status, finished.ending) == (Status.CANCELLED, Cancelled())
        assert final == it.table.held[JOB.job_id] == it.redis.held[JOB.job_id]
        line = it.log.one(Event.JOB_CANCELLED)
        assert (line["stage"], line["percent"]) == (None, final.percent)


@virtual_time
async def test_a_job_that_has_changed_meanwhile_is_not_ended() -> None:
    async with stores() as it:
        await an_attempt(it)

        changed = await a_finisher(it).finish(Cancelled(), CLAIM, Version(0, 1))

        assert isinstance(changed, JobState)
        assert changed.record == it.table.held[JOB.job_id] == CLAIM
        assert not it.log.of(Event.JOB_CANCELLED)


@virtual_time
@pytest.mark.parametrize("outcome", [Failed(NoAudioError(), 1), Cancelled(), WillRetry(InternalError(), 5.0)])
async def test_the_end_of_a_run_waits_for_a_job_table_that_is_away(outcome: Failed | Cancelled | WillRetry) -> None:
    async with stores() as it:
        finisher, attempt = a_finisher(it), await an_attempt(it)
        it.table.breaks()
        asyncio.get_running_loop().call_later(3600, it.table.works)

        ended = await finisher.finish_attempt(attempt, outcome)

        assert isinstance(ended, WillRetry if isinstance(outcome, Cancelled) else type(outcome))
        assert it.table.held[JOB.job_id].status is (Status.FAILED if isinstance(outcome, Failed) else Status.QUEUED)


@virtual_time
async def test_a_refusal_waits_for_a_job_table_that_is_away_because_its_record_has_to_say_so() -> None:
    async with stores() as it:
        it.table.breaks()
        error = InvalidMessageError("source", "must be a string", job_id="ep-1")
        delivery = a_delivery(receive_count=3)

        assert await a_finisher(it).refuse(error, delivery) == PutOff(70.0, "connection refused")

        it.table.works()
        assert await a_finisher(it).refuse(error, delivery) == Refused(error)
        assert it.table.held["ep-1"].status is Status.FAILED


@virtual_time
async def test_a_refusal_without_a_name_of_a_job_waits_for_nothing() -> None:
    async with stores() as it:
        it.table.breaks()
        error = InvalidMessageError("body", "is no JSON")

        assert await a_finisher(it).refuse(error, a_delivery()) == Refused(error)
