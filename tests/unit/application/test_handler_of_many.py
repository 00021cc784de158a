"""How a delivery ends that holds several jobs, or none, or a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.support.deliveries import a_delivery
from tests.support.events import logged_events
from tests.support.harness import LEASE_SECONDS, LIMITS, Harness, a_body, a_harness
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from worker.application.consuming.lease import Lease
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import JobLimits
from worker.application.messages.s3_outputs import S3EventOutputs, job_id_of
from worker.domain.disposition import Ack, Forfeit, Reject, Release, Retry
from worker.domain.errors import ConverterCrashedError, LeaseLostError, ShutdownError, StalledError
from worker.domain.job import ObjectLocation
from worker.domain.progress import Record, Status
from worker.events import Event

OUTPUTS = S3EventOutputs('[{"target": "s3://out-bucket/{stem}.flac", "format": "flac"}]')


def source(name: str) -> ObjectLocation:
    return ObjectLocation("in-bucket", f"{name}.wav")


def an_event(*names: str) -> str:
    """A notification of S3 about new objects."""
    entities = [
        {"bucket": {"name": "in-bucket"}, "object": {"key": f"{name}.wav", "sequencer": "00"}} for name in names
    ]
    records = [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": entity} for entity in entities]
    return json.dumps({"Records": records})


def record(harness: Harness, name: str) -> Record | None:
    return harness.table.held.get(job_id_of(source(name), "00"))


def statuses(harness: Harness, *names: str) -> Sequence[Status | None]:
    records = [record(harness, name) for name in names]
    return [None if each is None else each.status for each in records]


def harness_in(root: Path, limits: JobLimits = LIMITS) -> Harness:
    harness = Harness(root, limits=limits, s3_outputs=OUTPUTS)
    for name in "abc":
        harness.objects.put(source(name), silence(1))
    return harness


@virtual_time
async def test_each_record_is_a_job_of_its_own_and_all_done_is_done(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)

    assert await harness.handle(an_event("a", "b", "c")) == Ack()

    assert statuses(harness, "a", "b", "c") == [Status.COMPLETED] * 3
    assert all(harness.objects.get(ObjectLocation("out-bucket", f"{name}.flac")) for name in "abc")


@virtual_time
async def test_one_that_has_to_be_tried_again_brings_the_message_back_and_no_other_is_done_twice(
    tmp_path: Path,
) -> None:
    harness = harness_in(tmp_path)
    harness.converter.convert_error = ConverterCrashedError("ended by signal 11")
    assert isinstance(await harness.handle(an_event("a")), Retry)
    harness.converter.convert_error = None
    await harness.handle(an_event("b"))
    done = record(harness, "b")

    with logged_events() as logged:
        assert await harness.handle(an_event("a", "b"), receive_count=2) == Ack()

    assert record(harness, "b") == done
    assert statuses(harness, "a") == [Status.COMPLETED]
    assert len(logged.of(Event.JOB_DUPLICATE_SKIPPED)) == 1


@virtual_time
async def test_the_message_comes_back_after_the_longest_delay(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    harness.converter.convert_error = ConverterCrashedError("ended by signal 11")
    first = await harness.handle(an_event("a"))
    assert isinstance(first, Retry)

    both = await harness.handle(an_event("b", "a"), receive_count=2)

    assert isinstance(both, Retry)
    assert both.delay_seconds > first.delay_seconds  # the second attempt of the one, the first of the other


@virtual_time
async def test_what_failed_waits_for_the_rest_and_is_rejected_then(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    harness.objects.buckets["in-bucket"].pop("b.wav")
    harness.converter.convert_error = ConverterCrashedError("ended by signal 11")

    assert isinstance(await harness.handle(an_event("b", "a")), Retry)
    assert statuses(harness, "b", "a") == [Status.FAILED, Status.QUEUED]

    harness.converter.convert_error = None
    end = await harness.handle(an_event("b", "a"), receive_count=2)

    assert isinstance(end, Reject)
    assert (end.error.code.value, end.job_id) == ("source_not_found", job_id_of(source("b"), "00"))
    assert "b.wav does not exist" in str(end.error)
    assert statuses(harness, "b", "a") == [Status.FAILED, Status.COMPLETED]


@virtual_time
async def test_a_failed_job_is_rejected_by_its_own_message_and_skipped_by_a_later_one(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    harness.objects.buckets["in-bucket"].pop("a.wav")
    assert isinstance(await harness.handle(an_event("a")), Reject)

    assert isinstance(await harness.handle(an_event("a"), receive_count=2), Reject)  # the first died before it could
    later = a_delivery(body=an_event("a"), sent_at_ms=harness.work().delivery.sent_at_ms + 5, received_at=1000.0)

    assert await harness.handler.handle(Work(Lease(later, lease_seconds=LEASE_SECONDS))) == Ack()


@virtual_time
async def test_a_record_that_is_wrong_stops_no_other(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)

    end = await harness.handle(an_event("a", "x" * 1022, "b"))

    assert isinstance(end, Reject)
    assert end.error.code.value == "invalid_message"
    assert statuses(harness, "a", "b") == [Status.COMPLETED] * 2


@virtual_time
async def test_a_stop_gives_the_running_job_back_and_begins_no_other(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    work = harness.work(an_event("a", "b"))
    task = await harness.begins(work)

    work.stop(ShutdownError())

    assert await task == Release()
    assert statuses(harness, "a", "b") == [Status.QUEUED, None]


@virtual_time
async def test_after_a_stop_no_other_job_is_begun(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    await harness.handle(an_event("a"))
    for reason, end in ((ShutdownError(), Release()), (LeaseLostError("the receipt handle is dead"), Forfeit())):
        work = harness.work(an_event("a", "b"))
        work.stop(reason)

        assert await harness.handler.handle(work) == end
        assert statuses(harness, "b") == [None]


@virtual_time
async def test_what_stops_one_job_does_not_stop_the_next(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    work = harness.work(an_event("a", "b"))
    task = await harness.begins(work)

    execution, _ = work._job  # type: ignore[misc]
    execution.stop(StalledError(300))
    harness.converter.may_finish.set()

    assert isinstance(await task, Retry)
    assert statuses(harness, "a", "b") == [Status.QUEUED, Status.COMPLETED]


@virtual_time
async def test_no_other_job_is_begun_where_the_twelve_hours_might_be_too_short_for_it(tmp_path: Path) -> None:
    harness = harness_in(
        tmp_path, JobLimits(LEASE_SECONDS, job_timeout_seconds=43_000, stall_seconds=43_000, max_attempts=3)
    )
    task = await harness.begins(harness.work(an_event("a", "b")))
    await asyncio.sleep(600)
    harness.converter.may_finish.set()

    with logged_events() as logged:
        assert await task == Release()

    assert logged.one(Event.JOB_DEFERRED)["attempt"] is None
    assert statuses(harness, "a", "b") == [Status.COMPLETED, None]
    await asyncio.sleep(600)
    assert await harness.handle(an_event("a", "b"), receive_count=2) == Ack()


@virtual_time
async def test_a_message_that_asks_for_nothing_is_acknowledged_with_a_line(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    with logged_events() as logged:
        assert (
            await harness.handle('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "in-bucket"}') == Ack()
        )
    assert "s3:TestEvent" in logged.one(Event.MESSAGE_IGNORED)["reason"]
    assert harness.table.held == {}


@virtual_time
async def test_without_outputs_an_event_of_s3_is_rejected(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        end = await harness.handle(an_event("a"))
        assert isinstance(end, Reject)
        assert "WORKER_S3_EVENT_OUTPUTS" in str(end.error)


@virtual_time
async def test_every_line_of_a_job_carries_its_trace(tmp_path: Path) -> None:
    trace = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
    header = f"00-{trace['trace_id']}-{trace['span_id']}-01"
    in_sns = {"Type": "Notification", "Message": a_body(), "MessageAttributes": {"traceparent": {"Value": header}}}
    for body, attributes in ((a_body(), {"traceparent": header}), (json.dumps(in_sns), {})):
        async with a_harness(tmp_path) as harness:
            now = asyncio.get_running_loop().time()
            delivery = a_delivery(body=body, attributes=attributes, received_at=now)
            with capture_logs(processors=[merge_contextvars]) as lines:
                assert await harness.handler.handle(Work(Lease(delivery, lease_seconds=LEASE_SECONDS))) == Ack()
            of_the_job = [line for line in lines if "job_id" in line]
            assert {"job.started", "job.completed"} <= {line["event"] for line in of_the_job}
            assert all(line.items() >= trace.items() for line in of_the_job)


@virtual_time
async def test_each_record_that_is_refused_is_named_when_the_message_is_rejected(tmp_path: Path) -> None:
    harness = harness_in(tmp_path)
    event = json.loads(an_event("a", "b", "c"))
    for at in (0, 2):
        event["Records"][at]["s3"]["object"] = {}

    rejection = await harness.handle(json.dumps(event))

    assert isinstance(rejection, Reject)
    told = [str(each.error) for each in (rejection, *rejection.refused_too)]
    assert told == [f"Records[{at}].s3.object.key: is required" for at in (0, 2)]
    assert statuses(harness, "b") == [Status.COMPLETED]
