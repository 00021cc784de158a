"""What the log of one real run among faults says, beside what the test knows of that run."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudwatch import Metrics
from tests.support.emf import data_of
from tests.support.forking import inherited, run_worker
from tests.support.monitored_run import OUTAGE_SECONDS, Line, Run, played
from tests.support.monitoring import ALERTS, DEAD_LETTERS, QUEUE, Monitoring
from tests.support.promql import Prometheus
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Monitored:
    """The run, its log as a file, and a healthy run."""

    run: Run
    log: Path
    healthy: Run

    def answer(self, question: str, *options: str) -> Rows:
        """The rows that `worker logs` has for the question."""
        answers = json.loads(worker_logs("--json", "--question", question, *options, str(self.log)))
        rows: Rows = answers[question]
        return rows


def worker_logs(*arguments: str, text: bytes | None = None) -> str:
    done = run_worker(["logs", *arguments], env=inherited(), text=text or b"")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def monitored(
    new_stack: Callable[[str], Stack],
    aws_endpoint: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Monitored]:
    with played(
        new_stack("monitored"),
        new_stack("healthy"),
        aws_endpoint,
        {"WORKER_METRICS": "emf", "WORKER_ENVIRONMENT": "audio"},
    ) as (
        run,
        healthy,
    ):
        log = tmp_path_factory.mktemp("log") / "workers.log"
        log.write_text("".join(f"{json.dumps(line)}\n" for line in run.lines))
        yield Monitored(run, log, healthy)


def test_every_line_names_its_worker(monitored: Monitored) -> None:
    assert {line["worker"] for line in monitored.run.lines} == set(monitored.run.workers)


def test_each_end_of_a_job_has_one_line_with_an_outcome(monitored: Monitored) -> None:
    run = monitored.run
    outcomes = Counter(line["outcome"] for line in run.lines if "outcome" in line)

    assert outcomes["completed"] == len(run.completed)
    assert outcomes["failed"] == len(run.failed)
    assert outcomes["refused"] == run.refused
    assert outcomes["released"] == len(run.released)


def test_the_log_says_which_workers_are_well(monitored: Monitored) -> None:
    run, rows = monitored.run, {row["worker"]: row for row in monitored.answer("healthy")}

    assert rows.keys() == set(run.workers)
    assert rows[run.killed]["last_line"] == "worker.heartbeat"
    assert rows[run.killed]["redis"] == "connected"
    assert rows[run.killed]["poll_age"] < 30
    assert {rows[name]["last_line"] for name in run.workers if name != run.killed} == {"worker.stopped"}


def test_the_log_says_how_long_redis_was_out_and_how_many_writes_failed_over(monitored: Monitored) -> None:
    (row,) = [row for row in monitored.answer("redis-outages") if row["worker"] == monitored.run.workers[0]]

    assert OUTAGE_SECONDS <= row["longest"] <= monitored.run.redis_was_out_seconds + 0.5
    # Checkpoints go to the table in any case; the tick that met the failure went there before the log said so.
    assert 1 <= row["writes_failed_over"] <= monitored.run.writes_to_the_table + 1


def test_the_log_says_which_jobs_failed_and_why(monitored: Monitored) -> None:
    rows = monitored.answer("failures")

    assert {row["job_id"]: row["error_code"] for row in rows if row["outcome"] == "failed"} == monitored.run.failed
    assert sum(row["outcome"] == "refused" for row in rows) == monitored.run.refused
    assert len(rows) == len(monitored.run.failed) + monitored.run.refused
    assert all(row["error"] for row in rows)


def test_the_log_says_how_long_conversion_and_waiting_take_by_format(monitored: Monitored) -> None:
    rows = monitored.answer("durations")

    found = {tuple(row[f"formats.{n}"] for n in range(3) if row[f"formats.{n}"]): row for row in rows}
    assert {formats: row["jobs"] for formats, row in found.items()} == Counter(monitored.run.completed.values())
    for row in rows:
        assert 0 < row["convert_p50"] <= row["convert_p99"] < 60
        assert row["wait_p50"] <= row["wait_p99"]
    assert found[("mp3",)]["wait_p99"] > 2  # of the messages that waited for a slot


def test_the_log_says_which_producer_sends_bad_messages(monitored: Monitored) -> None:
    rows = monitored.answer("producers")

    by_code = {row["error_code"]: row["messages"] for row in rows}
    assert by_code == {"invalid_message": monitored.run.refused, **dict.fromkeys(monitored.run.failed.values(), 1)}
    assert all(row["sender_id"] and row["last_error"] for row in rows)


def test_the_log_says_which_worker_died_and_over_what(monitored: Monitored) -> None:
    rows = monitored.answer("deaths")

    assert monitored.run.died_over
    assert {row["job_id"] for row in rows} == monitored.run.died_over
    assert {row["last_worker"] for row in rows} == {monitored.run.killed}


def test_the_log_says_that_the_fleet_was_too_small(monitored: Monitored) -> None:
    rows = monitored.answer("fleet")

    assert max(row["busy"] or 0 for row in rows) > 0.1
    assert max(row["waiting"] or 0 for row in rows) in range(2, 7)
    assert 0 < max(row["oldest"] or 0 for row in rows) < 30
    assert max(row["wait_max"] for row in rows) > 2


def test_the_log_says_which_jobs_ran_twice(monitored: Monitored) -> None:
    run, rows = monitored.run, {row["job_id"]: row for row in monitored.answer("repeats")}

    assert rows.keys() >= run.died_over | run.released
    assert all(row["completed"] == 1 for row in rows.values())
    others = rows.keys() - run.died_over - run.released  # where the machine is slow, a lease may be lost
    assert all(rows[name]["retried"] >= 1 for name in others)
    assert {name for name, row in rows.items() if row["worker_died"] == 1} == run.died_over
    assert {name for name, row in rows.items() if row["released"] == 1} == run.released


def test_the_log_tells_the_story_of_one_job(monitored: Monitored) -> None:
    rows = monitored.answer("story", "--job", "drained")

    events = [row["event"] for row in rows]
    assert events[0] == "job.started"
    assert events.index("job.released") < events.index("job.completed")
    assert (rows[0]["worker"], rows[-1]["worker"]) == tuple(monitored.run.workers[-2:])


def test_the_log_says_what_drives_cost(monitored: Monitored) -> None:
    rows = monitored.answer("costs")
    run = monitored.run

    completed = [row for row in rows if row["outcome"] == "completed"]
    assert sum(row["attempts"] for row in completed) == len(run.completed)
    assert sum(row["attempts"] for row in rows if row["outcome"] == "released") == len(run.released)
    assert {row["source_codec"] for row in completed} == {"pcm_s16le"}
    for row in completed:
        # Each reads its source and writes each target; it is claimed, and its end is recorded.
        assert row["s3_calls"] >= 2 * row["attempts"]
        assert row["dynamodb_calls"] >= 2 * row["attempts"]
        assert row["slot_seconds"] > 0
        assert 0 < row["cpu_seconds"] < 60
        assert row["bytes_in"] > 2 * 16_000 * row["attempts"]


def test_a_worker_reports_its_metrics_once_a_minute_and_at_its_end(monitored: Monitored) -> None:
    run = monitored.run

    for worker in run.workers:
        lines = [line for line in run.lines if line["worker"] == worker]
        reports = [number for number, line in enumerate(lines) if line["event"] == "metrics.reported"]
        told: dict[str, float] = defaultdict(float)
        for number in reports:
            for datum in data_of(lines[number]):
                told[datum.name] += sum(datum.values) if datum.unit == "Count" else 0
        counted = Counter(line.get("outcome") for line in lines[: reports[-1]])  # one that is killed tells no more
        for outcome in ("completed", "failed", "released", "retried", "deferred"):
            assert told[f"Jobs{outcome.title()}"] == counted[outcome], (worker, outcome)
    assert {len(list(data_of(line))) > 10 for line in run.lines if line["event"] == "metrics.reported"} == {True}


def time_of(line: Line) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def of_queue(name: str, waiting: int, oldest_seconds: float, *times: float) -> Metrics:
    """What SQS measures of a queue at these times."""
    metrics = Metrics()
    for at in times:
        dimensions = {"QueueName": name}
        metrics.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, at, waiting)
        metrics.add("AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, at, oldest_seconds)
    return metrics


def test_no_alarm_goes_off_over_a_healthy_run(monitored: Monitored) -> None:
    lines = monitored.healthy.lines
    begin, end = time_of(lines[0]), time_of(lines[-1])

    assert Monitoring().alarms_of(lines, of_queue(QUEUE, 0, 0.5, begin, end), begin, end) == set()


def test_every_alarm_goes_off_over_the_run_with_faults(monitored: Monitored) -> None:
    run = monitored.run
    lines = sorted([*run.lines, *run.deaf], key=time_of)
    begin, end = time_of(lines[0]), time_of(lines[-1])
    monitoring = Monitoring(OldestMessageSeconds=2, WaitingSeconds=2)
    queue = of_queue(QUEUE, run.left_waiting, run.waited_seconds, *(end + 300 * n for n in range(1, 5)))
    queue.values |= of_queue(DEAD_LETTERS, run.dead_letters, 0, end).values

    assert monitoring.alarms_of(lines, queue, begin, end + 1200) == {*monitoring.alarms, "service-impaired"}


@pytest.mark.parametrize(
    ("alarm", "event"),
    [
        ("redis-unavailable", "progress.failed_over"),
        ("table-unavailable", "dynamodb.unavailable"),
        ("consumption-paused", "consumption.paused"),
        ("poll-failed", "worker.heartbeat"),
        ("job-failed", "job.failed"),
        ("message-rejected", "message.rejected"),
        ("worker-died", "job.started"),
    ],
)
def test_an_alarm_goes_off_for_its_fault_and_for_no_other(monitored: Monitored, alarm: str, event: str) -> None:
    """Without the lines of the fault, all other lines of the run leave it silent."""
    others = [line for line in monitored.run.lines if line["event"] not in {event, "metrics.reported"}]
    begin, end = min(map(time_of, others)), max(map(time_of, others))

    assert alarm not in Monitoring().alarms_of(others, Metrics(), begin, end)


def alerts(run: Run, **limits: str) -> set[str]:
    """The alerts of Prometheus that go off over what was scraped, some with another limit in place of their own."""
    moments = [Prometheus(run.scraped[:count]) for count in range(1, len(run.scraped) + 1)]
    return {
        name
        for name, expression in ALERTS.items()
        if any(each.evaluate(_with_limit(expression, limits.get(name))) for each in moments)
    }


def _with_limit(expression: str, limit: str | None) -> str:
    return expression if limit is None else re.sub(r"> [\d.]+", f"> {limit}", expression, count=1)


def test_no_alert_goes_off_over_a_healthy_run(monitored: Monitored) -> None:
    assert alerts(monitored.healthy) == set()


def test_each_alert_goes_off_over_the_run_with_faults_but_those_of_a_worker_that_is_not_there_or_starves(
    monitored: Monitored,
) -> None:
    found = alerts(monitored.run, WaitingLong="0.1", FleetTooSmall="0.01")

    assert found == set(ALERTS) - {"NoWorker", "LoopLag"}


def test_the_answers_are_tables_for_people_from_a_pipe_with_what_log_tools_put_before_a_line(
    monitored: Monitored,
) -> None:
    lines = monitored.log.read_bytes().splitlines(keepends=True)
    text = b"starting\n" + b"".join(b"worker-1  | 2026-11-22T20:01:02Z " + line for line in lines)

    shown = worker_logs(text=text)

    assert "Which jobs failed, and why?" in shown
    assert "source_not_found" in shown
    assert monitored.run.killed in shown
