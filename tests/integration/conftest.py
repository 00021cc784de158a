"""What the tests of one adapter share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aioboto3
import pytest

from tests.support.sqs import CountingClient, Sqs
from worker.adapters.aws.client import open_client
from worker.adapters.sqs.queue import CONTROL_LIMITS


@pytest.fixture
async def sqs(aws_session: aioboto3.Session, unique: Callable[[str], str]) -> AsyncIterator[Sqs]:
    async with open_client(aws_session, "sqs", CONTROL_LIMITS) as client:
        yield Sqs(client, CountingClient(client), unique)
