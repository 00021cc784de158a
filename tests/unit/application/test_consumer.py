"""Slots, settlement and the poll loop, under a queue that fails in every way that SQS has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.queue import FakeQueue, Fault, Faults, Hang, ScriptedFaults
from tests.support.events import logged_events
from tests.support.virtual_time import now, run, virtual_time
from worker.application.consumer import Consumer
from worker.application.lease import Lease, LeaseKeeper
from worker.domain.disposition import Ack, Disposition, Forfeit, Reject, Release, Retry
from worker.domain.errors import (
    DependencyUnavailableError,
    InvalidMessageError,
    LeaseLostError,
    ShutdownError,
    SourceNotFoundError,
    UnsupportedAudioError,
)
from worker.events import Event
from worker.ports import Delivery

LEASE = 60.0
OUTAGE = DependencyUnavailableError("SQS")

Job = Callable[[Lease], Awaitable[Disposition]]


@dataclass
class JobHandler:
    """Runs `job` as the real handler does: in the lease's execution, whose reasons become dispositions."""

    job: Job
    running: int = 0
    most: int = 0
    begun: list[str] = field(default_factory=list)
    dispositions: list[tuple[str, Disposition]] = field(default_factory=list)

    async def handle(self, lease: Lease) -> Disposition:
        self.begun.append(lease.delivery.message_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            disposition = await self._run(lease)
        finally:
            self.running -= 1
        self.dispositions.append((lease.delivery.message_id, disposition))
        return disposition

    async def _run(self, lease: Lease) -> Disposition:
        async def body() -> Disposition:
            return await self.job(lease)

        try:
            return await lease.execution.run(body(), name="job")
        except ShutdownError:
            return Release()
        except LeaseLostError:
            return Forfeit()


def taking(seconds: float, disposition: Disposition | None = None) -> Job:
    async def job(_: Lease) -> Disposition:
        await asyncio.sleep(seconds)
        return disposition or Ack()

    return job


@dataclass
class Bench:
    """A consumer at work, and what belongs to it."""

    queue: FakeQueue
    handler: JobHandler
    consumer: Consumer
    task: asyncio.Task[None]

    async def until(self, is_so: Callable[[], bool], *, every_seconds: float = 0.01) -> None:
        while not is_so():  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(every_seconds)

    async def until_empty(self, *, every_seconds: float = 0.1) -> None:
        await self.until(lambda: len(self.queue) == 0, every_seconds=every_seconds)

    async def drain(self, seconds: float = 100, release_seconds: float = 10) -> float:
        """Stop and wait for the end; returns how long it took."""
        began = now()
        self.consumer.stop(jobs_until=began + seconds - release_seconds, settle_until=began + seconds)
        await self.task
        return now() - began


@asynccontextmanager
async def at_work(queue: FakeQueue, job: Job, *, concurrency: int = 4) -> AsyncIterator[Bench]:
    handler = JobHandler(job)
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, handler, keeper, concurrency=concurrency, lease_seconds=LEASE, random=lambda: 0.5)
    renewing = asyncio.create_task(keeper.run(), name="keeper")
    consuming = asyncio.create_task(consumer.run(), name="consumer")
    try:
        yield Bench(queue, handler, consumer, consuming)
        if not consuming.done():
            consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await consuming
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])


# --- slots and settlement ----------------------------------------------------------------------------------------


@virtual_time
async def test_every_message_is_handled_once_and_deleted() -> None:
    queue = FakeQueue()
    ids = [queue.send("{}") for _ in range(50)]

    async with at_work(queue, taking(1)) as bench:
        await bench.until_empty()

    assert sorted(bench.handler.begun) == sorted(ids)
    assert bench.handler.most == 4
    assert sorted(queue.settled) == sorted(("ack", message_id) for message_id in ids)


@virtual_time
async def test_a_long_job_keeps_its_message_for_hours() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(3 * 3600)) as bench:
        await bench.until_empty(every_seconds=10)

    assert len(bench.handler.begun) == 1


@virtual_time
async def test_a_slow_job_does_not_hold_up_the_other_slots() -> None:
    queue = FakeQueue()
    queue.send("slow")
    for _ in range(30):
        queue.send("quick")

    async def job(lease: Lease) -> Disposition:
        await asyncio.sleep(1000 if lease.delivery.body == "slow" else 1)
        return Ack()

    async with at_work(queue, job) as bench:
        began = now()
        await bench.until(lambda: len(queue) == 1, every_seconds=0.1)
        assert now() - began < 12
        await bench.until_empty()


