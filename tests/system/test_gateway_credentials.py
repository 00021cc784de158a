"""What a gateway presigns ends with its own credentials, whatever is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.metadata_service import MetadataService
from tests.support.stack import Stack

FILE = {"name": "a.wav", "bytes": 5, "content_type": "audio/wav"}


@pytest.mark.parametrize(("valid_minutes", "expected_minutes"), [(30, 30), (360, 60)])
async def test_forms_and_urls_say_when_they_end_also_where_the_credentials_end_sooner(
    shared: Stack, valid_minutes: int, expected_minutes: int
) -> None:
    with MetadataService().running() as metadata:
        metadata.has_role, now = True, datetime.now(UTC)
        metadata.ends_at = now + timedelta(minutes=valid_minutes)
        prefix = {"WORKER_SERVE_SOURCE": f"s3://{shared.sources}/uploads/"}
        with GatewayProcess(shared, **prefix, **metadata.environment()) as process:
            async with process.client() as client:
                form = (await client.post("/uploads", FILE)).json
                upload = (await client.post("/uploads/multipart", FILE)).json
                part = (await client.get(f"/uploads/multipart/{upload['upload']}/parts/1")).json

    latest = now + timedelta(minutes=expected_minutes)
    for answer in (form, part):
        assert latest - timedelta(seconds=2) < _end_of(answer) < latest + timedelta(minutes=1)
        assert _end_of(answer) <= metadata.ends_at


def _end_of(answer: Any) -> datetime:
    return datetime.fromisoformat(answer["expires_at"])
