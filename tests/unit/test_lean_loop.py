from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.support.lean_loop import LeanLoop


def _order_of_cancellations() -> list[int]:
    cancelled = []

    async def wait(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(number)

    async def body() -> None:
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    group.create_task(wait(number))
                await asyncio.sleep(1)
                raise LookupError

    LeanLoop().run(body())  # type: ignore[abstract]  # it has the methods that asyncio calls here
    return cancelled


def test_a_group_cancels_its_tasks_in_the_same_order_each_time() -> None:
    first = _order_of_cancellations()
    keep_addresses = [object() for _ in range(999)]  # so that the next tasks lie elsewhere

    assert _order_of_cancellations() == first
    assert sorted(first) == list(range(50))
    del keep_addresses


def test_asyncio_is_as_before_when_the_run_has_ended() -> None:
    before = asyncio.sleep, asyncio.get_running_loop, asyncio.events._get_running_loop

    async def body() -> bool:
        await asyncio.sleep(3)
        return asyncio.sleep is before[0]

    assert LeanLoop().run(body()) is False  # type: ignore[abstract]
    assert (asyncio.sleep, asyncio.get_running_loop, asyncio.events._get_running_loop) == before

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    assert asyncio.run(tasks()) == 1


def test_a_run_that_is_aborted_goes_no_further_although_its_body_could() -> None:
    loop, times = LeanLoop(), []  # type: ignore[abstract]

    async def body() -> None:
        loop.call_later(2, loop.abort, LookupError())
        while True:
            await asyncio.sleep(1)
            times.append(loop.now)

    with suppress(LookupError):
        loop.run(body())

    assert len(times) == 1
