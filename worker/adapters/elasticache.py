"""Login to ElastiCache with IAM: the password is a presigned request, which is renewed before it expires.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from aiobotocore.session import get_session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from worker.domain.circuit import Severity
from worker.ports import StoreUnavailableError

VALID_SECONDS = 900  # the longest that ElastiCache accepts
_REUSED_SECONDS = 600.0
# ElastiCache closes a connection twelve hours after its login.
CONNECTION_SECONDS = 11 * 3600.0


async def sdk_credentials() -> Any:
    """The frozen credentials that the SDK's chain finds; None where it finds none.

    Raises what the providers of the chain raise, which may be anything.
    """
    credentials = await get_session().get_credentials()
    return None if credentials is None else await credentials.get_frozen_credentials()


class IamToken:
    """The password with which `user` logs in to the cache, as a callable.

    A token is used for all connections of ten minutes. It is made in a task of its own: to get credentials may take
    longer than a connection waits, and then the token is there for the next attempt.
    """

    def __init__(
        self,
        cache: str,
        user: str,
        *,
        region: str,
        is_serverless: bool,
        credentials: Callable[[], Awaitable[Any]] = sdk_credentials,
    ) -> None:
        self._cache = cache
        self._user = user
        self._region = region
        self._is_serverless = is_serverless
        self._credentials = credentials
        self._token = ""
        self._made_at: float | None = None
        self._making: asyncio.Task[None] | None = None

    async def __call__(self) -> str:
        """The password. Raises StoreUnavailableError where there are no credentials."""
        now = asyncio.get_running_loop().time()
        if self._made_at is None or now - self._made_at >= _REUSED_SECONDS:
            if self._making is None:
                self._making = asyncio.create_task(self._make(), name="token for redis")
                self._making.add_done_callback(self._made)
            await asyncio.shield(self._making)
        return self._token

    async def _make(self) -> None:
        try:
            credentials = await self._credentials()
        except Exception as exc:  # whatever a provider raises, a file or a page that cannot be read included
            raise StoreUnavailableError("no AWS credentials to log in with") from exc
        if credentials is None:
            raise StoreUnavailableError("no AWS credentials to log in with", Severity.HARD)
        self._token = self._signed(credentials)
        self._made_at = asyncio.get_running_loop().time()

    def _made(self, task: asyncio.Task[None]) -> None:
        self._making = None
        if not task.cancelled():
            task.exception()  # the connection that waited for it may have given up

    def _signed(self, credentials: Any) -> str:
        query = {"Action": "connect", "User": self._user}
        if self._is_serverless:
            query["ResourceType"] = "ServerlessCache"
        request = AWSRequest(method="GET", url=f"https://{self._cache}/?{urlencode(query)}")
        SigV4QueryAuth(credentials, "elasticache", self._region, expires=VALID_SECONDS).add_auth(request)
        return str(request.url).removeprefix("https://")
