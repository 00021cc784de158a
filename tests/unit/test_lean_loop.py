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
