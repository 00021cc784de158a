"""Slots, duplicates, and all faults of a queue at once: every message is done, none by two."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.queue import FakeQueue, Fault, Faults, Hang, ScriptedFaults
from tests.support.consuming import OUTAGE, at_work, taking
from tests.support.events import logged_events
from tests.support.virtual_time import now, run, virtual_time
from worker.application.consuming.slots import Slots
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition
from worker.ports import Delivery

# --- slots -------------------------------------------------------------------------------------------------------


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
async def test_nothing_is_asked_for_where_slots_are_left_free_between_a_job_s_end_and_the_next_receive() -> None:
    asked: list[int] = []

    class Spied(FakeQueue):
        async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
            asked.append(slots)
            return await super().receive(slots, is_long=is_long)

    async def job(work: Work) -> Disposition:
        await asyncio.sleep(10 if work.delivery.message_id == "message-1" else 100)
        asyncio.get_running_loop().call_later(0.01, slots.leave_free)  # while the consumer waits for more free ones
        return Ack()

    queue, slots = Spied(), Slots(8)
    for _ in range(20):
        queue.send("{}")

    async with at_work(queue, job, concurrency=slots) as bench:
        await bench.until(lambda: slots.are_left_free)
        await asyncio.sleep(30)
        assert min(asked) >= 1
        assert len(bench.handler.begun) == 8
        slots.take_again()
        await bench.until(lambda: len(bench.handler.begun) > 8)


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

    async def job(work: Work) -> Disposition:
        await asyncio.sleep(1000 if work.delivery.body == "slow" else 1)
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
async def test_slots_without_a_job_are_spare_and_are_called_back_when_messages_come() -> None:
    queue, slots = FakeQueue(), Slots(3)
    queue.send("{}")

    async with at_work(queue, taking(100), concurrency=slots):
        await asyncio.sleep(10)
        assert slots.spare.spare == 2
        async with slots.spare.borrowed() as first, slots.spare.borrowed() as second:
            assert slots.spare.spare == 0
            queue.send("{}")
            await second.wait()
            assert not first.is_set()
        await asyncio.sleep(10)
        assert slots.spare.spare == 1
        await asyncio.sleep(100)
        assert slots.spare.spare == 3


@virtual_time
async def test_a_full_queue_costs_less_than_half_a_call_a_job() -> None:
    queue = FakeQueue()
    for number in range(1000):
        queue.send(str(1 + number * 37 % 100 / 100))  # slots become free one by one

    async def job(work: Work) -> Disposition:
        await asyncio.sleep(float(work.delivery.body))
        return Ack()

    async with at_work(queue, job, concurrency=64) as bench:
        began = now()
        await bench.until_empty()
        took = now() - began

    assert queue.calls["receive"] / 1000 + 1 / 10 < 0.45  # deletes leave in tens; the adapter's tests show that
    assert took < 1.2 * 1000 * 1.5 / 64


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
        async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
            batch = list(await super().receive(slots, is_long=is_long))
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
        await bench.until(lambda: queue.settled == [("change_visibility", "message-1")])
        assert bench.handler.begun == ["message-1"]
        await bench.until_empty()


# --- everything at once ------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    requests=st.dictionaries(
        st.sampled_from(["receive", "extend", "ack", "change_visibility"]),
        st.lists(st.sampled_from(["ok", "fails", "hangs"]), max_size=12),
    ),
    lost_answers=st.dictionaries(
        st.sampled_from(["receive", "extend", "ack", "change_visibility"]), st.lists(st.booleans(), max_size=12)
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

        async def job(work: Work) -> Disposition:
            message_id = work.delivery.message_id
            assert message_id not in running
            running.add(message_id)
            try:
                await asyncio.sleep(float(work.delivery.body))
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
