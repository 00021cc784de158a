"""What is read back as a record, and what is refused because it would fail later, where values are compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.records import a_record
from worker.domain.progress import Record


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attempt", "1"),
        ("attempt", True),
        ("attempt", 1.5),
        ("fence", "1000"),
        ("seq", None),
        ("run", "1"),
        ("percent", "40"),
        ("job_id", 7),
        ("worker", 7),
        ("source", 7),
        ("source", [7]),
        ("source", {}),
        ("outputs", 7),
        ("updated_at", "2026-11-22T20:01:02"),
        ("updated_at", "soon"),
        ("created_at", 1795000000),
    ],
)
def test_a_record_with_a_value_of_another_type_is_none(name: str, value: Any) -> None:
    damaged = json.loads(a_record().to_json()) | {name: value}

    with pytest.raises(ValueError):
        Record.from_json(json.dumps(damaged))


@pytest.mark.parametrize("text", ["", "7", "[]", "null", '"text"', "[" * 100_000])
def test_a_text_that_is_no_record_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        Record.from_json(text)
