"""What has to be computed anew where a mutant changes code that runs while its module is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tests.code_mutants.operators import lines_of_statements


@dataclass(frozen=True, slots=True)
class Dependents:
    """The assignments of a module that are to be run again, in their order, and the names that they give values to.

    `lines` has the numbers of the lines of the module's functions that read such a name.
    """

    assignments: tuple[ast.stmt, ...]
    names: frozenset[str]
    lines: frozenset[int]


def dependents(tree: ast.Module, line: int) -> Dependents | None:
    """What depends on a line of the module, directly and over other names.

    None where that is no assignment, or more than assignments and the bodies of functions: a class, a default, a loop.
    """
    assignments: dict[int, ast.stmt] = {}
    functions: set[str] = set()
    names: set[str] = set()
    before = -1
    while before < len(names) + len(functions):
        before = len(names) + len(functions)
        changed = names | functions
        for index, statement in enumerate(tree.body):
            if not (_has(statement, line) or _read(statement) & changed):
                continue
            match statement:
                case ast.Assign() | ast.AnnAssign():
                    assignments[index] = statement
                    names.update(_written(statement))
                case ast.FunctionDef() if not (
                    _has(statement, line, at_once=True) or _read_at_once(statement) & changed
                ):
                    functions.add(statement.name)
                case ast.ClassDef() if not (_has(statement, line) or _read_at_once(statement) & changed):
                    pass  # its methods read it when they run
                case _:
                    return None
    if not assignments:
        return None
    in_order = tuple(assignments[index] for index in sorted(assignments))
    return Dependents(in_order, frozenset(names), _lines_that_read(tree, names))


def _has(statement: ast.stmt, line: int, *, at_once: bool = False) -> bool:
    """Whether the line is in the statement; `at_once`: in front of the body of a function."""
    end = statement.body[0].lineno - 1 if at_once and isinstance(statement, ast.FunctionDef) else statement.end_lineno
    return statement.lineno <= line <= (end or statement.lineno)


def _read(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _read_at_once(node: ast.AST) -> set[str]:
    """The names that are read when a function or class is made: not those in the bodies of functions."""
    names: set[str] = set()
    for field, value in ast.iter_fields(node):
        if field == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                names |= {child.id} if isinstance(child, ast.Name) else _read_at_once(child)
    return names


def _written(statement: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return set().union(*map(_read, targets))


def _lines_that_read(tree: ast.Module, names: set[str]) -> frozenset[int]:
    statements = lines_of_statements(tree)
    return frozenset(
        number
        for function in _functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and node.id in names
        for number in statements[id(node)]
    )


def _functions(tree: ast.Module) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
