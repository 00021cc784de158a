"""The generated pages say what the code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from docs.generate import HERE, PAGES
from tests.fakes.stores import FakeJobTable
from tests.support.records import NOW
from tests.unit.test_http import health
from worker.application.operations.store_watch import StoreWatch
from worker.domain.progress import Record
from worker.gateway.health import HealthRoutes


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_in_step_with_the_code(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_the_record_on_the_page_of_progress_is_one() -> None:
    page = (HERE / "progress.md").read_text(encoding="utf-8")
    example = page.partition("```json\n")[2].partition("```")[0]
    assert Record.from_json(example).to_dict() == json.loads(example)


def test_the_members_of_health_are_on_the_page_of_the_worker() -> None:
    document = health(queue_failures=(0, 1)).to_dict()
    assert members_on("progress.md") == sorted(members_of(document))


async def test_the_members_of_health_are_on_the_page_of_the_gateway() -> None:
    watch = StoreWatch(FakeJobTable(), None, now=lambda: NOW)
    answer = await HealthRoutes(watch, lambda: 0, None).health(Request({"type": "http"}))
    assert members_on("gateway.md") == sorted(members_of(json.loads(bytes(answer.body))))


def members_on(page: str) -> list[str]:
    """What the table of /health names, in the order of the alphabet."""
    section = (HERE / page).read_text(encoding="utf-8").partition("The document of `/health`\n")[2].partition("\n#")[0]
    rows = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    return sorted(name for row in rows for name in re.findall(r"`([a-z_.]+)`", row))


def members_of(document: Any, prefix: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from members_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_file_that_architecture_names_exists() -> None:
    root = HERE.parent
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+)`", text)) - {"adapters/nats"}  # a cache that is imagined
    places = [root, root / "worker", root / "worker/application"]

    missing = {
        name for name in named if not any((at / name).exists() or (at / f"{name}.py").exists() for at in places)
    }

    assert len(named) > 40
    assert missing == set()
