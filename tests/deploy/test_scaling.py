"""The arithmetic of service.yaml's scaling, over what CloudWatch has and over what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.cloudformation import load
from tests.support.cloudwatch import computed

_RESOURCES = load("service")["Resources"]
QUEUES = ("", "urgent_", "later_")


def _expression(metrics: list[dict[str, Any]]) -> str:
    """The expression for three queues."""
    (found,) = (each["Expression"]["Fn::Sub"] for each in metrics if "Expression" in each)
    text, parts = found
    for name, value in parts.items():
        text = text.replace(f"${{{name}}}", value["Fn::If"][1])
    assert isinstance(text, str)
    return text


def backlog(values: Mapping[str, float]) -> float:
    """Messages for each task. What is not among the values has no data."""
    policy = _RESOURCES["BacklogScaling"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    return computed(_expression(policy["CustomizedMetricSpecification"]["Metrics"]), _with_gaps(values))


def starts_the_first_task(values: Mapping[str, float]) -> bool:
    return computed(_expression(_RESOURCES["WaitingWithoutTasks"]["Properties"]["Metrics"]), _with_gaps(values)) >= 1


def _with_gaps(values: Mapping[str, float]) -> Mapping[str, float | None]:
    names = [f"{queue}{kind}" for queue in QUEUES for kind in ("waiting", "working")]
    return {name: values.get(name) for name in [*names, "tasks"]}


@pytest.mark.parametrize(
    ("values", "messages_for_each_task"),
    [
        ({"waiting": 8, "working": 4, "tasks": 3}, 4),
        ({"waiting": 8, "working": 4, "urgent_waiting": 5, "later_working": 1, "tasks": 3}, 6),
        ({"waiting": 0, "tasks": 3}, 0),  # in flight is nothing, of which SQS writes nothing
        ({"tasks": 3}, 0),
        ({"waiting": 8}, 8),
        ({"waiting": 8, "tasks": 0.5}, 8),  # on average, while the first one starts
    ],
)
def test_the_backlog_is_messages_for_each_task_also_where_sqs_and_ecs_write_nothing(
    values: Mapping[str, float], messages_for_each_task: float
) -> None:
    assert backlog(values) == messages_for_each_task


@pytest.mark.parametrize(
    ("values", "is_started"),
    [
        ({"waiting": 1}, True),
        ({"waiting": 1, "tasks": 0}, True),
        ({"urgent_waiting": 1}, True),
        ({"later_waiting": 1}, True),
        ({"waiting": 1, "tasks": 1}, False),
        ({"waiting": 0}, False),
        ({}, False),
    ],
)
def test_the_first_task_starts_for_a_message_of_any_queue_and_only_where_none_is_wanted(
    values: Mapping[str, float], *, is_started: bool
) -> None:
    assert starts_the_first_task(values) is is_started


def test_starting_the_first_task_never_takes_others_away_nor_adds_some_while_it_starts() -> None:
    """An alarm calls its policy again and again while it lasts, also when target tracking wants more tasks by then.

    https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
    """
    policy = _RESOURCES["FirstTask"]["Properties"]["StepScalingPolicyConfiguration"]
    metrics = _RESOURCES["WaitingWithoutTasks"]["Properties"]["Metrics"]
    (tasks,) = (each["MetricStat"]["Metric"] for each in metrics if each.get("Id") == "tasks")

    assert policy["AdjustmentType"] == "ChangeInCapacity"
    assert [step["ScalingAdjustment"] for step in policy["StepAdjustments"]] == [1]
    assert tasks["MetricName"] == "DesiredTaskCount"  # one that starts does not run yet
