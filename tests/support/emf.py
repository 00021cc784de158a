"""CloudWatch's embedded metric format, read as CloudWatch reads it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_UNITS = frozenset({"Seconds", "Count", "None", "Percent", "Bytes"})
_MOST_VALUES = 100
_MOST_DIMENSIONS = 30
_LONGEST_NAME = 1024


@dataclass(frozen=True)
class Datum:
    """The values of one metric in one line. `at` is epoch seconds."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    values: Sequence[float]
    at: float


def data_of(line: Mapping[str, Any]) -> Iterator[Datum]:
    """The metrics of a log line; none where it has no `_aws`.

    Raises AssertionError where CloudWatch would drop some.
    """
    aws = line.get("_aws")
    if aws is None:
        return
    assert isinstance(aws["Timestamp"], int)
    for directive in aws["CloudWatchMetrics"]:
        assert 0 < len(directive["Namespace"]) <= _LONGEST_NAME
        for names in directive["Dimensions"]:
            assert len(names) <= _MOST_DIMENSIONS
            dimensions = {name: line[name] for name in names}
            assert all(isinstance(value, str) and value for value in dimensions.values()), dimensions
            assert len(directive["Metrics"]) <= 100
            for metric in directive["Metrics"]:
                value = line[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                assert 0 < len(values) <= _MOST_VALUES, metric
                assert 0 < len(metric["Name"]) <= _LONGEST_NAME, metric
                assert all(isinstance(each, int | float) and not isinstance(each, bool) for each in values), metric
                assert all(math.isfinite(each) for each in values), metric
                assert metric["Unit"] in _UNITS, metric
                yield Datum(
                    directive["Namespace"],
                    metric["Name"],
                    dimensions,
                    metric["Unit"],
                    values,
                    aws["Timestamp"] / 1000,
                )
