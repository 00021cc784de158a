"""A login with IAM: the token is that of the SDK's own signer, is seldom made, and no connection waits long for it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from tests.support.virtual_time import virtual_time
from worker.adapters.elasticache import IamToken
from worker.domain.circuit import Severity
from worker.ports import StoreUnavailableError

CREDENTIALS = Credentials("AKIDEXAMPLE", "a/secret+key", "a session/token=")


class Chain:
    """Credentials of a role, and how often they were asked for."""

    def __init__(self, found: Any = CREDENTIALS, *, takes_seconds: float = 0.0) -> None:
        self.asked = 0
        self._found = found
        self._seconds = takes_seconds

    async def __call__(self) -> Any:
        self.asked += 1
        await asyncio.sleep(self._seconds)
        return self._found


def a_token(chain: Chain, *, is_serverless: bool = False) -> IamToken:
    return IamToken("audio-progress", "worker", region="eu-west-1", is_serverless=is_serverless, credentials=chain)


def signed_by_the_sdk(*, is_serverless: bool) -> str:
    query = {"Action": "connect", "User": "worker"} | ({"ResourceType": "ServerlessCache"} if is_serverless else {})
    emitter = HierarchicalEmitter()  # the signer holds it weakly
    signer = RequestSigner(ServiceId("ElastiCache"), "eu-west-1", "elasticache", "v4", CREDENTIALS, emitter)
    url: str = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://audio-progress/?{urlencode(query)}",
            "body": {},
            "headers": {},
            "context": {},
        },
        operation_name="connect",
        expires_in=900,
        region_name="eu-west-1",
    )
    return url.removeprefix("https://")


@pytest.mark.parametrize("is_serverless", [False, True])
async def test_the_token_is_a_presigned_request_for_a_quarter_of_an_hour(is_serverless: bool) -> None:
    # Both carry the second in which they were made.
    before = signed_by_the_sdk(is_serverless=is_serverless)
    token = await a_token(Chain(), is_serverless=is_serverless)()
    assert token in {before, signed_by_the_sdk(is_serverless=is_serverless)}
    parts = parse_qs(urlsplit(f"https://{token}").query)
    assert token.startswith("audio-progress/?Action=connect&User=worker")
    assert parts["X-Amz-Expires"] == ["900"]
    assert parts["X-Amz-Security-Token"] == ["a session/token="]


@virtual_time
async def test_a_token_is_made_once_for_all_connections_of_ten_minutes() -> None:
    chain = Chain(takes_seconds=0.05)
    token = a_token(chain)
    await asyncio.gather(*(token() for _ in range(50)))
    assert chain.asked == 1
    await asyncio.sleep(599)
    await token()
    assert chain.asked == 1
    await asyncio.sleep(2)
    await token()
    assert chain.asked == 2


@virtual_time
async def test_slow_credentials_are_there_for_a_later_attempt() -> None:
    chain = Chain(takes_seconds=1.0)
    token = a_token(chain)
    for _ in range(4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await token()
    async with asyncio.timeout(0.25):
        assert await token()
    assert chain.asked == 1


@virtual_time
async def test_without_credentials_the_store_is_unavailable() -> None:
    with pytest.raises(StoreUnavailableError, match="no AWS credentials") as caught:
        await a_token(Chain(found=None))()
    assert caught.value.severity is Severity.HARD


@virtual_time
@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "AssumeRole"),
        ValueError("a page in the place of credentials"),
    ],
)
async def test_where_the_chain_fails_the_store_is_unavailable(failure: Exception) -> None:
    async def refused() -> Any:
        raise failure

    token = IamToken("audio-progress", "worker", region="eu-west-1", is_serverless=False, credentials=refused)
    with pytest.raises(StoreUnavailableError, match="no AWS credentials"):
        await token()
