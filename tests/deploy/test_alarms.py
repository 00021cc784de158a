"""The alarms of deploy/monitoring.yaml, evaluated over the log lines of an hour, which are made here."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.cloudwatch import Line, Metrics
from tests.support.monitoring import ALERTS, QUEUE, Monitoring
from worker.domain.errors import ErrorCode
from worker.events import Event

BEGIN = datetime(2026, 11, 22, 20, 0, 0, tzinfo=UTC).timestamp()
MINUTE = 60.0
HOUR = 60 * MINUTE


def line(event: Event, at: float, **fields: Any) -> Line:
    """One line, `at` seconds after the beginning."""
    return {"event": event.value, "timestamp": datetime.fromtimestamp(BEGIN + at, UTC).isoformat(), **fields}


def heartbeats(begin: float, end: float, **fields: Any) -> list[Line]:
    """One a minute between two times; those of a worker that is well but for `fields`."""
    well = {"redis_state": "connected", "pause_reason": None, "poll_failures": 0}
    minutes = range(int(begin // MINUTE) + 1, int(end // MINUTE) + 1)
    return [line(Event.WORKER_HEARTBEAT, minute * MINUTE, **well | fields) for minute in minutes]


def alarms(lines: list[Line], begin: float, end: float, queue: Metrics | None = None) -> set[str]:
    """Those that go off between two times, in seconds after the beginning."""
    return Monitoring().alarms_of(lines, queue or Metrics(), BEGIN + begin, BEGIN + end)


OUTAGES = [
    ("redis-unavailable", line(Event.PROGRESS_FAILED_OVER, 1), {"redis_state": "unavailable"}),
    ("table-unavailable", line(Event.DYNAMODB_UNAVAILABLE, 1), {"pause_reason": "table"}),
    ("consumption-paused", line(Event.CONSUMPTION_PAUSED, 1, reason="s3"), {"pause_reason": "s3"}),
    ("consumption-paused", line(Event.CREDENTIALS_MISSING, 1), {"pause_reason": "credentials"}),
]


@pytest.mark.parametrize(("alarm", "first", "state"), OUTAGES)
def test_an_alarm_is_on_until_its_outage_ends(alarm: str, first: Line, state: dict[str, Any]) -> None:
    lines = [first, *heartbeats(0, HOUR / 2, **state), *heartbeats(HOUR / 2, HOUR)]

    for begin in range(0, int(HOUR / 2), 300):
        assert alarm in alarms(lines, begin, begin + 300 - 1)
    assert alarm not in alarms(lines, 50 * MINUTE, HOUR)


def test_one_failed_receive_raises_no_alarm_and_receives_that_go_on_failing_raise_one() -> None:
    once = [line(Event.POLL_FAILED, 1), *heartbeats(0, HOUR)]
    on_and_on = [line(Event.POLL_FAILED, 1), *heartbeats(0, HOUR, poll_failures=9)]

    assert alarms(once, 0, HOUR) == set()
    assert "poll-failed" in alarms(on_and_on, 50 * MINUTE, HOUR)


def test_a_pause_by_rejected_messages_is_not_the_alarm_that_undoes_a_deployment() -> None:
    lines = [line(Event.CONSUMPTION_PAUSED, 1, reason="rejects"), *heartbeats(0, HOUR, pause_reason="rejects")]

    assert alarms(lines, 0, HOUR) == set()


@pytest.mark.parametrize(("waiting", "is_on"), [(0, False), (5, True)])
def test_a_long_job_in_flight_is_no_old_queue_and_messages_that_wait_are_one(waiting: int, is_on: bool) -> None:
    """SQS counts a message in flight among the oldest: a job of three hours is three hours old."""
    queue = Metrics()
    for minute in range(0, 60, 5):
        at, dimensions = BEGIN + minute * MINUTE, {"QueueName": QUEUE}
        queue.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, at, waiting)
        queue.add("AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, at, 3 * HOUR)

    assert ("queue-old" in alarms(heartbeats(0, HOUR), 0, HOUR, queue)) is is_on


@pytest.mark.parametrize(
    ("alarm", "of_fault"),
    [
        ("worker-died", line(Event.JOB_STARTED, 1, restart_reason="worker_died")),
        ("worker-died", line(Event.JOB_FAILED, 1, restart_reason="worker_died", error_code="too_many_attempts")),
        ("message-rejected", line(Event.MESSAGE_REJECTED, 1, outcome="refused")),
        ("message-rejected", line(Event.MESSAGE_DISCARDED, 1, outcome="refused")),
        ("consumption-paused", line(Event.CONSUMPTION_PAUSED, 1, reason="workspace")),
        ("consumption-paused", line(Event.WORKER_HEARTBEAT, 1, pause_reason="workspace")),
        ("error-logged", line(Event.CHECK_FAILED, 1, level="error")),
        ("error-logged", line(Event.HANDLER_CRASHED, 1, level="error")),
    ],
)
def test_an_alarm_goes_off_for_each_line_that_says_its_fault(alarm: str, of_fault: Line) -> None:
    assert alarm in alarms([of_fault, *heartbeats(0, HOUR)], 0, HOUR)


@pytest.mark.parametrize(
    "harmless",
    [
        line(Event.JOB_STARTED, 1, restart_reason="released"),
        line(Event.JOB_STARTED, 1, restart_reason="retried"),
        line(Event.JOB_FAILED, 1, error_code="unsupported_audio", restart_reason=None),
        line(Event.MESSAGE_REJECTED, 1, error_code="unsupported_audio"),
        line(Event.JOB_RETRIED, 1, error_code="internal", level="warning"),
        line(Event.REDIS_DISABLED, 1, level="info"),
    ],
)
def test_a_line_that_says_no_fault_raises_no_alarm(harmless: Line) -> None:
    assert alarms([harmless, *heartbeats(0, HOUR, redis_state="disabled")], 0, HOUR) == set()


# What is wrong with such a job is for its producer to mend.
OF_THE_PRODUCER = {
    *("invalid_message", "source_not_found", "source_too_large", "source_changed", "unsupported_audio"),
    *("no_audio", "duration_too_long", "cancelled"),
}


@pytest.mark.parametrize("code", ErrorCode)
def test_a_failed_job_raises_the_alarm_and_the_alert_unless_its_producer_has_to_mend_it(code: ErrorCode) -> None:
    failed = line(Event.JOB_FAILED, 1, error_code=code.value)
    (of_alert,) = re.findall(r'code=~"([a-z_|]+)"', ALERTS["JobFailed"])

    is_ours = code.value not in OF_THE_PRODUCER

    assert ("job-failed" in alarms([failed, *heartbeats(0, HOUR)], 0, HOUR)) is is_ours
    assert (code.value in of_alert.split("|")) is is_ours


@pytest.mark.parametrize(("queues", "impairs"), [("1", False), ("2", True)])
def test_an_old_message_of_the_most_urgent_queue_impairs_the_service(queues: str, *, impairs: bool) -> None:
    queue = Metrics()
    for minute in range(0, 60, 5):
        at, dimensions = BEGIN + minute * MINUTE, {"QueueName": "audio-data-UrgentQueueName"}
        queue.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, at, 5)
        queue.add("AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, at, HOUR)

    found = Monitoring(Queues=queues).alarms_of(heartbeats(0, HOUR), queue, BEGIN, BEGIN + HOUR)

    assert found == ({"urgent-queue-old", "service-impaired"} if impairs else set())
