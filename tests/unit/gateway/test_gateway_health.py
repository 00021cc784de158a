"""The metrics of the gateway, which anybody may ask for as often as they like."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from worker.gateway import health
from worker.gateway.health import HealthRoutes

_REQUEST = Request({"type": "http"})


async def test_the_metrics_are_rendered_once_for_all_who_ask_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []

    def render(streams: int) -> tuple[bytes, str]:
        rendered.append(streams)
        return str(streams).encode(), "text/plain"

    monkeypatch.setattr(health, "render", render)
    streams = 1
    stores: Any = None  # no metric is asked of it
    routes = HealthRoutes(stores, lambda: streams, None)

    together = await asyncio.gather(*(routes.metrics(_REQUEST) for _ in range(200)))
    streams = 2
    later = await routes.metrics(_REQUEST)

    assert {answer.body for answer in together} == {b"1"}
    assert (rendered, later.body) == ([1, 2], b"2")
