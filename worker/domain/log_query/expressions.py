"""Expressions of the language: read from tokens into functions from a log line to a value."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
Expression = Callable[[Row], Any]

_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*\s*)*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<period>\d+(?:s|m|h|d)\b)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_@][\w@]*(?:\.\w+)*)
      | (?P<sign><=|>=|!=|[=<>()\[\],|*/+-])
    )""",
    re.VERBOSE,
)
_REGEX = re.compile(r"\s*/((?:[^/\\]|\\.)*)/")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class QuerySyntaxError(ValueError):
    """The query is not of the language, or of a part of it that is not known here."""


class Tokens:
    """The tokens of a query, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self._at = 0

    def peek(self) -> str:
        """The next token; empty at the end."""
        match = self._match()
        return match[match.lastgroup or 0] if match else ""

    def take(self) -> str:
        """Return the next token and move past it. Raises QuerySyntaxError at the end."""
        match = self._match()
        if match is None:
            raise QuerySyntaxError(f"the query ends at {self._text[-40:]!r}")
        self._at = match.end()
        return match[match.lastgroup or 0]

    def take_if(self, *wanted: str) -> str | None:
        """The next token, if it is one of these; words in any case."""
        return self.take() if self.peek().lower() in wanted else None

    def expect(self, wanted: str) -> None:
        """Move past the wanted token. Raises QuerySyntaxError where another one is next."""
        if (found := self.take()).lower() != wanted:
            raise QuerySyntaxError(f"expected {wanted!r} and found {found!r}")

    def take_regex(self) -> str | None:
        """Return what stands between slashes, if that is next, and move past it."""
        match = _REGEX.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[1]

    def _match(self) -> re.Match[str] | None:
        if self._at >= len(self._text):
            return None
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise QuerySyntaxError(f"cannot read {self._text[self._at : self._at + 40]!r}")
        return match


def field_of(row: Row, path: str) -> Any:
    """The value of a field; members of objects and of lists by a point, such as `formats.0`. None where it is missing.

    `@timestamp` is when the line was written.
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.removeprefix("@").split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def read_expression(tokens: Tokens) -> Expression:
    """Read an expression. Raises QuerySyntaxError."""
    left = _conjunction(tokens)
    while tokens.take_if("or"):
        left = _either(left, _conjunction(tokens))
    return left


def _conjunction(tokens: Tokens) -> Expression:
    left = _negation(tokens)
    while tokens.take_if("and"):
        left = _both(left, _negation(tokens))
    return left


def _negation(tokens: Tokens) -> Expression:
    if tokens.take_if("not"):
        negated = _negation(tokens)
        return lambda row: not negated(row)
    return _comparison(tokens)


def _comparison(tokens: Tokens) -> Expression:
    left = _sum(tokens)
    if sign := tokens.take_if(*_COMPARISONS):
        return _compared(_COMPARISONS[sign], left, _sum(tokens))
    if tokens.take_if("like"):
        pattern = tokens.take_regex()
        found = re.compile(re.escape(_text_of(tokens.take())) if pattern is None else pattern)
        return lambda row: isinstance(text := left(row), str) and found.search(text) is not None
    if tokens.take_if("in"):
        tokens.expect("[")
        members = list(_listed(tokens, "]"))
        return lambda row: left(row) in [member(row) for member in members]
    return left


def _sum(tokens: Tokens) -> Expression:
    left = _product(tokens)
    while sign := tokens.take_if("+", "-"):
        left = _computed(_ARITHMETIC[sign], left, _product(tokens))
    return left


def _product(tokens: Tokens) -> Expression:
    left = _operand(tokens)
    while sign := tokens.take_if("*", "/"):
        left = _computed(_ARITHMETIC[sign], left, _operand(tokens))
    return left


def _operand(tokens: Tokens) -> Expression:
    word = tokens.take()
    if word == "(":
        inner = read_expression(tokens)
        tokens.expect(")")
        return inner
    if word[0] in "\"'":
        text = _text_of(word)
        return lambda _row: text
    if word[0].isdigit():
        number = float(word)
        return lambda _row: number
    if tokens.take_if("("):
        return _call(word.lower(), tokens)
    return lambda row: field_of(row, word)


def _text_of(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _listed(tokens: Tokens, end: str) -> Iterator[Expression]:
    while not tokens.take_if(end):
        yield read_expression(tokens)
        tokens.take_if(",")


def _call(name: str, tokens: Tokens) -> Expression:
    if name == "bin":
        period = tokens.take()
        tokens.expect(")")
        return lambda row: _beginning_of(row, period)
    arguments = list(_listed(tokens, ")"))
    if name not in _FUNCTIONS:
        raise QuerySyntaxError(f"there is no function {name}")
    function = _FUNCTIONS[name]
    return lambda row: function([argument(row) for argument in arguments])


_FUNCTIONS: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "ispresent": lambda values: values[0] is not None,
    "coalesce": lambda values: next((value for value in values if value is not None), None),
    "strcontains": lambda values: int(str(values[1]) in str(values[0] or "")),
    "concat": lambda values: "".join("" if value is None else str(value) for value in values),
}


def _beginning_of(row: Row, period: str) -> str | None:
    """The beginning of the period, such as `5m`, in which the line was written; None where it does not say when."""
    seconds = timedelta(**{_UNITS[period[-1]]: int(period[:-1])}).total_seconds()
    try:
        written = datetime.fromisoformat(str(field_of(row, "@timestamp")))
        epoch = (written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp() // seconds * seconds
        return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None


def _either(left: Expression, right: Expression) -> Expression:
    return lambda row: bool(left(row)) or bool(right(row))


def _both(left: Expression, right: Expression) -> Expression:
    return lambda row: bool(left(row)) and bool(right(row))


def _compared(compare: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    """A comparison with a field that is missing, or of different types, is false."""

    def compared(row: Row) -> bool:
        one, other = left(row), right(row)
        if one is None or other is None:
            return False
        try:
            return compare(one, other)
        except TypeError:
            return False

    return compared


def _computed(compute: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    """A calculation. Its result is missing where an operand is, or where it cannot be computed."""

    def computed(row: Row) -> Any:
        try:
            return compute(left(row), right(row))
        except (TypeError, ZeroDivisionError):
            return None

    return computed
