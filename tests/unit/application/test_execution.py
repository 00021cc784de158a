"""Work that others can stop."""

from __future__ import annotations

import asyncio

import pytest

from worker.application.consuming.execution import Execution
from worker.domain.errors import LeaseLostError, ShutdownError


class Body:
    """Runs until it is cancelled, and takes a moment to clean up."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cleaned_up = False

    async def run(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned_up = True


async def test_a_body_that_ends_gives_its_result() -> None:
    async def body() -> int:
        return 7

    assert await Execution().run(body(), name="body") == 7


async def test_a_body_that_fails_raises_what_it_raised() -> None:
    async def body() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await Execution().run(body(), name="body")


async def test_the_reason_of_a_stop_is_raised_after_the_body_has_cleaned_up() -> None:
    execution, body = Execution(), Body()
    running = asyncio.create_task(execution.run(body.run(), name="body"))
    await body.started.wait()

    execution.stop(ShutdownError())
    execution.stop(LeaseLostError("too late to be the reason"))

    with pytest.raises(ShutdownError):
        await running
    assert body.cleaned_up


async def test_a_stop_before_the_start_keeps_the_body_from_running() -> None:
    execution, body = Execution(), Body()
    execution.stop(ShutdownError())

    with pytest.raises(ShutdownError):
        await execution.run(body.run(), name="body")

    assert not body.started.is_set()


async def test_cancelling_the_owner_takes_the_body_along() -> None:
    execution, body = Execution(), Body()
    running = asyncio.create_task(execution.run(body.run(), name="body"))
    await body.started.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert body.cleaned_up


async def test_a_companion_that_fails_stops_the_body_with_its_error() -> None:
    execution, body = Execution(), Body()

    async def companion() -> None:
        await body.started.wait()
        raise LeaseLostError("stale")

    async def accompanied() -> None:
        async with execution.accompanied_by(companion(), name="companion"):
            await body.run()

    with pytest.raises(LeaseLostError):
        await execution.run(accompanied(), name="body")
    assert body.cleaned_up


async def test_a_companion_ends_with_the_body() -> None:
    execution, companion = Execution(), Body()

    async def accompanied() -> str:
        async with execution.accompanied_by(companion.run(), name="companion"):
            await companion.started.wait()
            return "done"

    assert await execution.run(accompanied(), name="body") == "done"
    assert companion.cleaned_up


async def test_a_bug_in_a_companion_stops_the_body_too() -> None:
    execution, body = Execution(), Body()

    async def companion() -> None:
        raise ZeroDivisionError

    async def accompanied() -> None:
        async with execution.accompanied_by(companion(), name="companion"):
            await body.run()

    with pytest.raises(ZeroDivisionError):
        await execution.run(accompanied(), name="body")
    assert body.cleaned_up
