"""The evaluators that judge deploy/: what they accept, what they refuse, and when an alarm is off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloudwatch import Metrics, filter_of, goes_off, rule_goes_off

LINE = {"event": "job.failed", "n": 2, "deep": {"x": "y"}, "timestamp": "2026-11-22T20:01:02.000Z"}
ALARM: dict[str, Any] = {
    "Namespace": "N",
    "MetricName": "m",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 2,
    "TreatMissingData": "notBreaching",
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.event = "job.failed" }', True),
        ('{ $.event != "job.failed" }', False),
        ('{ $.event = "job.failed" && $.n > 2 }', False),
        ('{ $.event = "x" || ($.n >= 2 && $.deep.x = "y") }', True),
        ('{ $.missing != "x" }', False),
        ('{ $.n = "2" }', False),
    ],
)
def test_a_pattern_matches_a_line_by_its_fields(pattern: str, matches: bool) -> None:
    assert filter_of(pattern)(LINE) == matches


@pytest.mark.parametrize("pattern", ["job.failed", "{ $.event }", '{ $.event = "x" ', "[a, b]", '{ $.event ~ "x" }'])
def test_what_is_no_pattern_over_json_is_refused(pattern: str) -> None:
    with pytest.raises((ValueError, KeyError, IndexError)):
        filter_of(pattern)


def metrics(*at: float) -> Metrics:
    made = Metrics()
    for each in at:
        made.add("N", "m", {}, each, 1.0)
    return made


@pytest.mark.parametrize(
    ("at", "is_off"),
    [
        ((), False),
        ((1, 2), False),  # one period of the two
        ((1, 2, 61, 62), True),
        ((1, 2, 121, 122), False),  # not in a row
        ((59, 61, 62, 119), False),
    ],
)
def test_an_alarm_is_off_when_enough_periods_in_a_row_reach_its_threshold(at: tuple[float, ...], is_off: bool) -> None:
    assert goes_off(ALARM, metrics(*at), 0, 300) == is_off


@pytest.mark.parametrize(("treatment", "is_off"), [("breaching", True), ("notBreaching", False)])
def test_a_period_without_data_counts_as_the_alarm_says(treatment: str, is_off: bool) -> None:
    assert goes_off(ALARM | {"TreatMissingData": treatment}, metrics(), 0, 300) == is_off


def test_another_dimension_is_another_metric() -> None:
    made = metrics()
    for at in (1, 2, 61, 62):
        made.add("N", "m", {"service": "other"}, at, 1.0)

    assert not goes_off(ALARM, made, 0, 300)
    assert goes_off(ALARM | {"Dimensions": [{"Name": "service", "Value": "other"}]}, made, 0, 300)


def test_a_composite_alarm_is_off_with_any_of_its_own() -> None:
    rule = 'ALARM("a") OR ALARM("b")'

    assert rule_goes_off(rule, {"a": False, "b": True})
    assert not rule_goes_off(rule, {"a": False, "b": False})
    with pytest.raises(AssertionError):
        rule_goes_off('ALARM("a") AND ALARM("b")', {"a": True, "b": True})
