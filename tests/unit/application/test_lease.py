"""Leases are renewed while they are held, and a job whose lease cannot be kept is stopped before it ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.queue import FakeQueue, Fault, Hang, ScriptedFaults
from tests.support.consuming import Until
from tests.support.deliveries import a_delivery
from tests.support.events import logged_events
from tests.support.leases import LEASE, OUTAGE, SlowExtend, a_renewer, ended, received_work
from tests.support.virtual_time import now, run, virtual_time
from worker.application.consuming.execution import Execution
from worker.application.consuming.lease import Lease
from worker.application.consuming.lease_renewer import LeaseRenewer
from worker.application.consuming.work import Work
from worker.domain.errors import ConversionTimeoutError, LeaseLostError
from worker.events import Event
from worker.ports import MAX_IN_FLIGHT_SECONDS, ReceiptExpiredError


@virtual_time
async def test_a_held_lease_is_renewed_at_a_third_of_its_length() -> None:
    queue = FakeQueue()
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        await asyncio.sleep(3600)
        assert queue.visible_in(work.lease.delivery.message_id) >= LEASE * 2 / 3  # type: ignore[operator]
        assert work.lease.deadline - now() >= LEASE * 2 / 3

    assert queue.calls["extend"] == pytest.approx(3600 / 20, abs=1)
    assert not work.lease.is_lost


@virtual_time
async def test_renewals_come_up_to_a_quarter_earlier_so_that_workers_do_not_renew_in_step() -> None:
    queue = FakeQueue()
    (work,) = await received_work(queue)

    async with a_renewer(queue, random=0.999) as renewer, renewer.renewing(work):
        await asyncio.sleep(3600)

    assert queue.calls["extend"] == pytest.approx(3600 / 15, abs=1)


@virtual_time
async def test_twenty_five_leases_are_renewed_by_three_calls() -> None:
    queue = FakeQueue()
    works = await received_work(queue, 25)

    async with a_renewer(queue) as renewer, AsyncExitStack() as stack:
        for work in works:
            await stack.enter_async_context(renewer.renewing(work))
        await asyncio.sleep(30)
        assert queue.calls["extend"] == 3
        assert [work.lease.deadline - asyncio.get_running_loop().time() for work in works] == [pytest.approx(50)] * 25


@virtual_time
async def test_a_delivery_that_was_read_when_its_lease_was_nearly_over_is_stopped_before_its_job_begins() -> None:
    queue = FakeQueue()
    (work,) = await received_work(queue)
    await asyncio.sleep(LEASE - 1)  # frozen: nothing of the process ran

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        assert isinstance(work.stop_reason, LeaseLostError)
        assert work.lease.is_lost
    assert not queue.calls["extend"]


@virtual_time
async def test_a_dead_receipt_handle_stops_its_job_at_once_and_no_other() -> None:
    queue = FakeQueue()
    doomed, other = await received_work(queue, 2)

    async with a_renewer(queue) as renewer, renewer.renewing(doomed), renewer.renewing(other):
        began = now()
        await queue.ack(doomed.delivery)  # deleted by another worker, say
        reason = await ended(doomed)

        assert isinstance(reason, LeaseLostError)
        assert now() - began <= LEASE / 3 + 1
        await asyncio.sleep(3600)
    assert doomed.lease.is_lost
    assert not other.lease.is_lost


@virtual_time
async def test_failed_renewals_are_tried_again_and_logged_once() -> None:
    faults = ScriptedFaults()
    faults.requests("extend", *[OUTAGE] * 8)
    queue = FakeQueue(faults=faults)
    works = await received_work(queue, 12)

    with logged_events() as logged:
        async with a_renewer(queue) as renewer, AsyncExitStack() as stack:
            for n, work in enumerate(works):
                await stack.enter_async_context(renewer.renewing(work))
                stack.enter_context(work.log_context(job_id=f"ep-{n}", attempt=1))
            await asyncio.sleep(3600)

    assert not any(work.lease.is_lost for work in works)
    line = logged.one(Event.LEASE_RENEWAL_FAILED)
    assert (line["job_id"], line["attempt"]) == ("ep-0", 1)
    assert line["message_id"] == works[0].delivery.message_id
    assert line["error"] == "SQS did not answer"
    assert line["remaining_seconds"] == pytest.approx(40)


@virtual_time
async def test_a_renewal_that_fails_for_one_entry_is_tried_again_for_that_one() -> None:
    faults = ScriptedFaults()
    faults.entries("extend", OUTAGE, None, OUTAGE)
    queue = FakeQueue(faults=faults)
    works = await received_work(queue, 2)

    async with a_renewer(queue) as renewer, renewer.renewing(works[0]), renewer.renewing(works[1]):
        await asyncio.sleep(30)
        assert queue.calls["extend"] == 3
        await asyncio.sleep(3600)

    assert not any(work.lease.is_lost for work in works)


@virtual_time
async def test_a_lease_that_cannot_be_renewed_is_lost_a_margin_before_it_ends() -> None:
    faults = ScriptedFaults()
    faults.requests("extend", *[OUTAGE] * 1000)
    queue = FakeQueue(faults=faults)
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        reason = await ended(work)

        assert isinstance(reason, LeaseLostError)
        assert work.lease.deadline - now() == pytest.approx(5)
        assert queue.visible_in(work.lease.delivery.message_id) == pytest.approx(5)
        assert queue.calls["extend"] < 20


@virtual_time
async def test_a_renewal_that_hangs_is_given_up_and_tried_again() -> None:
    faults = ScriptedFaults()
    faults.requests("extend", Hang.FOREVER, Hang.FOREVER)
    queue = FakeQueue(faults=faults)
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        await asyncio.sleep(3600)

    assert not work.lease.is_lost


@virtual_time
async def test_a_renewal_whose_answer_was_lost_is_done_again() -> None:
    faults = ScriptedFaults()
    faults.responses("extend", OUTAGE, Hang.FOREVER)
    queue = FakeQueue(faults=faults)
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        await asyncio.sleep(3600)

    assert not work.lease.is_lost


@virtual_time
async def test_leaving_waits_for_the_renewal_in_flight_and_none_follows() -> None:
    faults = ScriptedFaults()
    faults.responses("extend", Hang.FOREVER)
    queue = FakeQueue(faults=faults)
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer:
        async with renewer.renewing(work):
            await asyncio.sleep(21)  # the renewal is under way
            assert queue.calls["extend"] == 1
            left = now()
        assert now() - left == pytest.approx(9)  # it was given up after ten seconds
        await queue.change_visibility(work.lease.delivery, 0)
        await asyncio.sleep(3600)

    assert queue.calls["extend"] == 1
    assert queue.visible_in(work.lease.delivery.message_id) == 0


@virtual_time
async def test_a_handle_that_dies_while_the_job_ends_loses_the_lease_before_it_is_settled() -> None:
    queue = FakeQueue(faults=SlowExtend(after_seconds=2))
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer, renewer.renewing(work):
        await asyncio.sleep(19)
        await queue.ack(work.lease.delivery)
        await asyncio.sleep(2)  # the renewal is under way

    assert work.lease.is_lost


@virtual_time
async def test_a_job_is_stopped_while_the_twelve_hours_leave_time_to_settle_it() -> None:
    queue = FakeQueue()
    (work,) = await received_work(queue)

    async with a_renewer(queue) as renewer:
        async with renewer.renewing(work):
            reason = await ended(work)
        assert isinstance(reason, ConversionTimeoutError)
        assert not work.lease.is_lost
        assert MAX_IN_FLIGHT_SECONDS - 2 * LEASE < now() - work.lease.delivery.received_at < MAX_IN_FLIGHT_SECONDS
        assert work.lease.deadline - now() > LEASE / 2
        await queue.change_visibility(work.lease.delivery, 0)


async def test_a_lease_that_is_lost_while_its_job_stops_for_another_reason_is_lost_all_the_same() -> None:
    work = Work(Lease(a_delivery(), lease_seconds=LEASE))
    execution, first = Execution(), ConversionTimeoutError(1)

    with work.running(execution, Until()):
        work.stop(first)
        work.stop(LeaseLostError("dead"))

    assert work.lease.is_lost
    assert execution.stop_reason is first


@virtual_time
async def test_leases_that_came_and_went_leave_nothing_behind_in_the_renewer() -> None:
    queue = FakeQueue()
    renewer = LeaseRenewer(queue, lease_seconds=LEASE, random=lambda: 0.0)

    for number in range(1000):
        async with renewer.renewing(Work(Lease(a_delivery(f"message-{number}"), lease_seconds=LEASE))):
            pass

    assert len(renewer._heap) < 100
    assert not renewer._renewals


@settings(max_examples=60)
@given(
    entries=st.lists(st.sampled_from(["ok", "fails", "dead"]), max_size=30),
    calls=st.lists(st.sampled_from(["ok", "fails", "hangs", "answer lost"]), max_size=30),
    random=st.floats(0, 0.999),
)
def test_a_job_is_never_left_running_when_its_lease_has_ended(
    entries: list[str], calls: list[str], random: float
) -> None:
    async def check() -> None:
        faults = ScriptedFaults()
        dead = ReceiptExpiredError("gone")
        faults.entries("extend", *({"ok": None, "fails": OUTAGE, "dead": dead}[kind] for kind in entries))
        requests: dict[str, Fault] = {"fails": OUTAGE, "hangs": Hang.FOREVER}
        faults.requests("extend", *(requests.get(kind) for kind in calls))
        faults.responses("extend", *(OUTAGE if kind == "answer lost" else None for kind in calls))
        queue = FakeQueue(faults=faults)
        works = await received_work(queue, 3)

        async with a_renewer(queue, random=random) as renewer, AsyncExitStack() as stack:
            for work in works:
                await stack.enter_async_context(renewer.renewing(work))
            for _ in range(600):
                await asyncio.sleep(0.5)
                for work in works:
                    assert work.lease.is_lost or (queue.visible_in(work.lease.delivery.message_id) or 0) > 4

    run(check())
