"""Servers that all tests of a run share, and names that no two tests share."""

from __future__ import annotations

import functools
import gc
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aioboto3
import botocore.session
import hypothesis
import pytest
import structlog

from tests.support.aws import a_bucket, a_table, aws_environment
from tests.support.sqs import CountingClient, Sqs
from worker.adapters.aws.client import ClientLimits, open_client
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.demo import servers

pytest_plugins = ("pytester", "tests.support.budgets")

_counter = itertools.count(1)

_TESTS = Path(__file__).parent
_WAIT = ("system", "chaos", "history", "deploy")  # for processes and servers
_COMPUTE = ("integration",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first: what is left at the end is short, and no process of a run waits for the last of another.

    Those that wait and those that compute take turns, so that processors are busy and nothing starves.
    """
    waiting, computing, short = (list[pytest.Item](), list[pytest.Item](), list[pytest.Item]())
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""
        (waiting if folder in _WAIT else computing if folder in _COMPUTE else short).append(item)
    items[:] = [*_in_turns(waiting, computing), *short]


def _in_turns(*lists: list[pytest.Item]) -> list[pytest.Item]:
    """Files of each list spread evenly among those of the others; a file's tests stay together."""
    files = [[list(file) for _, file in itertools.groupby(items, lambda item: item.path)] for items in lists]
    placed = [(number / len(each), file) for each in files for number, file in enumerate(each)]
    return [item for _, file in sorted(placed, key=lambda pair: pair[0]) for item in file]


def pytest_collection_finish(session: pytest.Session) -> None:
    """A process of `make test` does not search its thousands of tests for garbage: that took a tenth of its time."""
    if hasattr(session.config, "workerinput"):  # not where tests/code_mutants looks for functions among all objects
        gc.collect()
        gc.freeze()


# The duration of an example depends on the load of the machine, so none fails for it.
hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")

# The SDK's descriptions of the services are read once, not by each session anew: that takes 100 ms of CPU, and most
# tests of adapters have a session of their own.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


@pytest.fixture(autouse=True)
def _log_is_not_set_up() -> Iterator[None]:
    """A test that captures log lines leaves structlog set up, and the next one would print its events."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The URL of an emulated AWS; the SDK's own variables point at it for the rest of the run."""
    with servers.aws() as server, pytest.MonkeyPatch.context() as patch:
        url = f"http://{servers.HOST}:{server.port}"
        for name, value in aws_environment(url).items():
            patch.setenv(name, value)
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Server]:
    """A real Redis that tests share. A test that breaks its Redis starts its own (`servers.redis`)."""
    with servers.redis() as server:
        yield server


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Makes names that no other test uses. `unique("bucket")` is legal for a bucket, a queue, a table and a key."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:24].strip("-")
    return lambda kind: f"{kind}-{next(_counter)}-{test}"


@pytest.fixture
def aws_session(aws_endpoint: str) -> aioboto3.Session:
    return aioboto3.Session()


LIMITS = ClientLimits(connect_seconds=2, read_seconds=20, attempts=2, connections=20)


@pytest.fixture
async def s3_client(aws_session: aioboto3.Session) -> AsyncIterator[Any]:
    async with open_client(aws_session, "s3", LIMITS) as client:
        yield client


@pytest.fixture
async def sqs_client(aws_session: aioboto3.Session) -> AsyncIterator[Any]:
    async with open_client(aws_session, "sqs", LIMITS) as client:
        yield client


@pytest.fixture
async def dynamodb_client(aws_session: aioboto3.Session) -> AsyncIterator[Any]:
    async with open_client(aws_session, "dynamodb", LIMITS) as client:
        yield client


@pytest.fixture
async def table(dynamodb_client: Any, unique: Callable[[str], str]) -> str:
    """The name of a job table."""
    name = unique("table")
    await dynamodb_client.create_table(**a_table(name))
    return name


@pytest.fixture
async def bucket(s3_client: Any, unique: Callable[[str], str]) -> str:
    """The name of an empty bucket."""
    name = unique("bucket")
    await s3_client.create_bucket(**a_bucket(name))
    return name


@pytest.fixture
async def sqs(aws_session: aioboto3.Session, unique: Callable[[str], str]) -> AsyncIterator[Sqs]:
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        yield Sqs(client, CountingClient(client), unique)
