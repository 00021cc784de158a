"""The readings of small files of every container, whole and damaged, are those of the table.

A change of what is read shows as a difference of the table in review: `python -m tests.unit.domain.readings.write`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.domain.readings.reading import FILES, TABLE, table_of
from tests.unit.domain.readings.written import WRITTEN, written_table

NAMES = sorted(path.name for path in FILES.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_as_the_table_says(name: str) -> None:
    said = (TABLE / f"{name}.txt").read_text("utf-8").split("\n")

    assert table_of((FILES / name).read_bytes()).split("\n") == said


def test_metadata_is_written_as_the_table_says() -> None:
    assert written_table().split("\n") == WRITTEN.read_text("utf-8").split("\n")


def test_every_table_has_its_file() -> None:
    assert sorted(Path(path.stem).name for path in TABLE.iterdir()) == NAMES
