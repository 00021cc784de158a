"""The alarms of deploy/monitoring.yaml over lines of an hour that are made here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.cloudwatch import Line, Metrics
from tests.support.monitoring import QUEUE, Monitoring
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
