"""What asyncio does at each step for callers that a simulation does not have. A `LeanLoop` leaves it out.

The order of callbacks stays the same: nothing here adds a turn of the loop, or saves one.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import coroutine
from typing import Any

from tests.support.waiting import wake

_ALL_TASKS: Any = getattr(asyncio.tasks, "_scheduled_tasks" if sys.version_info >= (3, 12) else "_all_tasks")


@contextmanager
def lean_asyncio(running_loop: Callable[[], Any]) -> Iterator[None]:
    """Inside, `running_loop` says which loop runs, sleeping takes half the time, and tasks are in no set of all tasks.

    asyncio's own function asks the kernel for the id of the process each time. Its weak set of all tasks takes a
    quarter of what a task costs.
    """

    async def sleep(delay: float, result: Any = None) -> Any:
        if delay <= 0:
            await _next_turn()
        else:
            loop = running_loop()
            waiter = loop.create_future()
            loop.call_later(delay, wake, waiter)
            await waiter
        return result

    replaced = [
        (events, "get_running_loop", running_loop),
        (events, "_get_running_loop", running_loop),
        (asyncio, "get_running_loop", running_loop),
        (asyncio, "sleep", sleep),
    ]
    real = [(where, name, getattr(where, name)) for where, name, _ in replaced]
    _set(replaced)
    _ALL_TASKS.add = id  # asyncio calls it with each new task
    try:
        yield
    finally:
        del _ALL_TASKS.add
        _set(real)


def _set(attributes: list[tuple[Any, str, Any]]) -> None:
    for where, name, value in attributes:
        setattr(where, name, value)


@coroutine
def _next_turn() -> Generator[None, None, None]:
    yield
