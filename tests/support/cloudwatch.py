"""CloudWatch, as far as deploy/monitoring.yaml uses it: metric filters over log lines, metrics, and alarms over these.

No emulator evaluates any of that.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.emf import data_of

Line = Mapping[str, Any]
Key = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions

_TOKEN = re.compile(r'\s*(&&|\|\||<=|>=|!=|[=<>(){}]|"[^"]*"|\$(?:\.\w+)+|-?\d+(?:\.\d+)?|EXISTS|NOT)')
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: bool(one == other),
    "!=": lambda one, other: bool(one != other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


# --- metric filters --------------------------------------------------------------------------------------------------


def filter_of(pattern: str) -> Callable[[Line], bool]:
    """The filter of a JSON pattern, such as `{ $.event = "x" && $.n > 1 }`. Raises ValueError for any other."""
    tokens = _TOKEN.findall(pattern)
    if "".join(tokens) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", pattern):
        raise ValueError(f"no pattern of JSON: {pattern}")
    tokens.reverse()
    _expect(tokens, "{")
    condition = _any_of(tokens)
    _expect(tokens, "}")
    if tokens:
        raise ValueError(f"more after the pattern: {pattern}")
    return condition


def _expect(tokens: list[str], wanted: str) -> None:
    if not tokens or tokens.pop() != wanted:
        raise ValueError(f"expected {wanted}")


def _any_of(tokens: list[str]) -> Callable[[Line], bool]:
    parts = [_all_of(tokens)]
    while tokens and tokens[-1] == "||":
        tokens.pop()
        parts.append(_all_of(tokens))
    return lambda line: any(part(line) for part in parts)


def _all_of(tokens: list[str]) -> Callable[[Line], bool]:
    parts = [_term(tokens)]
    while tokens and tokens[-1] == "&&":
        tokens.pop()
        parts.append(_term(tokens))
    return lambda line: all(part(line) for part in parts)


def _term(tokens: list[str]) -> Callable[[Line], bool]:
    token = tokens.pop()
    if token == "(":
        inner = _any_of(tokens)
        _expect(tokens, ")")
        return inner
    compare, literal = _COMPARISONS[tokens.pop()], tokens.pop()
    wanted: Any = literal[1:-1] if literal.startswith('"') else float(literal)
    path = token.removeprefix("$.").split(".")

    def term(line: Line) -> bool:
        value: Any = line
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        is_alike = isinstance(value, str) if isinstance(wanted, str) else isinstance(value, int | float)
        return is_alike and compare(value, wanted)

    return term


# --- metrics ---------------------------------------------------------------------------------------------------------


@dataclass
class Metrics:
    """The values of metrics, each with its time in epoch seconds."""

    values: dict[Key, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], at: float, value: float) -> None:
        self.values[namespace, name, frozenset(dimensions.items())].append((at, value))

    def collect(self, lines: Iterable[Line], filters: Iterable[Mapping[str, Any]]) -> None:
        """Add what the embedded metrics, and the filters (properties of resources), make of the lines."""
        compiled = [(filter_of(each["FilterPattern"]), each["MetricTransformations"]) for each in filters]
        for line in lines:
            at = datetime.fromisoformat(line["timestamp"]).timestamp()
            for matches, transformations in compiled:
                for each in transformations if matches(line) else ():
                    self.add(each["MetricNamespace"], each["MetricName"], {}, at, float(each["MetricValue"]))
            for datum in data_of(line):
                for value in datum.values:
                    self.add(datum.namespace, datum.name, datum.dimensions, datum.at, value)

    def statistic(self, metric: Mapping[str, Any], statistic: str, begin: float, end: float) -> float | None:
        """The statistic of the values from `begin` to `end`; None where there are none."""
        dimensions = frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions", ()))
        found = self.values.get((metric["Namespace"], metric["MetricName"], dimensions), [])
        return _statistic(statistic, sorted(value for at, value in found if begin <= at < end))


def _statistic(name: str, values: Sequence[float]) -> float | None:
    if not values:
        return None
    if name.startswith("p"):
        return values[max(0, math.ceil(float(name[1:]) / 100 * len(values)) - 1)]
    of: Mapping[str, Callable[[Sequence[float]], float]] = {
        "Sum": sum,
        "Minimum": min,
        "Maximum": max,
        "Average": lambda values: sum(values) / len(values),
    }
    return float(of[name](values))


# --- alarms ----------------------------------------------------------------------------------------------------------

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


def goes_off(alarm: Mapping[str, Any], metrics: Metrics, begin: float, end: float) -> bool:
    """Whether the alarm, given by its properties, is ever in ALARM between the two times."""
    period = float(alarm.get("Period") or alarm["Metrics"][1]["MetricStat"]["Period"])
    needed, in_a_row = int(alarm["EvaluationPeriods"]), 0
    at = begin // period * period
    while at < end:
        in_a_row = in_a_row + 1 if _is_breaching(alarm, metrics, at, at + period) else 0
        if in_a_row >= needed:
            return True
        at += period
    return False


def _is_breaching(alarm: Mapping[str, Any], metrics: Metrics, begin: float, end: float) -> bool:
    value = _value_of(alarm, metrics, begin, end)
    if value is None:
        assert alarm["TreatMissingData"] in {"breaching", "notBreaching"}
        return bool(alarm["TreatMissingData"] == "breaching")
    return _OPERATORS[alarm["ComparisonOperator"]](value, float(alarm["Threshold"]))


def _value_of(alarm: Mapping[str, Any], metrics: Metrics, begin: float, end: float) -> float | None:
    if "Metrics" not in alarm:
        return metrics.statistic(alarm, alarm.get("Statistic") or alarm["ExtendedStatistic"], begin, end)
    inputs: dict[str, float | None] = {}
    expression = ""
    for each in alarm["Metrics"]:
        if "Expression" in each:
            expression = each["Expression"]
        else:
            stat = each["MetricStat"]
            inputs[each["Id"]] = metrics.statistic(stat["Metric"], stat["Stat"], begin, end)
    return computed(expression, inputs)


def computed(expression: str, inputs: Mapping[str, float | None]) -> float:
    """The value of metric math with IF, FILL and AND, evaluated by Python. The text is our own."""
    names: dict[str, Any] = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda value, instead: instead if value is None else value,
        **inputs,
    }
    return float(eval(expression.replace(" AND ", " and "), {"__builtins__": {}}, names))


def rule_goes_off(rule: str, alarms: Mapping[str, bool]) -> bool:
    """Whether a composite alarm is in ALARM whose rule is `ALARM("a") OR ALARM("b")`."""
    names = re.findall(r'ALARM\("([^"]+)"\)', rule)
    assert " ".join(rule.split()) == " OR ".join(f'ALARM("{name}")' for name in names), rule
    return any(alarms[name] for name in names)
