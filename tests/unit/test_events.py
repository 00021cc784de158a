"""The catalogue of events is the monitoring surface: complete, and of one form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker
from worker.events import CATALOGUE, Event

PACKAGE = Path(worker.__file__).parent
# Of logging itself; everything that is emitted may carry them.
FREE_FIELDS = {"exc_info"}


def test_every_event_has_a_meaning() -> None:
    assert set(CATALOGUE) == set(Event)


@pytest.mark.parametrize("event", Event)
def test_a_name_is_a_noun_and_a_participle(event: Event) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", event.value)
    assert CATALOGUE[event].when.endswith(".")


def emitted() -> Iterator[tuple[str, Event, set[str]]]:
    """Where an event is emitted by name: `file:line`, the event, and its fields (those of `**` cannot be seen)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "emit":
                name = node.args[0]
                if isinstance(name, ast.Attribute):
                    fields = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", Event[name.attr], fields


def test_only_fields_of_the_catalogue_are_written() -> None:
    unknown = {
        where: extra
        for where, event, fields in emitted()
        if (extra := fields - {*CATALOGUE[event].fields, *FREE_FIELDS, "message_id", "job_id", "attempt"})
    }
    assert unknown == {}


def test_every_event_of_the_catalogue_is_written_somewhere() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.parent.name != "events"
    )
    assert [event.name for event in Event if f"Event.{event.name}" not in sources] == []