@virtual_time
async def test_nothing_is_received_while_no_slot_is_free() -> None:
    queue = FakeQueue()
    for _ in range(10):
        queue.send("{}")

    async with at_work(queue, taking(300)) as bench:
        await asyncio.sleep(200)

        assert bench.handler.running == 4
        assert queue.calls["receive"] == 1
        assert bench.consumer.status().poll_age_seconds == 0
        assert sum(queue.visible_in(f"message-{n}") == 0 for n in range(1, 11)) == 6


@virtual_time
async def test_a_full_queue_costs_less_than_half_a_call_a_job() -> None:
    queue = FakeQueue()
    for number in range(1000):
        queue.send(str(1 + number * 37 % 100 / 100))  # slots become free one by one

    async def job(lease: Lease) -> Disposition:
        await asyncio.sleep(float(lease.delivery.body))
        return Ack()

    async with at_work(queue, job, concurrency=64) as bench:
        began = now()
        await bench.until_empty()
        took = now() - began

    assert queue.calls["receive"] / 1000 + 1 / 10 < 0.45  # deletes leave in tens; the adapter's tests show that
    assert took < 1.2 * 1000 * 1.5 / 64


@pytest.mark.parametrize(
    ("disposition", "settled", "visible_in"),
    [
        (Ack(), "ack", None),
        (Retry(30), "hide", 30),
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
        async def handle(self, lease: Lease) -> Disposition:
            self.begun.append(lease.delivery.message_id)
            await asyncio.sleep(3600)
            return Ack()

    handler = Deaf(taking(0))
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, handler, keeper, concurrency=1, lease_seconds=LEASE, random=lambda: 0.5)
    with logged_events() as logged:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(keeper.run())
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

    async def job(lease: Lease) -> Disposition:
        await asyncio.sleep(1)
        queue.deliver_again(lease.delivery.message_id)
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
        async def handle(self, lease: Lease) -> Disposition:
            if lease.delivery.body == "bug" and lease.delivery.receive_count == 1:
                raise KeyError("a bug")
            return await super().handle(lease)

    handler = Buggy(taking(1))
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, handler, keeper, concurrency=1, lease_seconds=LEASE, random=lambda: 0.5)
    with logged_events() as logged:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(keeper.run())
            group.create_task(consumer.run())
            while len(queue):  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(0.1)
            consumer.stop(jobs_until=now(), settle_until=now() + 1)
            renewing.cancel()

    assert handler.begun == ["message-2", "message-3", "message-1"]
    assert consumer.status().handler_crashes == 1
    assert isinstance(logged.one(Event.HANDLER_CRASHED)["exception"], KeyError)


@virtual_time
async def test_a_cancelled_consumer_gives_everything_back() -> None:
    queue = FakeQueue()
    for _ in range(3):
        queue.send("{}")

    handler = JobHandler(taking(3600))
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, handler, keeper, concurrency=3, lease_seconds=LEASE, random=lambda: 0.5)
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
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, JobHandler(taking(1)), keeper, concurrency=1, lease_seconds=LEASE, random=lambda: 0.5)
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert queue.settled == [("ack", "message-1")]


# --- duplicates --------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_message_that_runs_here_already_is_not_started_again() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(100)) as bench:
        await asyncio.sleep(10)
        queue.deliver_again("message-1")
        await bench.until_empty()

    assert bench.handler.begun == ["message-1"]
    assert queue.calls["receive"] > 1
    assert queue.settled == [("ack", "message-1")]


@virtual_time
async def test_the_same_message_twice_in_one_batch_is_started_once() -> None:
    batches: list[Sequence[Delivery]] = []

    class Twice(FakeQueue):
        async def receive(self, slots: int) -> Sequence[Delivery]:
            batch = list(await super().receive(slots))
            if not batches:
                self.deliver_again(batch[0].message_id)
                batch += await super().receive(1)
            batches.append(batch)
            return batch

    queue = Twice()
    queue.send("{}")

    async with at_work(queue, taking(100)) as bench:
        await bench.until_empty()

    assert [delivery.message_id for delivery in batches[0]] == ["message-1"] * 2
    assert bench.handler.begun == ["message-1"]
    assert queue.settled == [("ack", "message-1")]


