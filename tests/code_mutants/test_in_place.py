"""A mutant that no test runs has survived."""

from __future__ import annotations

import ast
from typing import Any

from tests.code_mutants.in_place import _passes
from tests.code_mutants.operators import Mutant


class NoFunctions:
    """In the place of those of this process, which are to stay as they are."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def change(self, _mutant: Mutant, _again: ast.AST | None) -> None:
        if self._error:
            raise self._error


MUTANT = Mutant("worker.domain.claim", 1, "if a == b:", "Eq for NotEq", 1, (1,), 0, 0)
NO_SESSION: Any = None


def test_a_mutant_without_tests_survives() -> None:
    functions: Any = NoFunctions()

    assert _passes(MUTANT, None, [], NO_SESSION, functions)


def test_a_mutant_that_could_not_be_imported_dies() -> None:
    functions: Any = NoFunctions(ValueError("bytes must be in range(0, 256)"))

    assert not _passes(MUTANT, None, [], NO_SESSION, functions)
