"""deploy/monitoring.yaml beside the code and the runbook: names, fields, queries and entries are those that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudwatch import Metrics, filter_of, goes_off
from tests.support.monitoring import ALERTS, DEAD_LETTERS, QUEUE, RULES, Monitoring
from tests.support.promql import Prometheus, Snapshot
from worker import metrics
from worker.application.consuming.pause import PauseReason
from worker.application.operations import metric_lines
from worker.application.operations.questions import QUESTIONS
from worker.domain.errors import ErrorCode
from worker.events import CATALOGUE, COMMON_FIELDS, JOB_FIELDS, PLATFORM_FIELDS, Event

ROOT = Path(__file__).parents[2]
MONITORING = Monitoring()
FIELDS = {
    *(*COMMON_FIELDS, *JOB_FIELDS, *PLATFORM_FIELDS),
    *(field for spec in CATALOGUE.values() for field in spec.fields),
}
ALARMS = {**MONITORING.alarms, "service-impaired": MONITORING.composite}


def headings() -> set[str]:
    """The anchors of the runbook's entries."""
    return set(
        re.findall(r"^### ([a-z-]+)$", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    )


def test_the_saved_queries_are_those_of_worker_logs() -> None:
    assert {name: query.strip() for name, query in MONITORING.queries.items()} == {
        name: question.query.strip() for name, question in QUESTIONS.items()
    }


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_query_names_events_and_fields_that_lines_have(name: str) -> None:
    query = QUESTIONS[name].query
    events = set(re.findall(r'"([a-z]+\.[a-z_]+)"', query))
    assert events <= {event.value for event in Event}
    asked = set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", re.sub(r'"[^"]*"', "", query)))
    computed = set(re.findall(r"\bas (\w+)", query)) | {"count_distinct"}
    assert asked - computed <= FIELDS


@pytest.mark.parametrize("filter_name", MONITORING.of_type("AWS::Logs::MetricFilter"))
def test_a_filter_is_a_pattern_over_events_fields_and_codes_that_exist(filter_name: str) -> None:
    pattern = MONITORING.of_type("AWS::Logs::MetricFilter")[filter_name]["FilterPattern"]

    filter_of(pattern)

    assert set(re.findall(r"\$\.(\w+)", pattern)) <= FIELDS
    assert set(re.findall(r'event = "([^"]+)"', pattern)) <= {event.value for event in Event}
    assert set(re.findall(r'error_code = "([^"]+)"', pattern)) <= {code.value for code in ErrorCode}


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_names_its_entry_in_the_runbook(name: str) -> None:
    text = ALARMS[name]["AlarmDescription"]

    assert text.rpartition(" ")[2] == f"docs/runbook.md#{name}"
    assert name in headings()


def test_the_runbook_refers_to_queries_and_alarms_that_exist() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")

    assert set(re.findall(r"--question ([a-z-]+)", text)) <= set(QUESTIONS)
    assert set(re.findall(r"\]\(#([a-z-]+)\)", text)) <= headings()


def known_metrics() -> set[tuple[str, str]]:
    made = {
        (each["MetricNamespace"], each["MetricName"])
        for properties in MONITORING.filters
        for each in properties["MetricTransformations"]
    }
    emf = {(metric_lines.NAMESPACE, name) for name in metric_lines.NAMES}
    sqs = ("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible")
    return made | emf | {("AWS/SQS", name) for name in (*sqs, "ApproximateAgeOfOldestMessage")}


def metrics_of(value: Any) -> Iterator[tuple[str, str]]:
    """Every metric that an alarm names."""
    if isinstance(value, dict):
        if "MetricName" in value:
            yield value["Namespace"], value["MetricName"]
        for part in value.values():
            yield from metrics_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from metrics_of(part)


def test_alarms_watch_metrics_that_filters_lines_or_sqs_make() -> None:
    assert {metric for alarm in MONITORING.alarms.values() for metric in metrics_of(alarm)} <= known_metrics()


def test_the_dashboard_shows_metrics_that_exist_with_their_dimensions() -> None:
    shown = [metric for widget in MONITORING.dashboard["widgets"] for metric in widget["properties"]["metrics"]]

    assert {(metric[0], metric[1]) for metric in shown} <= known_metrics()
    for namespace, _, *rest in shown:
        dimensions = [part for part in rest if isinstance(part, str)]
        if namespace == "AWS/SQS":
            assert dimensions in (["QueueName", QUEUE], ["QueueName", DEAD_LETTERS])
        elif namespace == metric_lines.NAMESPACE:
            assert dimensions == ["service", "audio-conversion-worker", "environment", "audio"]
        else:
            assert dimensions == []


@pytest.mark.parametrize("queues", ["1", "2", "3"])
def test_with_several_queues_no_worker_goes_off_for_messages_of_each(queues: str) -> None:
    monitoring, alarms = Monitoring(Queues=queues), {}
    asked = [
        each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
        for each in monitoring.alarms["no-worker"]["Metrics"]
        if each["Id"].endswith("waiting")
    ]
    for name in asked:
        measured = Metrics()
        for at in range(0, 900, 300):
            dimensions = {"QueueName": name}
            measured.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, at, 1)
        alarms[name] = goes_off(monitoring.alarms["no-worker"], measured, 0, 900)

    assert len(asked) == int(queues)
    assert set(alarms.values()) == {True}
    assert {name for name in monitoring.alarms if name.endswith("dead-letters")} == {
        f"{which}dead-letters" for which in ("", "urgent-", "later-")[: int(queues)]
    }


# --- Prometheus and Grafana --------------------------------------------------------------------------------------

GRAFANA = json.loads((ROOT / "deploy" / "grafana" / "workers.json").read_text(encoding="utf-8"))
PANELS = {
    f"{panel['title']}: {target['expr']}": target["expr"] for panel in GRAFANA["panels"] for target in panel["targets"]
}


def fresh() -> list[Snapshot]:
    """What a worker shows before its first event, twice."""
    metrics.expect_writes_to("redis", "dynamodb")  # as a worker with these stores does at its start
    text = metrics.render()[0].decode()
    return [Snapshot.of(at, text, "host:1") for at in (0.0, 60.0)]


@pytest.mark.parametrize("expression", [*ALERTS.values(), *PANELS.values()], ids=[*ALERTS, *PANELS])
def test_an_alert_or_a_panel_asks_for_series_that_a_worker_has_from_its_start(expression: str) -> None:
    Prometheus(fresh()).evaluate(expression)


@pytest.mark.parametrize("name", RULES)
def test_each_alert_names_its_entry_in_the_runbook(name: str) -> None:
    assert RULES[name]["annotations"]["runbook"].partition("#")[2] in headings()
    assert RULES[name]["annotations"]["summary"].endswith(".")
    assert RULES[name]["labels"]["severity"] in {"page", "ticket"}


def redis_for(seconds: float, *, is_out: bool) -> Snapshot:
    """A worker whose Redis went away once, `seconds` ago, and was out until now or for one minute."""
    text = metrics.render()[0].decode()
    shown = {"worker_progress_failovers_total": 1.0}
    shown["worker_redis_outage_seconds_total"] = seconds if is_out else 60.0
    for name, value in shown.items():
        text = re.sub(rf"^{name} .*$", f"{name} {value}", text, flags=re.MULTILINE)
    return Snapshot.of(seconds, text, "host:1")


@pytest.mark.parametrize("is_out", [True, False])
def test_the_alert_about_redis_is_on_15_minutes_into_an_outage_and_off_after_it(is_out: bool) -> None:
    scraped = [redis_for(seconds, is_out=is_out) for seconds in (840.0, 900.0)]

    assert bool(Prometheus(scraped).evaluate(ALERTS["RedisUnavailable"])) is is_out


def test_one_failed_receive_leaves_the_range_of_its_alert_before_the_alert_fires() -> None:
    rule = RULES["PollFailed"]
    minutes_in_range = int(re.findall(r"\[(\d+)m\]", rule["expr"])[0])

    assert minutes_in_range < int(rule["for"].removesuffix("m"))


@pytest.mark.parametrize(
    ("waiting", "replicas", "is_off"),
    [
        ('keda_scaler_metrics_value{scaledObject="worker"} 3', "0", True),
        ('keda_scaler_metrics_value{scaledObject="worker"} 0', "0", False),
        ("", "2", True),
        ("", "0", False),
    ],
)
def test_the_alert_about_no_worker_goes_off_where_there_should_be_one(
    waiting: str, replicas: str, *, is_off: bool
) -> None:
    cluster = f'{waiting}\nkube_deployment_spec_replicas{{deployment="worker"}} {replicas}\n'

    nobody = Prometheus([Snapshot.of(0.0, cluster, "cluster")])
    somebody = Prometheus([Snapshot.of(0.0, cluster, "cluster"), *fresh()])

    assert bool(nobody.evaluate(ALERTS["NoWorker"])) is is_off
    assert not somebody.evaluate(ALERTS["NoWorker"])


@pytest.mark.parametrize(("seconds", "is_off"), [(0.2, False), (1.5, True)])
def test_the_alert_about_a_late_event_loop_goes_off_above_a_second(seconds: float, is_off: bool) -> None:
    snapshot = Snapshot.of(0.0, f"worker_loop_lag_seconds {seconds}\n", "host:1")

    assert bool(Prometheus([snapshot]).evaluate(ALERTS["LoopLag"])) == is_off


@pytest.mark.parametrize("reason", PauseReason)
def test_the_alert_about_a_pause_goes_off_for_each_reason_but_rejects(reason: PauseReason) -> None:
    metrics.show_pause(reason.value)
    try:
        scraped = [Snapshot.of(0.0, metrics.render()[0].decode(), "host:1")]
    finally:
        metrics.show_pause(None)

    assert bool(Prometheus(scraped).evaluate(ALERTS["ConsumptionPaused"])) is (reason is not PauseReason.REJECTS)
    assert not Prometheus(fresh()).evaluate(ALERTS["ConsumptionPaused"])


@pytest.mark.parametrize(
    "expression", ["worker_nothing", 'worker_jobs_total{status="lose"}', "sum(worker_slots", "a b"]
)
def test_the_evaluator_refuses_series_that_do_not_exist_and_what_it_cannot_read(expression: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        Prometheus(fresh()).evaluate(expression)


def test_the_ids_and_the_places_of_panels_are_their_own() -> None:
    places = [tuple(sorted(panel["gridPos"].items())) for panel in GRAFANA["panels"]]

    assert len(set(places)) == len({panel["id"] for panel in GRAFANA["panels"]}) == len(GRAFANA["panels"])


def test_promtool_finds_nothing_in_the_rules() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool, of Debian's package prometheus")

    done = subprocess.run(
        [program, "check", "rules", str(ROOT / "deploy" / "prometheus-rules.yaml")], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stdout
