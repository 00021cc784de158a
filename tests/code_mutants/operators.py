"""What is changed in code: one place at a time, in the syntax tree."""

from __future__ import annotations

import ast
import copy
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one place changed. `line` is the line's text.

    `nth` counts the same changes of lines with the same text, from 1. `statement` has the numbers of the lines whose
    run runs the place; `place` and `which` find it in the tree.
    """

    module: str
    number: int  # of the line
    line: str
    change: str
    nth: int
    statement: tuple[int, ...]
    place: int
    which: int

    def __str__(self) -> str:
        return f"{self.module}:{self.number}: {self.change}{self._which_one()} in `{self.line}`"

    @property
    def name(self) -> str:
        """By which a survivor is listed. It does not change with the lines above it."""
        return f"{self.module}: {self.line}: {self.change}{self._which_one()}"

    def _which_one(self) -> str:
        return f" ({self.nth})" if self.nth > 1 else ""

    def tree(self, source: str) -> ast.Module:
        """The changed module, from its source as it is."""
        tree = ast.parse(source)
        node, changes = next(itertools.islice(_places(tree), self.place, None))
        changes[self.which].make(node)
        return ast.fix_missing_locations(tree)


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """All mutants of a module."""
    texts = source.splitlines()
    seen: Counter[tuple[str, str]] = Counter()
    tree = ast.parse(source)
    statements = lines_of_statements(tree)
    for place, (node, changes) in enumerate(_places(tree)):
        for which, change in enumerate(changes):
            where = change.where or node
            number = getattr(where, "lineno", 1)
            lines = statements.get(id(where), (number,))
            line = texts[number - 1].strip()
            seen[line, change.name] += 1
            yield Mutant(module, number, line, change.name, seen[line, change.name], lines, place, which)


def lines_of_statements(tree: ast.Module) -> dict[int, tuple[int, ...]]:
    """By the id of a node: the lines of the innermost statement around it, without the statements within that."""
    lines: dict[int, tuple[int, ...]] = {}
    for statement in ast.walk(tree):  # inner ones after outer ones
        if isinstance(statement, ast.stmt):
            body = getattr(statement, "body", None)
            end = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
            of_it = tuple(range(statement.lineno, max(end, statement.lineno) + 1))
            lines.update((id(node), of_it) for node in ast.walk(statement))
    return lines


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to a node. `where` is the node that changes, if it lies inside."""

    name: str
    make: Callable[[ast.AST], None]
    where: ast.AST | None = None


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, list[Change]]]:
    for node in _code(tree):
        changes = list(_changes(node))
        if changes:
            yield node, changes


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but annotations, decorators, and what is only text."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"} or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                other = _COMPARISONS[type(operator)]
                yield Change(f"{_name(operator)} for {other.__name__}", _set_comparison(index, other))
        case ast.BoolOp():
            swapped = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield Change(f"{_name(node.op)} for {swapped.__name__}", _set("op", swapped))
        case ast.BinOp() if type(node.op) in _SIGNS and not _is_text(node):
            sign = _SIGNS[type(node.op)]
            yield Change(f"{_name(node.op)} for {sign.__name__}", _set("op", sign))
        case ast.UnaryOp(op=ast.Not()):
            yield Change("not left out", _leave_out_not)
        case ast.UnaryOp(op=ast.USub()):
            yield Change("minus left out", _set("op", ast.UAdd))
        case ast.Constant(value=bool() as truth):
            yield Change(f"{truth} turned round", _set_value(not truth))
        case ast.Constant(value=int() | float() as number):
            yield Change(f"{number} off by one", _set_value(number + 1))
        case ast.FunctionDef(returns=ast.Name(id="bool")):
            yield from _negated_returns(node)


def _name(operator: ast.AST) -> str:
    return type(operator).__name__


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str) for side in sides)


def _set(field: str, kind: type[ast.AST]) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, field, kind())


def _leave_out_not(node: ast.AST) -> None:
    """`not x` becomes `not not x`, which is the same."""
    assert isinstance(node, ast.UnaryOp)
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _set_comparison(index: int, kind: type[ast.cmpop]) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[index] = kind()

    return change


def _set_value(value: object) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, "value", value)


def _negated_returns(function: ast.FunctionDef) -> Iterator[Change]:
    for index, returned in enumerate(_returns(function)):
        if not isinstance(returned.value, ast.Constant):
            yield Change("return negated", _negate(index), returned)


def _returns(function: ast.FunctionDef) -> list[ast.Return]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]


def _negate(index: int) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.FunctionDef)
        returned = _returns(node)[index]
        assert returned.value is not None
        returned.value = ast.UnaryOp(ast.Not(), copy.copy(returned.value))

    return change
