"""Waiting for an event, for a bounded time."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_time import run
from worker.waiting import wait_for_event, wait_for_event_until


def test_an_event_that_is_set_in_time_ends_the_wait_then() -> None:
    async def body() -> tuple[bool, float]:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        began = loop.time()
        loop.call_later(3, event.set)
        return await wait_for_event(event, 10), loop.time() - began

    was_set, seconds = run(body())

    assert was_set
    assert seconds == pytest.approx(3)


def test_the_time_ends_the_wait_where_the_event_is_not_set() -> None:
    async def body() -> tuple[bool, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        return await wait_for_event_until(asyncio.Event(), began + 10), loop.time() - began

    was_set, seconds = run(body())

    assert not was_set
    assert seconds == pytest.approx(10)


def test_without_a_deadline_the_wait_lasts_until_the_event_is_set() -> None:
    async def body() -> bool:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(1_000_000, event.set)
        return await wait_for_event_until(event, None)

    assert run(body())


def test_a_timeout_of_the_caller_is_not_taken_for_that_of_the_wait() -> None:
    async def body() -> None:
        async with asyncio.timeout(1):
            await wait_for_event(asyncio.Event(), 10)

    with pytest.raises(TimeoutError):
        run(body())
