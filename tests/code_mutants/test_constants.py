"""What is computed anew for a mutant is all that depends on its line, and nothing where that reaches further."""

from __future__ import annotations

import ast

import pytest

from tests.code_mutants.constants import dependents

MODULE = """\
_FIRST = 1
_SECOND = _FIRST + 1
_OTHER = 7
_DEFAULT = 3


def made():
    return _SECOND * 2


_MADE = made()


class Box:
    size = _OTHER

    def twice(self):
        return _MADE


def reader(a, b=_DEFAULT):
    c = a
    return c + _FIRST
"""


def names_of(line: int) -> set[str] | None:
    found = dependents(ast.parse(MODULE), line)
    return None if found is None else set(found.names)


def test_assignments_follow_over_names_and_over_functions() -> None:
    assert names_of(1) == {"_FIRST", "_SECOND", "_MADE"}


def test_a_function_that_an_assignment_calls_is_followed() -> None:
    assert names_of(8) == {"_MADE"}


@pytest.mark.parametrize(("line", "which"), [(3, "body of a class"), (4, "default"), (21, "def"), (15, "class")])
def test_what_reaches_further_than_assignments_is_not_computed_anew(line: int, which: str) -> None:
    assert names_of(line) is None, which


def test_the_lines_that_read_a_value_are_those_of_functions_and_methods() -> None:
    found = dependents(ast.parse(MODULE), 1)

    assert found is not None
    assert found.lines == {8, 18, 23}


def test_the_values_are_those_of_an_import() -> None:
    source = MODULE.replace("_FIRST = 1", "_FIRST = 2")
    module: dict[str, object] = {}
    exec(MODULE, module)
    found = dependents(ast.parse(source), 1)
    assert found is not None

    exec(compile(ast.Module(list(found.assignments), []), "a.py", "exec"), module)

    assert (module["_FIRST"], module["_SECOND"]) == (2, 3)
    assert module["_MADE"] == 6
