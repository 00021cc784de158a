"""The page of faults, from the tests' own table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.faults.catalogue import CATALOGUE

_PAGE = """\
# Faults

<!-- Written by docs/faults.py from tests/faults. -->

What dependencies and the machine may do, what the worker does then, and the test that shows it.

{tables}
"""


def faults(table: Callable[[Sequence[str], Iterable[Sequence[str]]], str]) -> str:
    """The page; `table` writes a head and rows as Markdown."""
    head = ("fault", "what the worker does", "test")
    tables = (
        f"## {service}\n\n" + table(head, ((row.fault, row.answer, f"`{row.test}`") for row in rows))
        for service, rows in CATALOGUE.items()
    )
    return _PAGE.format(tables="\n\n".join(tables))
