"""Servers that the whole run shares, and names that no two tests share."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator

import aioboto3
import pytest

from worker.adapters.aws import ClientLimits, open_client
from worker.demo import servers

REGION = "eu-central-1"
_counter = itertools.count(1)


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The URL of an emulated AWS; the SDK's own variables point at it for the rest of the run."""
    with servers.aws() as server, pytest.MonkeyPatch.context() as patch:
        url = f"http://{servers.HOST}:{server.port}"
        for name, value in aws_environment(url).items():
            patch.setenv(name, value)
        yield url


def aws_environment(endpoint: str) -> dict[str, str]:
    """What the SDK reads, for a process that shall speak to `endpoint` and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Server]:
    """A real Redis for tests that leave it as they found it; who breaks one starts one (`servers.redis`)."""
    with servers.redis() as server:
        yield server


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Names of this test's own: `unique("bucket")` is a legal name of a bucket, a queue, a table or a key."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:24].strip("-")
    return lambda kind: f"{kind}-{next(_counter)}-{test}"


@pytest.fixture
def aws_session(aws_endpoint: str) -> aioboto3.Session:
    return aioboto3.Session()


LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=2, connections=20)


@pytest.fixture
async def s3_client(aws_session: aioboto3.Session) -> AsyncIterator[object]:
    async with open_client(aws_session, "s3", LIMITS) as client:
        yield client


@pytest.fixture
async def sqs_client(aws_session: aioboto3.Session) -> AsyncIterator[object]:
    async with open_client(aws_session, "sqs", LIMITS) as client:
        yield client


@pytest.fixture
async def dynamodb_client(aws_session: aioboto3.Session) -> AsyncIterator[object]:
    async with open_client(aws_session, "dynamodb", LIMITS) as client:
        yield client
