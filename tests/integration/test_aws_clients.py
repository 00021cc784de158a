"""What the clients of one process share."""

from __future__ import annotations

from typing import Any

import aioboto3
import pytest
from botocore.httpsession import create_urllib3_context

from worker.adapters.aws import wire
from worker.adapters.aws.client import open_client
from worker.adapters.sqs.queue import CONTROL_LIMITS


async def test_the_certificates_of_the_authorities_are_read_once_and_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []

    def create() -> Any:
        made.append(create_urllib3_context())
        return made[-1]

    monkeypatch.setattr(wire, "create_urllib3_context", create)
    wire._trust_in.cache_clear()  # another test of this process may have read them

    session = aioboto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    async with open_client(session, "dynamodb", CONTROL_LIMITS):
        assert len(made) == 1
        assert made[0].cert_store_stats()["x509_ca"] > 50
        async with open_client(session, "sqs", CONTROL_LIMITS):
            assert len(made) == 1
