"""As much of PromQL as our alerts and our dashboard use, over snapshots of `/metrics`.

https://prometheus.io/docs/prometheus/latest/querying/basics/
Rates and increases are computed between the first and the last snapshot, whatever the range says.
"""

from __future__ import annotations

import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?(?:[smhd]\b)?|[A-Za-z_:][\w:]*|=~|!=|==|[<>=(){}\[\],/])')
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "count": lambda values: float(len(values)),
}

_OF_OTHERS = ("keda_", "kube_")  # series of KEDA and of kube-state-metrics, which no worker shows
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt, "==": operator.eq}


class UnknownSeriesError(ValueError):
    """A metric, a label or a value of a label that no worker shows."""


@dataclass(frozen=True)
class Snapshot:
    """The samples of one worker at one time, by name."""

    at: float
    samples: Mapping[str, Vector]

    @classmethod
    def of(cls, at: float, text: str, worker: str) -> Snapshot:
        samples: dict[str, Vector] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples[sample.name][frozenset({**sample.labels, "instance": worker}.items())] = sample.value
        return cls(at, samples)


class Prometheus:
    """What was scraped. `evaluate` gives the vector of an expression; it is empty where nothing fulfils it."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = sorted(snapshots, key=lambda each: each.at)
        self._tokens: list[str] = []

    def evaluate(self, expression: str) -> Vector:
        """The value of the expression. Raises UnknownSeriesError, and ValueError for syntax that is not known here."""
        self._tokens = _TOKEN.findall(expression)[::-1]
        if "".join(self._tokens[::-1]) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", expression):
            raise ValueError(f"cannot read {expression}")
        found = self._union()
        if self._tokens:
            raise ValueError(f"more than one expression: {expression}")
        return found

    def _take_if(self, *wanted: str) -> str | None:
        return self._tokens.pop() if self._tokens and self._tokens[-1] in wanted else None

    def _expect(self, wanted: str) -> None:
        if self._take_if(wanted) is None:
            raise ValueError(f"expected {wanted} before {self._tokens[-3:]}")

    def _union(self) -> Vector:
        left = self._conjunction()
        while self._take_if("or"):
            left = self._conjunction() | left
        return left

    def _conjunction(self) -> Vector:
        left = self._comparison()
        while self._take_if("and"):
            right = self._comparison()
            left = {labels: value for labels, value in left.items() if labels in right}
        return left

    def _comparison(self) -> Vector:
        left = self._quotient()
        if sign := self._take_if(*_COMPARISONS):
            limit = float(self._tokens.pop())
            compare = _COMPARISONS[sign]
            left = {labels: value for labels, value in left.items() if compare(value, limit)}
        return left

    def _quotient(self) -> Vector:
        left = self._operand()
        while self._take_if("/"):
            right = self._operand()
            left = {labels: left[labels] / right[labels] for labels in left.keys() & right.keys() if right[labels]}
        return left

    def _operand(self) -> Vector:
        name = self._tokens.pop()
        if name == "(":
            found = self._union()
            self._expect(")")
            return found
        if name in _AGGREGATES:
            return self._aggregate(_AGGREGATES[name])
        if name in {"rate", "increase", "absent", "histogram_quantile"}:
            self._expect("(")
            found = self._call(name)
            self._expect(")")
            return found
        return self._latest(*self._selector(name))

    def _aggregate(self, of: Callable[[Sequence[float]], float]) -> Vector:
        by: set[str] = set()
        if self._take_if("by"):
            self._expect("(")
            while self._take_if(")") is None:
                by.add(self._tokens.pop())
                self._take_if(",")
        self._expect("(")
        groups: dict[Labels, list[float]] = defaultdict(list)
        for labels, value in self._conjunction().items():
            groups[frozenset(each for each in labels if each[0] in by)].append(value)
        self._expect(")")
        return {labels: of(values) for labels, values in groups.items()}

    def _call(self, name: str) -> Vector:
        if name == "absent":
            return {} if self._conjunction() else {frozenset(): 1.0}
        if name == "histogram_quantile":
            quantile = float(self._tokens.pop())
            self._expect(",")
            return _quantiles(quantile, self._conjunction())
        series, matches = self._selector(self._tokens.pop())
        self._expect("[")
        self._tokens.pop()
        self._expect("]")
        first, last = self._snapshots[0], self._snapshots[-1]
        seconds = max(last.at - first.at, 1.0) if name == "rate" else 1.0
        return {labels: grown / seconds for labels, grown in self._grown(series, matches).items()}

    def _selector(self, name: str) -> tuple[str, Callable[[Labels], bool]]:
        is_ours = any("worker_info" in each.samples for each in self._snapshots) and not name.startswith(_OF_OTHERS)
        if is_ours and not any(name in each.samples for each in self._snapshots):
            raise UnknownSeriesError(name)
        conditions: list[tuple[str, re.Pattern[str]]] = []
        if self._take_if("{"):
            while self._take_if("}") is None:
                label, sign, text = self._tokens.pop(), self._tokens.pop(), self._tokens.pop()[1:-1]
                if is_ours:
                    self._check(name, label, text.split("|") if sign == "=~" else [text])
                conditions.append((label, re.compile(text if sign == "=~" else re.escape(text))))
                self._take_if(",")

        def matches(labels: Labels) -> bool:
            values = dict(labels)
            return all(pattern.fullmatch(values.get(label, "")) for label, pattern in conditions)

        return name, matches

    def _check(self, name: str, label: str, wanted: Sequence[str]) -> None:
        known = {dict(labels).get(label) for each in self._snapshots for labels in each.samples.get(name, {})}
        if not set(wanted) <= known:
            raise UnknownSeriesError(f"{name}{{{label}}}: {set(wanted) - known}")

    def _latest(self, name: str, matches: Callable[[Labels], bool]) -> Vector:
        found: Vector = {}
        for snapshot in self._snapshots:
            found.update({labels: v for labels, v in snapshot.samples.get(name, {}).items() if matches(labels)})
        return found

    def _grown(self, name: str, matches: Callable[[Labels], bool]) -> Vector:
        values: dict[Labels, list[float]] = defaultdict(list)
        for snapshot in self._snapshots:
            for labels, value in snapshot.samples.get(name, {}).items():
                if matches(labels):
                    values[labels].append(value)
        return {labels: found[-1] - found[0] for labels, found in values.items()}


def _quantiles(quantile: float, buckets: Vector) -> Vector:
    """The upper bound of the bucket in which the quantile lies."""
    groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        bound: Any = dict(labels)["le"]
        groups[frozenset(each for each in labels if each[0] != "le")].append((float(bound), count))
    found: Vector = {}
    for labels, counts in groups.items():
        counts.sort()
        total = counts[-1][1]
        if total > 0:
            found[labels] = next(bound for bound, count in counts if count >= quantile * total)
            if math.isinf(found[labels]):
                found[labels] = counts[-2][0]
    return found
