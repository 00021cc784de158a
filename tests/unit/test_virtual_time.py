"""The loop of virtual time: its clock jumps, and a wait that can never end is an error."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.support.virtual_time import DeadlockError, LivelockError, run, virtual_time


@virtual_time
async def test_years_pass_in_their_order() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    seen: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(round(loop.time() - began, 6))

    async with asyncio.TaskGroup() as group:
        for seconds in (86_400.0 * 365 * 30, 0.001, 7.5):
            group.create_task(sleeper(seconds))

    assert seen == [0.001, 7.5, 86_400.0 * 365 * 30]


def test_waiting_for_what_no_task_and_no_timer_can_end_is_a_deadlock() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="all tasks wait"):
        run(wait())


def test_turning_without_time_is_a_livelock() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    with pytest.raises(LivelockError):
        run(spin())


@virtual_time
async def test_a_signal_wakes_the_loop() -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    loop.call_later(3600, signal.raise_signal, signal.SIGUSR1)

    await came.wait()

    loop.remove_signal_handler(signal.SIGUSR1)
