"""What the OpenAPI document costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import MagicMock

import pytest
from fastapi import FastAPI

from tests.support.gateway_connection import connected
from tests.support.virtual_time import virtual_time
from worker.gateway import documents
from worker.gateway.app import make_gateway
from worker.gateway.open_files import Connections
from worker.settings import Settings

GET = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@virtual_time
async def test_the_document_is_made_and_written_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FastAPI] = []
    written = []
    write = json.dumps

    def dumps(document: object, **how: Any) -> str:
        written.append(document)
        return write(document, **how)

    def make(app: FastAPI) -> Mapping[str, Any]:
        made.append(app)
        return {"number": len(made)}

    monkeypatch.setattr(json, "dumps", dumps)
    monkeypatch.setattr(documents, "document_of", make)
    gateway = make_gateway(Settings(), MagicMock(), max_streams=1, connections=Connections(10))
    async with connected(gateway.app) as client:
        for _ in range(2):
            client.writer.write(GET)

            assert (await client.answer()).endswith(b'{"number":1}')
    assert written == [{"number": 1}]
