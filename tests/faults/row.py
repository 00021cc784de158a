"""One line of the table of faults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, what the worker does about it, and the test that shows it, as `path::name` from the repository on."""

    fault: str
    answer: str
    test: str
