"""AWS clients with every timeout set, and the boundary where the SDK's exceptions become ours.

No other file makes clients. A client is made once for the life of the process: making one costs 40 ms of CPU. Failed
calls are retried by the SDK's standard mode alone, with the number of attempts that is given here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from worker import __version__
from worker.domain.errors import DependencyUnavailableError, WorkerError

DENIED = ("AccessDenied", "AccessDeniedException", "403")  # the codes for a call that the role may not make

USER_AGENT = f"audio-conversion-worker/{__version__}"  # a fixed text: to build the default costs 17 % of a call's CPU


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """The limits of one client. Times are in seconds; `attempts` counts the first one, too."""

    connect_seconds: float
    read_seconds: float
    attempts: int
    connections: int
    path_style: bool = False  # S3 only: for endpoints that have no wildcard name for buckets

    def config(self) -> AioConfig:
        return AioConfig(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            max_pool_connections=self.connections,
            parameter_validation=False,  # our own arguments, checked by their types
            user_agent=USER_AGENT,
            tcp_keepalive=True,
            # With the default of 12 s, a client that is seldom used connects anew each time (feast-dev/feast#5167).
            connector_args={"keepalive_timeout": 60, "ttl_dns_cache": 300},
            s3={"addressing_style": "path"} if self.path_style else None,
        )


@asynccontextmanager
async def open_client(
    session: aioboto3.Session, service: str, limits: ClientLimits, *, region: str | None = None
) -> AsyncIterator[Any]:
    """A client of `service`; endpoint and credentials come from the SDK's own variables and chain."""
    async with session.client(service, region_name=region, config=limits.config()) as client:
        yield client


_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
ErrorTable = Mapping[str, Callable[[], WorkerError]]


@contextmanager
def translated(dependency: str, table: ErrorTable | None = None) -> Iterator[None]:
    """Turn exceptions of the SDK into ours.

    Raises what `table` makes of the error's code, or DependencyUnavailableError where it has no entry. The vendor's
    text never gets into the message: it may hold a presigned URL or a token.
    """
    try:
        yield
    except ClientError as exc:
        code = error_code(exc)
        if table is not None and code in table:
            ours = table[code]()
            raise ours from exc
        raise DependencyUnavailableError(dependency, f"answered {code}") from exc
    except _NO_CREDENTIALS as exc:
        raise DependencyUnavailableError(dependency, "cannot be asked: there are no AWS credentials") from exc
    except (TimeoutError, BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError) as exc:
        raise DependencyUnavailableError(dependency, f"did not answer ({type(exc).__name__})") from exc


def error_code(error: ClientError) -> str:
    """The service's code for the error, such as `NoSuchKey`; for a bare HTTP answer its status, such as `404`."""
    code = error.response.get("Error", {}).get("Code", "Unknown")
    return code.rpartition("#")[2].rpartition(".")[2]
