"""Slots without a job, and to whom they are lent."""

from __future__ import annotations

import asyncio

from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.application.consuming.slots import Slots
from worker.application.consuming.spare_slots import SpareSlots


async def borrow(slots: SpareSlots, loans: list[asyncio.Event], may_end: asyncio.Event) -> None:
    async with slots.borrowed() as recalled:
        loans.append(recalled)
        await may_end.wait()


@virtual_time
async def test_what_no_job_holds_is_lent_and_comes_back() -> None:
    slots, loans, may_end = SpareSlots(4, lambda: False), list[asyncio.Event](), asyncio.Event()
    slots.hold(1)
    await asyncio.sleep(1)
    assert slots.spare == 3

    tasks = [asyncio.create_task(borrow(slots, loans, may_end)) for _ in range(5)]
    await wait_until(lambda: len(loans) == 3)

    assert slots.spare == 0
    assert not any(recalled.is_set() for recalled in loans)
    may_end.set()
    await asyncio.gather(*tasks)
    assert len(loans) == 5
    assert slots.spare == 3


@virtual_time
async def test_a_job_that_comes_gets_the_slot_that_was_lent_last() -> None:
    slots, loans, may_end = SpareSlots(3, lambda: False), list[asyncio.Event](), asyncio.Event()
    tasks = [asyncio.create_task(borrow(slots, loans, may_end)) for _ in range(2)]
    await wait_until(lambda: len(loans) == 2)

    slots.hold(1)
    assert [recalled.is_set() for recalled in loans] == [False, False]
    slots.hold(2)

    assert [recalled.is_set() for recalled in loans] == [False, True]
    may_end.set()
    await asyncio.gather(*tasks)


@virtual_time
async def test_a_slot_whose_next_job_may_be_on_its_way_is_spare_and_is_not_lent_yet() -> None:
    slots, loans, may_end = SpareSlots(2, lambda: False), list[asyncio.Event](), asyncio.Event()
    slots.hold(1)
    slots.hold(2)
    slots.hold(1)
    came_at = asyncio.get_running_loop().time()
    assert slots.spare == 1

    task = asyncio.create_task(borrow(slots, loans, may_end))
    await wait_until(lambda: bool(loans))

    assert 0.5 <= asyncio.get_running_loop().time() - came_at < 1
    may_end.set()
    await task


@virtual_time
async def test_a_wait_for_a_slot_can_be_cancelled_and_takes_none() -> None:
    slots, loans = SpareSlots(1, lambda: False), list[asyncio.Event]()
    slots.hold(1)
    task = asyncio.create_task(borrow(slots, loans, asyncio.Event()))
    await asyncio.sleep(1)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    slots.hold(0)

    assert loans == []
    assert slots.spare == 1


@virtual_time
async def test_nothing_is_lent_while_a_suspect_runs_alone() -> None:
    slots = Slots(4)
    assert slots.spare.spare == 4

    async with slots.alone():
        assert slots.spare.spare == 0

    assert slots.spare.spare == 4