@virtual_time
async def test_a_message_that_comes_while_its_last_delivery_is_settled_is_put_off() -> None:
    class SlowAck(Faults):
        async def before(self, call: str) -> None:
            if call == "ack":
                await asyncio.sleep(3)

    queue = FakeQueue(faults=SlowAck())
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        await bench.until(lambda: bool(bench.handler.dispositions))
        queue.deliver_again("message-1")
        await bench.until(lambda: queue.settled == [("hide", "message-1")])
        assert bench.handler.begun == ["message-1"]
        await bench.until_empty()


# --- the poll loop -----------------------------------------------------------------------------------------------


@virtual_time
async def test_an_outage_of_the_queue_is_logged_once_and_outlived() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", *[OUTAGE] * 200)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    with logged_events() as logged:
        async with at_work(queue, taking(1)) as bench:
            await asyncio.sleep(600)
            assert bench.consumer.status().poll_failures > 20
            assert bench.consumer.status().poll_age_seconds < 16
            await bench.until_empty()
            assert bench.consumer.status().poll_failures == 0

    assert logged.one(Event.POLL_FAILED)["error"] == "SQS did not answer"
    recovered = logged.one(Event.POLL_RECOVERED)
    assert recovered["failures"] == 200
    assert recovered["outage_seconds"] > 600
    assert queue.calls["receive"] < 210 + 600


@virtual_time
async def test_a_receive_that_hangs_is_given_up_and_the_next_one_works() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", Hang.FOREVER)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    with logged_events() as logged:
        async with at_work(queue, taking(1)) as bench:
            began = now()
            await bench.until_empty()
            assert now() - began < 20

    assert logged.one(Event.POLL_FAILED)["error"] == "no answer in time"


@virtual_time
async def test_any_exception_of_a_receive_is_survived() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", KeyError("Messages"), RuntimeError(), ValueError("x"))
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        await bench.until_empty()


@virtual_time
async def test_a_queue_that_answers_nothing_at_once_is_not_asked_without_pause() -> None:
    queue = FakeQueue(in_flight_limit=0)

    async with at_work(queue, taking(1)):
        await asyncio.sleep(600)

    assert queue.calls["receive"] < 600


@virtual_time
async def test_messages_of_a_lost_receive_come_back_and_are_handled() -> None:
    faults = ScriptedFaults()
    faults.responses("receive", OUTAGE)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        began = now()
        await bench.until_empty()

    assert LEASE < now() - began < 2 * LEASE


# --- the drain ---------------------------------------------------------------------------------------------------


@virtual_time
async def test_an_idle_worker_drains_when_its_long_poll_ends() -> None:
    async with at_work(FakeQueue(), taking(1)) as bench:
        await asyncio.sleep(12)

        assert await bench.drain() <= 5


@virtual_time
async def test_what_the_open_long_poll_brings_is_released() -> None:
    queue = FakeQueue()

    async with at_work(queue, taking(1)) as bench:
        await asyncio.sleep(1)
        draining = asyncio.create_task(bench.drain())
        await asyncio.sleep(1)
        queue.send("{}")
        assert await draining < 2

    assert bench.handler.begun == []
    assert queue.settled == [("hide", "message-1")]
    assert queue.visible_in("message-1") == 0
    assert queue.calls["receive"] == 1


@virtual_time
async def test_jobs_that_fit_are_finished_and_jobs_that_do_not_are_released_early() -> None:
    queue = FakeQueue()
    for seconds in (50, 500):
        queue.send(str(seconds))

    async def job(lease: Lease) -> Disposition:
        end = now() + float(lease.delivery.body)
        while now() < end:
            lease.remaining_seconds = end - now()
            await asyncio.sleep(1)
        return Ack()

    async with at_work(queue, job) as bench:
        await asyncio.sleep(2)
        draining = asyncio.create_task(bench.drain())
        await bench.until(lambda: bool(bench.handler.dispositions))
        assert bench.handler.dispositions == [("message-2", Release())]
        assert bench.handler.running == 1
        assert await draining == pytest.approx(48, abs=2)

    assert queue.settled == [("hide", "message-2"), ("ack", "message-1")]
    assert queue.visible_in("message-2") == 0


@virtual_time
async def test_a_job_without_an_estimate_goes_on_to_the_deadline_and_is_then_released() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(2)
        assert await bench.drain(100, release_seconds=10) == pytest.approx(90, abs=1)

    assert queue.settled == [("hide", "message-1")]
    assert queue.visible_in("message-1") == 0


