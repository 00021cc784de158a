"""Commands of the language: each takes the lines, or the rows of the command before it, and gives rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from worker.domain.log_query.expressions import (
    Expression,
    QuerySyntaxError,
    Row,
    Tokens,
    field_of,
    read_expression,
)

Rows = Sequence[Row]
Command = Callable[[Rows], Rows]


def run_query(text: str, lines: Rows) -> list[dict[str, Any]]:
    """The rows that the query makes of the log lines. Raises QuerySyntaxError."""
    tokens = Tokens(text)
    rows: Rows = lines
    while True:
        rows = _read_command(tokens)(rows)
        if not tokens.take_if("|"):
            break
    if tokens.peek():
        raise QuerySyntaxError(f"expected a command and found {tokens.peek()!r}")
    return [dict(row) for row in rows]


def _read_command(tokens: Tokens) -> Command:
    name = tokens.take().lower()
    readers = {"filter": _filter, "fields": _fields, "display": _display, "stats": _stats, "sort": _sort}
    if name == "limit":
        most = int(tokens.take())
        return lambda rows: rows[:most]
    if name not in readers:
        raise QuerySyntaxError(f"there is no command {name!r}")
    return readers[name](tokens)


def _filter(tokens: Tokens) -> Command:
    condition = read_expression(tokens)
    return lambda rows: [row for row in rows if condition(row)]


def _fields(tokens: Tokens) -> Command:
    """Add what is named to the fields that there are; `display` chooses which are shown."""
    columns = _columns(tokens)
    return lambda rows: [{**row, **{name: value(row) for name, value in columns.items()}} for row in rows]


def _display(tokens: Tokens) -> Command:
    columns = _columns(tokens)
    return lambda rows: [{name: value(row) for name, value in columns.items()} for row in rows]


def _sort(tokens: Tokens) -> Command:
    value = read_expression(tokens)
    is_descending = tokens.take_if("asc", "desc") == "desc"

    def rank(row: Row) -> tuple[bool, str, Any]:
        key = value(row)
        if key is None:
            return False, "", 0
        return (True, "", key) if _is_number(key) else (True, "text", str(_scalar(key)))

    return lambda rows: sorted(rows, key=rank, reverse=is_descending)


def _stats(tokens: Tokens) -> Command:
    aggregates = _aggregates(tokens)
    groups = _columns(tokens) if tokens.take_if("by") else {}

    def stats(rows: Rows) -> Rows:
        grouped: dict[tuple[Any, ...], list[Row]] = {} if groups else {(): []}
        for row in rows:
            grouped.setdefault(tuple(_scalar(value(row)) for value in groups.values()), []).append(row)
        return [
            dict(zip(groups, key, strict=True)) | {name: of(members) for name, of in aggregates.items()}
            for key, members in grouped.items()
        ]

    return stats


# --- columns ---------------------------------------------------------------------------------------------------------


def _columns(tokens: Tokens) -> dict[str, Expression]:
    columns: dict[str, Expression] = {}
    while True:
        name = tokens.peek()
        value = read_expression(tokens)
        if tokens.take_if("as"):
            name = tokens.take()
        columns[name] = value
        if not tokens.take_if(","):
            return columns


Aggregate = Callable[[Rows], Any]


def _aggregates(tokens: Tokens) -> dict[str, Aggregate]:
    aggregates: dict[str, Aggregate] = {}
    while True:
        function = tokens.take().lower()
        tokens.expect("(")
        aggregate = _aggregate(function, tokens)
        aggregates[tokens.take() if tokens.take_if("as") else function] = aggregate
        if not tokens.take_if(","):
            return aggregates


def _aggregate(function: str, tokens: Tokens) -> Aggregate:
    if function == "count" and tokens.take_if("*"):
        tokens.expect(")")
        return len
    value = read_expression(tokens)
    if function == "pct":
        tokens.expect(",")
        percent = float(tokens.take())
        tokens.expect(")")
        return lambda rows: _percentile(list(filter(_is_number, map(value, rows))), percent)
    tokens.expect(")")
    if function in ("latest", "earliest"):
        choose = max if function == "latest" else min
        return lambda rows: value(choose(rows, key=_written)) if rows else None
    if function not in _OVER_VALUES:
        raise QuerySyntaxError(f"there is no aggregate {function}")
    over = _OVER_VALUES[function]
    if function in ("count", "count_distinct"):
        return lambda rows: over([_scalar(v) for v in map(value, rows) if v is not None])
    return lambda rows: over(list(filter(_is_number, map(value, rows))))


_OVER_VALUES: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "sum": sum,
    "avg": lambda values: sum(values) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
}


def _percentile(values: list[float], percent: float) -> float | None:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else None


def _is_number(value: object) -> bool:
    """Whether a value counts in sums: a line may hold anything under the name of a number."""
    return isinstance(value, int | float)


def _scalar(value: object) -> object:
    """The value as one that can be compared with others; a list or a mapping is compared by its JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _written(row: Row) -> str:
    return str(field_of(row, "@timestamp") or "")
