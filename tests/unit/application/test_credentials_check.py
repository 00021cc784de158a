"""Nothing is received before there are credentials."""

from __future__ import annotations

import asyncio

from tests.fakes.credentials import MemoryCredentials
from tests.support.events import logged_events
from tests.support.virtual_time import now, virtual_time
from worker.application.consuming.credentials_check import CredentialsCheck
from worker.events import Event


def a_check(credentials: MemoryCredentials) -> CredentialsCheck:
    return CredentialsCheck(credentials, random=lambda: 0.5)


@virtual_time
async def test_credentials_that_are_there_cost_one_question_and_no_line() -> None:
    credentials = MemoryCredentials()
    check = a_check(credentials)

    with logged_events() as logged:
        for _ in range(3):
            await check.wait(asyncio.Event())

    assert credentials.asked == 1
    assert logged.of(Event.CREDENTIALS_MISSING) == logged.of(Event.CREDENTIALS_FOUND) == []


@virtual_time
async def test_missing_credentials_are_asked_for_less_and_less_often_and_logged_once() -> None:
    credentials = MemoryCredentials(missing=20)
    check = a_check(credentials)
    began = now()

    with logged_events() as logged:
        waiting = asyncio.create_task(check.wait(asyncio.Event()))
        await asyncio.sleep(5)
        assert check.is_waiting
        await waiting

    assert 100 < now() - began < 20 * 15
    assert not check.is_waiting
    assert logged.one(Event.CREDENTIALS_MISSING)["error"] == "none yet"
    assert logged.one(Event.CREDENTIALS_FOUND)["failures"] == 20


@virtual_time
async def test_a_stop_ends_the_wait_also_where_the_chain_hangs() -> None:
    credentials = MemoryCredentials()
    credentials.hangs = True
    check = a_check(credentials)
    stopping = asyncio.Event()

    waiting = asyncio.create_task(check.wait(stopping))
    await asyncio.sleep(60)
    assert not waiting.done()
    stopping.set()
    await waiting

    assert not check.passed.is_set()
