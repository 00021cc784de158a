"""What a person on call asks, each as a query over log lines.

`worker logs` answers them from files, and the saved queries of deploy/monitoring.yaml are the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ANY_JOB = "JOB_ID"  # stands for the job in the query about one


@dataclass(frozen=True, slots=True)
class Question:
    """`title` is a sentence, `reading` says what the answer means, `query` is in the language of Logs Insights."""

    title: str
    reading: str
    query: str


QUESTIONS: Mapping[str, Question] = {
    "healthy": Question(
        "Is the service healthy?",
        "A worker is well whose last line is a heartbeat of the last two minutes, with redis connected or disabled, "
        "a poll_age below 30, a loop_lag below 1, nothing paused and no poll_failures.",
        """
filter event in ["worker.ready", "worker.heartbeat", "worker.draining", "worker.stopped", "worker.crashed"]
| stats latest(timestamp) as last_seen, latest(event) as last_line, latest(redis_state) as redis,
    latest(poll_age_seconds) as poll_age, latest(loop_lag_seconds) as loop_lag, latest(busy_share) as busy,
    latest(queue_depth) as waiting, latest(pause_reason) as paused, latest(poll_failures) as poll_failures by worker
| sort last_seen desc
""",
    ),
    "redis-outages": Question(
        "How long was Redis out, and how many writes failed over?",
        "One row a worker. Outages that go on are not in it: see the last redis.unavailable.",
        """
filter event = "progress.failed_back"
| stats count(*) as outages, sum(outage_seconds) as seconds, max(outage_seconds) as longest,
    sum(writes_failed_over) as writes_failed_over, sum(jobs_carried_over) as jobs_carried_over by worker
| sort seconds desc
""",
    ),
    "failures": Question(
        "Which jobs failed, and why?",
        "Each job that failed for good, and each message that was no job.",
        """
filter outcome in ["failed", "refused"]
| sort timestamp asc
| display timestamp, job_id, message_id, outcome, error_code, error, stage, attempt, worker
""",
    ),
    "durations": Question(
        "How long do conversion and waiting take, by format?",
        "Seconds of completed jobs. A job with several formats has a row of its own with them.",
        """
filter event = "job.completed"
| stats count(*) as jobs, pct(stage_seconds.converting, 50) as convert_p50,
    pct(stage_seconds.converting, 99) as convert_p99, pct(queued_seconds, 50) as wait_p50,
    pct(queued_seconds, 99) as wait_p99 by formats.0, formats.1, formats.2
| sort jobs desc
""",
    ),
    "producers": Question(
        "Which producer sends bad messages?",
        "Messages that went to the dead-letter queue, by who sent them.",
        """
filter event in ["message.rejected", "message.discarded"]
| stats count(*) as messages, latest(error) as last_error, latest(timestamp) as last_seen
    by sender_id, topic, error_code
| sort messages desc
""",
    ),
    "deaths": Question(
        "Which worker died, and over what?",
        "Each start without an end, as the next worker of the job found it: last_worker died over it, or was cut off "
        "until its lease was over. Any of that worker's jobs may be the reason. outcome is failed where the job was "
        "given up.",
        """
filter event in ["job.started", "job.failed"] and restart_reason = "worker_died"
| sort timestamp asc
| display timestamp, last_worker, job_id, source, attempt, outcome, worker
""",
    ),
    "fleet": Question(
        "Is the fleet too small?",
        "Yes where busy is near 1 while messages wait and the wait grows from one period to the next.",
        """
filter event in ["worker.heartbeat", "job.started"]
| stats avg(busy_share) as busy, max(queue_depth) as waiting, max(oldest_message_seconds) as oldest,
    pct(queued_seconds, 50) as wait_p50, max(queued_seconds) as wait_max, count_distinct(worker) as workers
    by bin(5m) as period
| sort period asc
""",
    ),
    "repeats": Question(
        "Did any job run twice?",
        "Jobs with a start that is not the first of its run, with what ended those before. completed is 1 at most.",
        """
filter event in ["job.started", "job.completed"]
| fields strcontains(event, "job.started") as start, strcontains(event, "job.completed") as completion,
    strcontains(coalesce(restart_reason, ""), "released") as release,
    strcontains(coalesce(restart_reason, ""), "retried") as retry,
    strcontains(coalesce(restart_reason, ""), "worker_died") as death
| stats sum(start) as starts, sum(completion) as completed, sum(release) as released, sum(retry) as retried,
    sum(death) as worker_died by job_id
| filter released + retried + worker_died > 0
| sort starts desc
""",
    ),
    "story": Question(
        "What happened to one job?",
        "Every line about it, in order.",
        f"""
filter job_id = "{ANY_JOB}"
| sort timestamp asc
| display timestamp, worker, event, attempt, outcome, stage, percent, restart_reason, duration_seconds,
    error_code, error
""",
    ),
    "costs": Question(
        "What drives cost?",
        "Slot time, CPU time, bytes and calls of all attempts, by how they ended and by what they converted.",
        """
filter ispresent(outcome) and ispresent(duration_seconds)
| stats count(*) as attempts, sum(duration_seconds) as slot_seconds, sum(cpu_seconds) as cpu_seconds,
    sum(source_bytes) as bytes_in, sum(output_bytes) as bytes_out, sum(s3_calls) as s3_calls,
    sum(dynamodb_calls) as dynamodb_calls by outcome, source_codec, formats.0, formats.1
| sort slot_seconds desc
""",
    ),
}
