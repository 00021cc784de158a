"""A job that is submitted has a record and a message, once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.handling import runs_and_finisher
from tests.support.records import NOW, a_record
from worker.application.jobs.submission import Submission
from worker.application.messages.message import parse_job
from worker.domain.audio import AudioFormat
from worker.domain.errors import DependencyUnavailableError, ErrorCode, InvalidMessageError, WorkerError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.progress import Status, Version
from worker.domain.refusals import JobExistsError
from worker.ports import StoreUnavailableError

JOB = Job(
    "ep-0142",
    ObjectLocation("podcasts-in", "ep 0142 – ü.wav"),
    (OutputSpec(ObjectLocation("podcasts-out", "ep-0142.mp3"), AudioFormat.MP3),),
)


class FakeSender:
    """The producer's side of a queue, in memory; `failure` is raised once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None, str | None]] = []
        self.attributes: Mapping[str, str] | None = None
        self.failure: WorkerError | None = None

    async def send(
        self,
        body: str,
        *,
        group_id: str | None = None,
        dedup_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        await asyncio.sleep(0)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.sent.append((body, group_id, dedup_id))
        self.attributes = attributes
        return f"message-{len(self.sent)}"


@pytest.fixture(name="table")
def table_fixture() -> FakeJobTable:
    return FakeJobTable()


@pytest.fixture(name="sender")
def sender_fixture() -> FakeSender:
    return FakeSender()


def a_submission(table: FakeJobTable, sender: FakeSender, cache: FakeProgressCache | None = None) -> Submission:
    return Submission(*runs_and_finisher(table, cache, now=lambda: NOW), sender)


@pytest.fixture(name="submission")
def submission_fixture(table: FakeJobTable, sender: FakeSender) -> Submission:
    return a_submission(table, sender)


async def test_a_submitted_job_is_queued_and_sent(
    submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    record = await submission.submit(JOB)
    assert table.held["ep-0142"] == record
    assert (record.status, record.version, record.attempt) == (Status.QUEUED, Version(0, 1), 0)
    assert record.source == "s3://podcasts-in/ep 0142 – ü.wav"
    ((body, group_id, dedup_id),) = sender.sent
    assert parse_job(body) == JOB
    assert (group_id, dedup_id) == (None, "ep-0142")


@pytest.mark.parametrize("is_out", [False, True])
async def test_the_first_record_is_in_redis_too_where_it_can_be_reached(
    is_out: bool, table: FakeJobTable, sender: FakeSender
) -> None:
    cache = FakeProgressCache()
    if is_out:
        cache.breaks()

    record = await a_submission(table, sender, cache).submit(JOB)

    assert cache.held.get("ep-0142") == (None if is_out else record)
    assert len(sender.sent) == 1


async def test_a_second_submission_brings_the_first_record_to_a_cache_that_missed_it(
    table: FakeJobTable, sender: FakeSender
) -> None:
    cache = FakeProgressCache()
    cache.breaks()
    record = await a_submission(table, sender, cache).submit(JOB)
    cache.works()

    assert await a_submission(table, sender, cache).submit(JOB) == record

    assert cache.held["ep-0142"] == record


async def test_a_send_that_failed_can_be_repeated(
    submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    sender.failure = DependencyUnavailableError("SQS")
    with pytest.raises(DependencyUnavailableError):
        await submission.submit(JOB)
    await submission.submit(JOB)
    assert len(sender.sent) == 1
    assert len(table.writes) == 1


@pytest.mark.parametrize("status", [Status.RUNNING, Status.COMPLETED])
async def test_a_started_job_is_not_sent_again(
    status: Status, submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    held = a_record()
    if status is Status.COMPLETED:
        held = replace(held, status=status, stage=None, percent=100.0)
    table.held["ep-0142"] = held
    with pytest.raises(JobExistsError, match=rf"job ep-0142 exists already \({status.value}\)"):
        await submission.submit(JOB)
    assert sender.sent == []


@pytest.mark.parametrize("key", ["The Secret: Part 1.wav", "a?token=5.mp3", "x?X-Amz-Signature=abc"])
async def test_a_job_whose_name_looks_like_a_secret_is_sent_and_may_be_sent_again(
    key: str, submission: Submission, sender: FakeSender
) -> None:
    job = replace(JOB, source=ObjectLocation("podcasts-in", key))

    await submission.submit(job)
    await submission.submit(job)

    assert [parse_job(body) for body, _, _ in sender.sent] == [job, job]


async def test_an_id_that_is_taken_by_a_job_with_other_options_is_refused(
    submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    await submission.submit(JOB)
    other = replace(JOB, outputs=(replace(JOB.outputs[0], bitrate_kbps=64),))
    runs, finisher = runs_and_finisher(table, FakeProgressCache(), now=lambda: NOW + timedelta(milliseconds=1))

    with pytest.raises(JobExistsError):
        await Submission(runs, finisher, sender).submit(other)

    assert len(sender.sent) == 1


async def test_an_id_that_is_taken_by_another_job_is_refused(submission: Submission, sender: FakeSender) -> None:
    await submission.submit(JOB)
    with pytest.raises(JobExistsError):
        await submission.submit(replace(JOB, source=ObjectLocation("podcasts-in", "other.wav")))
    assert len(sender.sent) == 1


async def test_nothing_is_sent_without_a_record(
    submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    table.breaks()
    with pytest.raises(StoreUnavailableError):
        await submission.submit(JOB)
    assert sender.sent == []


@pytest.mark.parametrize(
    ("traceparent", "attributes"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("malformed", False),
        ("", False),
        (None, False),
    ],
)
async def test_a_valid_trace_goes_along_with_the_message(
    table: FakeJobTable, sender: FakeSender, traceparent: str | None, attributes: bool
) -> None:
    await a_submission(table, sender).submit(JOB, traceparent=traceparent)
    assert sender.attributes == ({"traceparent": traceparent} if attributes else None)


async def test_the_source_is_put_once_the_id_is_ours_and_before_the_message(
    submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    seen: list[tuple[Status, int]] = []

    async def put_source() -> None:
        await asyncio.sleep(0)
        seen.append((table.held["ep-0142"].status, len(sender.sent)))

    await submission.submit(JOB, put_source=put_source)

    assert seen == [(Status.QUEUED, 0)]
    assert len(sender.sent) == 1


async def test_a_refused_job_puts_no_source(submission: Submission, table: FakeJobTable, sender: FakeSender) -> None:
    table.held["ep-0142"] = a_record()

    async def put_source() -> None:
        raise AssertionError

    with pytest.raises(JobExistsError):
        await submission.submit(JOB, put_source=put_source)
    assert sender.sent == []


async def test_without_its_source_no_job_is_sent(submission: Submission, sender: FakeSender) -> None:
    async def put_source() -> None:
        await asyncio.sleep(0)
        raise DependencyUnavailableError("S3")

    with pytest.raises(DependencyUnavailableError):
        await submission.submit(JOB, put_source=put_source)
    assert sender.sent == []
    await submission.submit(JOB)
    assert len(sender.sent) == 1


async def test_a_job_may_have_a_message_group_with_others(submission: Submission, sender: FakeSender) -> None:
    await submission.submit(JOB, group="show-7")

    ((_, group_id, dedup_id),) = sender.sent
    assert (group_id, dedup_id) == ("show-7", "ep-0142")


@pytest.mark.parametrize("field", ["body", "group"])
async def test_a_job_whose_message_the_queue_does_not_take_has_failed_and_does_not_wait_for_ever(
    field: str, submission: Submission, table: FakeJobTable, sender: FakeSender
) -> None:
    sender.failure = InvalidMessageError(field, "SQS does not take it")

    with pytest.raises(InvalidMessageError) as caught:
        await submission.submit(JOB)

    record = await table.read(JOB.job_id)
    assert caught.value.job_id == JOB.job_id
    assert record is not None
    assert (record.status, record.version) == (Status.FAILED, Version(0, 2))
    assert record.error is not None
    assert record.error.code == ErrorCode.INVALID_MESSAGE
    assert record.error.message == f"{field}: SQS does not take it"
    assert sender.sent == []
