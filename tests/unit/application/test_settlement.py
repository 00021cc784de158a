"""How a delivery ends: settled once, as its job says, while its lease lasts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.fakes.queue import FakeQueue, Faults, Hang, ScriptedFaults
from tests.support.consuming import LEASE, OUTAGE, JobHandler, a_consumer, at_work, taking
from tests.support.events import logged_events
from tests.support.virtual_time import now, run, virtual_time
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition, Forfeit, Reject, Retry
from worker.domain.errors import InvalidMessageError, SourceNotFoundError, UnsupportedAudioError
from worker.events import Event
from worker.ports import Delivery


@pytest.mark.parametrize(
    ("disposition", "settled", "visible_in"),
    [
        (Ack(), "ack", None),
        (Retry(30), "change_visibility", 30),
        (Reject(UnsupportedAudioError("cut off"), "ep-1", 2), "reject", None),
    ],
)
def test_a_disposition_is_settled_once(disposition: Disposition, settled: str, visible_in: float | None) -> None:
    async def check() -> None:
        queue = FakeQueue()
        message_id = queue.send("{}")

        async with at_work(queue, taking(1, disposition)) as bench:
            await bench.until(lambda: bool(queue.settled))
            assert queue.visible_in(message_id) == pytest.approx(visible_in, abs=0.1)
            await bench.drain(release_seconds=100)
        assert queue.settled[0] == (settled, message_id)

    run(check())


@virtual_time
async def test_a_forfeited_delivery_is_not_touched() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(1, Forfeit())) as bench:
        await bench.until(lambda: bool(bench.handler.dispositions))

    assert queue.settled == []
    assert bench.consumer.status().settled == {"forfeit": 1}


@virtual_time
async def test_a_lease_that_is_lost_stops_the_job_and_settles_nothing() -> None:
    faults = ScriptedFaults()
    faults.requests("extend", *[OUTAGE] * 100)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(3600)) as bench:
        await bench.until(lambda: bool(bench.handler.dispositions))
        assert bench.handler.dispositions == [("message-1", Forfeit())]
        assert queue.visible_in("message-1") == pytest.approx(5, abs=0.1)
    assert queue.settled == []


@virtual_time
async def test_a_result_that_comes_after_the_lease_was_lost_is_not_settled_and_the_log_says_so() -> None:
    faults = ScriptedFaults()
    faults.requests("extend", *[OUTAGE] * 100)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    class Deaf(JobHandler):
        async def handle(self, work: Work) -> Disposition:
            self.begun.append(work.delivery.message_id)
            await asyncio.sleep(3600)
            return Ack()

    handler = Deaf(taking(0))
    renewer, consumer = a_consumer(queue, handler, concurrency=1)
    with logged_events() as logged:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(renewer.run())
            group.create_task(consumer.run())
            await asyncio.sleep(10)
            consumer.stop(jobs_until=now() + 10, settle_until=now() + 20)
            await asyncio.sleep(4000)
            renewing.cancel()

    assert queue.settled == []
    assert logged.one(Event.LEASE_LOST)["message_id"] == "message-1"


@virtual_time
async def test_a_rejected_message_is_logged_with_its_reason() -> None:
    queue = FakeQueue()
    queue.send("not json")
    rejection = Reject(InvalidMessageError("body", "is not JSON"))

    with logged_events() as logged:
        async with at_work(queue, taking(0.1, rejection)) as bench:
            await bench.until_empty()

    assert [letter.rejection for letter in queue.dead_letters] == [rejection]
    line = logged.one(Event.MESSAGE_REJECTED)
    assert line["error_code"] == "invalid_message"
    assert line["error"] == "body: is not JSON"
    assert line["log_level"] == "warning"


@virtual_time
async def test_each_refused_record_of_a_message_has_a_line_and_the_message_is_counted_once() -> None:
    queue = FakeQueue()
    queue.send("a notification")
    fields = ["Records[0].s3", "Records[2].eventName", "Records[3]"]
    first, *others = (Reject(InvalidMessageError(field, "is wrong")) for field in fields)
    rejection = replace(first, refused_too=tuple(others))

    with logged_events() as logged:
        async with at_work(queue, taking(0.1, rejection)) as bench:
            await bench.until_empty()

    lines = logged.of(Event.MESSAGE_REJECTED)
    assert [line["error"] for line in lines] == [f"{field}: is wrong" for field in fields]
    assert {(line["outcome"], line["message_id"]) for line in lines} == {("refused", "message-1")}
    assert bench.consumer.status().settled == {"reject": 1}


@virtual_time
async def test_the_rejection_of_a_job_names_the_job_and_its_attempt() -> None:
    queue = FakeQueue()
    queue.send("a job")
    rejection = Reject(SourceNotFoundError("s3://in/ep-1.wav"), "ep-1", 2)

    with logged_events() as logged:
        async with at_work(queue, taking(0.1, rejection)) as bench:
            await bench.until_empty()

    line = logged.one(Event.MESSAGE_REJECTED)
    assert (line["job_id"], line["message_id"], line["attempt"]) == ("ep-1", "message-1", 2)


@virtual_time
async def test_a_rejection_without_a_dead_letter_queue_is_an_error_line() -> None:
    queue = FakeQueue(has_dead_letter_queue=False)
    queue.send("not json")

    with logged_events() as logged:
        async with at_work(queue, taking(0.1, Reject(InvalidMessageError("body", "is not JSON")))) as bench:
            await bench.until_empty()

    assert logged.one(Event.MESSAGE_DISCARDED)["log_level"] == "error"
    assert not logged.of(Event.MESSAGE_REJECTED)


@virtual_time
async def test_a_settlement_is_tried_again_while_the_lease_lasts() -> None:
    faults = ScriptedFaults()
    faults.requests("ack", OUTAGE, Hang.FOREVER, OUTAGE)
    faults.responses("ack", OUTAGE)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    with logged_events() as logged:
        async with at_work(queue, taking(1)) as bench:
            await bench.until(lambda: "ack" in bench.consumer.status().settled)

    assert queue.settled == [("ack", "message-1")]
    assert not logged.of(Event.MESSAGE_SETTLE_FAILED)


@virtual_time
async def test_a_settlement_that_never_succeeds_is_given_up_when_the_lease_ends() -> None:
    faults = ScriptedFaults()
    faults.requests("ack", *[OUTAGE] * 1000)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    with logged_events() as logged:
        async with at_work(queue, taking(1)) as bench:
            await bench.until(lambda: bool(logged.of(Event.MESSAGE_SETTLE_FAILED)))
            assert now() < 1000 + LEASE + 1

    line = logged.of(Event.MESSAGE_SETTLE_FAILED)[0]
    assert (line["disposition"], line["error"]) == ("ack", "SQS did not answer")


@virtual_time
async def test_a_dead_receipt_handle_at_the_ack_is_a_line_in_the_log_and_no_more() -> None:
    queue = FakeQueue()
    queue.send("{}")
    elsewhere: list[Delivery] = []

    async def job(work: Work) -> Disposition:
        await asyncio.sleep(1)
        queue.deliver_again(work.delivery.message_id)
        elsewhere.extend(await queue.receive(1))
        return Ack()

    with logged_events() as logged:
        async with at_work(queue, job, concurrency=1) as bench:
            await bench.until(lambda: bool(logged.of(Event.MESSAGE_SETTLE_FAILED)))
            await bench.drain(release_seconds=100)

    assert queue.settled == []
    assert queue.calls["ack"] == 1


@virtual_time
async def test_a_bug_in_the_handler_costs_one_delivery_a_delay_and_no_more() -> None:
    queue = FakeQueue()
    for body in ("bug", "fine", "fine"):
        queue.send(body)

    class Buggy(JobHandler):
        async def handle(self, work: Work) -> Disposition:
            if work.delivery.body == "bug" and work.delivery.receive_count == 1:
                raise KeyError("a bug")
            return await super().handle(work)

    handler = Buggy(taking(1))
    renewer, consumer = a_consumer(queue, handler, concurrency=1)
    with logged_events() as logged:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(renewer.run())
            group.create_task(consumer.run())
            while len(queue):  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(0.1)
            consumer.stop(jobs_until=now(), settle_until=now() + 1)
            renewing.cancel()

    assert handler.begun == ["message-2", "message-3", "message-1"]
    assert isinstance(logged.one(Event.HANDLER_CRASHED)["exception"], KeyError)


@virtual_time
async def test_a_cancelled_consumer_gives_everything_back() -> None:
    queue = FakeQueue()
    for _ in range(3):
        queue.send("{}")

    handler = JobHandler(taking(3600))
    _, consumer = a_consumer(queue, handler, concurrency=3)
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [queue.visible_in(f"message-{n}") for n in (1, 2, 3)] == [0, 0, 0]


@virtual_time
async def test_a_cancellation_waits_for_the_settlement_in_flight() -> None:
    class SlowAck(Faults):
        async def before(self, call: str) -> None:
            if call == "ack":
                await asyncio.sleep(3)

    queue = FakeQueue(faults=SlowAck())
    queue.send("{}")
    _, consumer = a_consumer(queue, JobHandler(taking(1)), concurrency=1)
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert queue.settled == [("ack", "message-1")]