@virtual_time
async def test_leases_are_renewed_until_the_drain_has_ended() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(2)
        await bench.drain(400, release_seconds=10)

    assert queue.calls["extend"] > 400 / 25
    assert queue.settled == [("hide", "message-1")]


@virtual_time
async def test_a_second_stop_ends_everything_now_the_open_poll_too() -> None:
    queue = FakeQueue()
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(3)
        bench.consumer.stop(jobs_until=now() + 90, settle_until=now() + 100)
        await asyncio.sleep(1)
        began = now()
        bench.consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await bench.task

        assert now() - began < 0.1
    assert queue.settled == [("hide", "message-1")]


@virtual_time
async def test_a_release_that_fails_is_tried_again_within_the_drain() -> None:
    faults = ScriptedFaults()
    faults.requests("hide", OUTAGE, OUTAGE)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(500)) as bench:
        await asyncio.sleep(2)
        assert await bench.drain(100, release_seconds=10) < 100

    assert queue.settled == [("hide", "message-1")]


@virtual_time
async def test_a_stop_bounds_the_settlements_that_were_tried_before_it_too() -> None:
    faults = ScriptedFaults()
    faults.requests("ack", *[OUTAGE] * 1000)
    queue = FakeQueue(faults=faults)
    queue.send("{}")

    async with at_work(queue, taking(1)) as bench:
        await bench.until(lambda: queue.calls["ack"] > 2)
        began = now()
        bench.consumer.stop(jobs_until=now(), settle_until=now() + 10)
        await bench.task

        assert now() - began < 12


@virtual_time
async def test_a_stop_during_an_outage_of_the_queue_does_not_wait_for_its_end() -> None:
    faults = ScriptedFaults()
    faults.requests("receive", *[OUTAGE] * 100)

    async with at_work(FakeQueue(faults=faults), taking(1)) as bench:
        await asyncio.sleep(100)

        assert await bench.drain() < 0.1


@virtual_time
async def test_a_stop_that_comes_before_the_start_is_not_lost() -> None:
    queue = FakeQueue()
    queue.send("{}")
    keeper = LeaseKeeper(queue, lease_seconds=LEASE, random=lambda: 0.5)
    consumer = Consumer(queue, JobHandler(taking(1)), keeper, concurrency=1, lease_seconds=LEASE, random=lambda: 0.5)

    consumer.stop(jobs_until=now() + 90, settle_until=now() + 100)
    await consumer.run()

    assert queue.calls["receive"] == 0


# --- everything at once ------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    requests=st.dictionaries(
        st.sampled_from(["receive", "extend", "ack", "hide"]),
        st.lists(st.sampled_from(["ok", "fails", "hangs"]), max_size=12),
    ),
    lost_answers=st.dictionaries(
        st.sampled_from(["receive", "extend", "ack", "hide"]), st.lists(st.booleans(), max_size=12)
    ),
    durations=st.lists(st.floats(0.01, 400), min_size=1, max_size=12),
    concurrency=st.integers(1, 5),
)
def test_whatever_fails_slots_are_kept_and_every_message_is_done_in_the_end(
    requests: dict[str, list[str]], lost_answers: dict[str, list[bool]], durations: list[float], concurrency: int
) -> None:
    async def check() -> None:
        faults = ScriptedFaults()
        kinds: dict[str, Fault] = {"fails": OUTAGE, "hangs": Hang.FOREVER}
        for call, names in requests.items():
            faults.requests(call, *(kinds.get(name) for name in names))
        for call, losses in lost_answers.items():
            faults.responses(call, *(OUTAGE if is_lost else None for is_lost in losses))
        queue = FakeQueue(faults=faults)
        for duration in durations:
            queue.send(str(duration))
        finished: list[str] = []
        running: set[str] = set()

        async def job(lease: Lease) -> Disposition:
            message_id = lease.delivery.message_id
            assert message_id not in running
            running.add(message_id)
            try:
                await asyncio.sleep(float(lease.delivery.body))
                finished.append(message_id)
            finally:
                running.discard(message_id)
            return Ack()

        async with at_work(queue, job, concurrency=concurrency) as bench:
            await bench.until_empty(every_seconds=5)

        acked = [message_id for how, message_id in queue.settled if how == "ack"]
        assert len(acked) == len(set(acked)) == len(durations)
        assert set(acked) <= set(finished)
        assert bench.handler.most <= concurrency

    with logged_events():
        run(check())
