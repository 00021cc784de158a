"""What is changed in code: one place at a time, in the syntax tree."""

from __future__ import annotations

import ast
import copy
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
    """A module with one place changed. `line` is the line's text, by which a survivor is listed."""

    module: str
    number: int  # of the line
    line: str
    change: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.module}:{self.number}: {self.change} in `{self.line}`"


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """All mutants of a module."""
    lines = source.splitlines()
    for index, (node, changes) in enumerate(_places(ast.parse(source))):
        for which, (change, _) in enumerate(changes):
            tree = ast.parse(source)
            twin, twins = list(_places(tree))[index]
            twins[which][1](twin)
            number = getattr(node, "lineno", 1)
            yield Mutant(module, number, lines[number - 1].strip(), change, ast.fix_missing_locations(tree))


Change = tuple[str, Callable[[ast.AST], None]]


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
                yield f"{_name(operator)} for {other.__name__}", _set_comparison(index, other)
        case ast.BoolOp():
            swapped = ast.Or if isinstance(node.op, ast.And) else ast.And
            yield f"{_name(node.op)} for {swapped.__name__}", _set("op", swapped)
        case ast.BinOp() if type(node.op) in _SIGNS and not _is_text(node):
            sign = _SIGNS[type(node.op)]
            yield f"{_name(node.op)} for {sign.__name__}", _set("op", sign)
        case ast.UnaryOp(op=ast.Not()):
            yield "not left out", _leave_out_not
        case ast.UnaryOp(op=ast.USub()):
            yield "minus left out", _set("op", ast.UAdd)
        case ast.Constant(value=bool() as truth):
            yield f"{truth} turned round", _set_value(not truth)
        case ast.Constant(value=int() | float() as number):
            yield f"{number} off by one", _set_value(number + 1)
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
            yield f"the return in line {returned.lineno} negated", _negate(index)


def _returns(function: ast.FunctionDef) -> list[ast.Return]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]


def _negate(index: int) -> Callable[[ast.AST], None]:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.FunctionDef)
        returned = _returns(node)[index]
        assert returned.value is not None
        returned.value = ast.UnaryOp(ast.Not(), copy.copy(returned.value))

    return change
