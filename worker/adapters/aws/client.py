"""AWS clients with every timeout set, and the boundary where the SDK's exceptions become ours.

No other file makes clients. A client is made once for the life of the process: making one costs 40 ms of CPU. Failed
calls are retried by the SDK's standard mode alone, with the number of attempts that is given here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointProviderError,
    MissingDependencyException,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
    UnsupportedS3AccesspointConfigurationError,
    UnsupportedS3ArnError,
    UnsupportedS3ConfigurationError,
)
from botocore.parsers import ResponseParserError

from worker import __version__
from worker.adapters.aws import wire
from worker.adapters.aws.session import reason_of, sdk_configuration_error
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
    presigns: bool = False  # S3 only: in its older regions the SDK presigns by version 2, which S3 refuses with KMS

    def config(self) -> AioConfig:
        return AioConfig(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            max_pool_connections=self.connections,
            parameter_validation=False,  # our own arguments, checked by their types
            user_agent=USER_AGENT,
            signature_version="s3v4" if self.presigns else None,
            tcp_keepalive=True,
            # With the default of 12 s, a client that is seldom used connects anew each time (feast-dev/feast#5167).
            connector_args={"keepalive_timeout": 60, "ttl_dns_cache": 300},
            http_session_cls=wire.Session,
            # The checksum of a body is among the signed headers; to sign the body as well would read it twice.
            # Where the bucket stands is left to the SDK: with an endpoint of one's own in the path, unless the SDK's
            # configuration file says `addressing_style = virtual`, which some stores demand.
            s3={"payload_signing_enabled": False},
        )


@asynccontextmanager
async def open_client(
    session: aioboto3.Session, service: str, limits: ClientLimits, *, region: str | None = None
) -> AsyncIterator[Any]:
    """A client of `service`; endpoint and credentials come from the SDK's own variables and chain.

    Raises SdkConfigurationError where one of the SDK's settings cannot work.
    """
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                session.client(service, region_name=region, config=limits.config())
            )
        except (BotoCoreError, ValueError, OSError) as exc:  # OSError: of the file that `ca_bundle` names
            raise sdk_configuration_error(exc) from exc
        wire.prepare(client)
        yield client


ErrorTable = Mapping[str, Callable[[], WorkerError]]

_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
# The SDK refuses these calls before they leave, and would again: an ARN that it does not know, a missing library.
MISCONFIGURED = (
    EndpointProviderError,
    MissingDependencyException,
    ParamValidationError,
    UnsupportedS3AccesspointConfigurationError,
    UnsupportedS3ArnError,
    UnsupportedS3ConfigurationError,
)
UNREACHABLE = (TimeoutError, BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError)
# Errors that say little of a service, and much of the way to it.
_ON_THE_WAY = (
    (SSLError, ": check its certificate, its name and AWS_CA_BUNDLE"),
    (ProxyConnectionError, ": check the proxy that HTTPS_PROXY names, and NO_PROXY"),
)
_SQS_PREFIX = "AWS.SimpleQueueService."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says no.

    `code` is the service's own, such as `NoSuchKey`, empty where the answer has none: one to HEAD, a proxy's page.
    `status` is HTTP's.
    """

    code: str
    status: int

    def __str__(self) -> str:
        return self.code or str(self.status)


def refusal_of(error: ClientError) -> Refusal:
    """The refusal that the SDK's error stands for."""
    code = str(error.response.get("Error", {}).get("Code") or "").rpartition("#")[2].removeprefix(_SQS_PREFIX)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # Where a body has no code, the SDK puts the status or the word Unknown in its place.
    if code == "Unknown" or code.isdecimal():
        return Refusal("", status or int(code if code.isdecimal() else 0))
    return Refusal(code, status)


def unreachable(dependency: str, error: Exception, about: object = None) -> DependencyUnavailableError:
    """What a call that got no answer means; `about` is what it asked for.

    The vendor's text never gets into the message: it may hold a presigned URL or a token.
    """
    if isinstance(error, _NO_CREDENTIALS):
        problem = f"cannot be asked: there are no AWS credentials{reason_of(error)}"
    else:
        hint = next((hint for kind, hint in _ON_THE_WAY if isinstance(error, kind)), "")
        problem = f"did not answer ({type(error).__name__}{hint})"
    return DependencyUnavailableError(dependency, problem if about is None else f"{problem} for {about}")


def misconfigured(error: Exception) -> str:
    """Why the SDK does not send the call, in words of ours."""
    return f"the AWS SDK cannot ask for it ({type(error).__name__}): check the name and the settings of the SDK"


def is_refused(error: WorkerError) -> bool:
    """Whether the service itself answered the call with a 4xx, which changed nothing.

    An answer without a code is of something between, which may have passed the call on.
    """
    if not isinstance(error.__cause__, ClientError):
        return False
    refusal = refusal_of(error.__cause__)
    return bool(refusal.code) and 400 <= refusal.status < 500


@contextmanager
def translated(dependency: str, table: ErrorTable | None = None) -> Iterator[None]:
    """Turn exceptions of the SDK into ours.

    Raises what `table` makes of the error's code, or of its HTTP status where it has none, or
    DependencyUnavailableError where it has no entry.
    """
    try:
        yield
    except ClientError as exc:
        refusal = refusal_of(exc)
        ours = (table or {}).get(refusal.code or str(refusal.status))
        raise (ours() if ours else DependencyUnavailableError(dependency, f"answered {refusal}")) from exc
    except UNREACHABLE as exc:
        raise unreachable(dependency, exc) from exc
