"""Credentials that end: their refresh is one task for all requests, however little time each of them has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials, AioDeferredRefreshableCredentials, AioRefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError

from tests.support.budgets import check_budget
from tests.support.credentials import key_of, until_key_is
from tests.support.waiting import wait_until
from worker.adapters.aws.session import ChainCredentials

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
REFUSED = ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")


class Sts:
    """Gives keys once `may_answer` is set, or fails; counts the refreshes that were begun and cut off.

    Its clock, which the keys have, too, is `minutes` behind noon.
    """

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None
        self.valid_minutes = 60
        self.minutes = 0
        self.begun = 0
        self.cut_off = 0

    def now(self) -> datetime:
        return NOON + timedelta(minutes=self.minutes)

    async def refresh(self) -> Mapping[str, str]:
        self.begun += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        if self.failure is not None:
            raise self.failure
        expiry = (self.now() + timedelta(minutes=self.valid_minutes)).isoformat()
        key = f"key-{self.begun}"
        return {"access_key": key, "secret_key": "s", "token": "t", "expiry_time": expiry, "account_id": "2"}

    def credentials(self, *, minutes: int) -> ChainCredentials:
        """The chain, whose keys end in so many minutes."""
        expiry = self.now() + timedelta(minutes=minutes)

        async def load() -> Any:
            return AioRefreshableCredentials(
                "key-0", "s", "t", expiry, refresh_using=self.refresh, method="assume-role", time_fetcher=self.now
            )

        return ChainCredentials(load)


@pytest.fixture
def sts() -> Sts:
    return Sts()


@pytest.mark.parametrize("minutes", [5, -1])
async def test_a_refresh_that_takes_longer_than_each_request_may_is_begun_once_and_its_keys_are_used(
    sts: Sts, minutes: int
) -> None:
    credentials = sts.credentials(minutes=minutes)

    for _ in range(3):
        await _cut_off(credentials)
    sts.may_answer.set()

    assert await key_of(credentials) == "key-1"
    assert (sts.begun, sts.cut_off) == (1, 0)


async def test_the_first_keys_of_a_role_are_asked_for_once_by_requests_that_are_cut_off(sts: Sts) -> None:
    async def load() -> Any:
        return AioDeferredRefreshableCredentials(sts.refresh, "assume-role-with-web-identity", sts.now)

    credentials = ChainCredentials(load)
    for _ in range(3):
        await _cut_off(credentials)
    sts.may_answer.set()

    assert await key_of(credentials) == "key-1"
    assert (sts.begun, sts.cut_off) == (1, 0)


async def test_the_account_is_asked_for_by_the_same_refresh(sts: Sts) -> None:
    """The SDK asks for it before it signs, for DynamoDB's endpoint of the account."""
    credentials = sts.credentials(minutes=5)

    for _ in range(3):
        with suppress(TimeoutError):
            await asyncio.wait_for(credentials.get_account_id(), 0.01)
    sts.may_answer.set()

    assert await credentials.get_account_id() == "2"
    assert (sts.begun, sts.cut_off) == (1, 0)


async def test_requests_wait_for_no_refresh_while_the_keys_are_valid_for_ten_minutes(sts: Sts) -> None:
    credentials = sts.credentials(minutes=60)
    assert await key_of(credentials) == "key-0"

    sts.minutes = 48
    assert await asyncio.gather(*(key_of(credentials) for _ in range(5))) == ["key-0"] * 5
    sts.may_answer.set()
    await until_key_is(credentials, "key-1")

    assert (sts.begun, sts.cut_off) == (1, 0)


async def test_new_keys_are_used_although_they_are_near_their_end_too(sts: Sts) -> None:
    credentials, sts.valid_minutes = sts.credentials(minutes=60), 12
    await key_of(credentials)
    sts.may_answer.set()

    sts.minutes = 48

    await until_key_is(credentials, "key-1")


async def test_keys_say_for_how_many_of_the_seconds_that_are_asked_they_are_valid(sts: Sts) -> None:
    credentials = sts.credentials(minutes=60)
    assert await credentials.valid_seconds(3600) == 3600
    assert await credentials.valid_seconds(60) == 60

    sts.minutes = 48
    assert await credentials.valid_seconds(3600) == 720
    sts.may_answer.set()
    await until_key_is(credentials, "key-1")

    assert await credentials.valid_seconds(7200) == 3600


async def test_keys_that_never_end_are_valid_for_as_long_as_is_asked() -> None:
    async def load() -> Any:
        return AioCredentials("key", "secret")

    assert await ChainCredentials(load).valid_seconds(3600) == 3600


async def test_a_refresh_that_fails_is_told_to_all_who_wait_for_it_and_begun_again(
    sts: Sts, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = sts.credentials(minutes=5)
    sts.failure = REFUSED
    waiting = [asyncio.create_task(key_of(credentials)) for _ in range(3)]
    await wait_until(lambda: sts.begun)
    sts.may_answer.set()

    results = await asyncio.gather(*waiting, return_exceptions=True)
    begun, sts.failure = sts.begun, None

    assert [type(result) for result in results] == [type(results[0])] * 3
    assert all(isinstance(result, CredentialRetrievalError) and "AccessDenied" in str(result) for result in results)
    assert begun == 1
    assert "Refreshing temporary credentials failed" in caplog.text
    assert await key_of(credentials) == "key-2"


async def test_a_refresh_that_fails_when_all_who_waited_are_gone_is_logged(
    sts: Sts, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = sts.credentials(minutes=5)
    sts.failure = REFUSED
    await _cut_off(credentials)

    sts.may_answer.set()

    await wait_until(lambda: "Refreshing temporary credentials failed" in caplog.text)


def test_a_process_ends_while_a_refresh_hangs() -> None:
    async def request() -> Sts:
        sts = Sts()
        await _cut_off(sts.credentials(minutes=5))
        return sts

    began_at = time.monotonic()
    sts = asyncio.run(request())

    check_budget(time.monotonic() - began_at, 5, "the end of the process")
    assert (sts.begun, sts.cut_off) == (1, 1)


async def _cut_off(credentials: ChainCredentials) -> None:
    """A request that gives up before the refresh is done."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(key_of(credentials), 0.01)
