"""Each line of docs/faults.md is shown by a test that there is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.catalogue import CATALOGUE
from tests.faults.row import Row

ROOT = Path(__file__).parents[2]
ROWS = [row for rows in CATALOGUE.values() for row in rows]


def _tests_of(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_the_test_that_a_row_names_exists(row: Row) -> None:
    path, _, name = row.test.partition("::")

    assert name in _tests_of(ROOT / path)


def test_no_fault_is_listed_twice() -> None:
    faults = [(service, row.fault) for service, rows in CATALOGUE.items() for row in rows]

    assert len(set(faults)) == len(faults)
