"""Work that is finished though its caller is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_time import virtual_time
from worker.adapters.shielding import run_shielded


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await run_shielded(work())


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_is_cancelled_once_the_work_has_ended_however_it_ends(fails: bool) -> None:
    begun, released, has_ended = asyncio.Event(), asyncio.Event(), False

    async def work() -> None:
        nonlocal has_ended
        begun.set()
        await released.wait()
        has_ended = True
        if fails:
            raise KeyError("a caller that handles this would go on, though it was stopped")

    caller = asyncio.create_task(run_shielded(work()))
    await begun.wait()
    for _ in range(2):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    released.set()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert has_ended


@virtual_time
async def test_work_that_takes_too_long_goes_on_beside_the_caller() -> None:
    released, has_ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await released.wait()
        has_ended.set()

    await run_shielded(work(), seconds=60)

    assert not has_ended.is_set()
    released.set()
    await has_ended.wait()
