"""The catalogue of log events, and the only function that writes one.

The names are an interface: alarms and queries in deploy/ use only these. docs/events.md is generated from this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]

# Set on every line by worker.logs, and within a job by the handler.
COMMON_FIELDS = ("timestamp", "level", "event", "service", "version")
JOB_FIELDS = ("job_id", "message_id", "attempt")
TRACE_FIELDS = ("trace_id", "span_id")  # where the message carries a trace context


class Event(StrEnum):
    """Names are `noun.past_participle`; nothing variable is part of a name."""

    WORKER_STARTED = "worker.started"
    WORKER_READY = "worker.ready"
    WORKER_DRAINING = "worker.draining"
    WORKER_FINISHED = "worker.finished"
    WORKER_STOPPED = "worker.stopped"
    WORKER_HEARTBEAT = "worker.heartbeat"
    WORKER_CRASHED = "worker.crashed"
    CHECK_FAILED = "check.failed"
    MEMORY_OVERCOMMITTED = "memory.overcommitted"
    REDIS_DISABLED = "redis.disabled"
    REDIS_CONNECTED = "redis.connected"
    REDIS_UNAVAILABLE = "redis.unavailable"
    PROGRESS_FAILED_OVER = "progress.failed_over"
    PROGRESS_FAILED_BACK = "progress.failed_back"
    PROGRESS_REPLAY_FAILED = "progress.replay_failed"
    PROGRESS_WRITE_FAILED = "progress.write_failed"
    RUN_BEGUN = "run.begun"
    JOB_STARTED = "job.started"
    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_DELAYED = "job.delayed"
    JOB_RETRIED = "job.retried"
    JOB_RELEASED = "job.released"
    JOB_CANCELLED = "job.cancelled"
    JOB_DEFERRED = "job.deferred"
    JOB_DUPLICATE_SKIPPED = "job.duplicate_skipped"
    CANCEL_LOOKUP_FAILED = "cancel.lookup_failed"
    EVENT_PUBLISH_FAILED = "event.publish_failed"
    HANDLER_CRASHED = "handler.crashed"
    MESSAGE_IGNORED = "message.ignored"
    MESSAGE_REJECTED = "message.rejected"
    MESSAGE_DISCARDED = "message.discarded"
    MESSAGE_UNREADABLE = "message.unreadable"
    MESSAGE_SETTLE_FAILED = "message.settle_failed"
    LEASE_LOST = "lease.lost"
    LEASE_RENEWAL_FAILED = "lease.renewal_failed"
    WORKSPACE_REMADE = "workspace.remade"
    UPLOAD_ABORT_FAILED = "upload.abort_failed"
    OUTPUT_REMOVE_FAILED = "output.remove_failed"
    POLL_FAILED = "poll.failed"
    POLL_RECOVERED = "poll.recovered"
    CREDENTIALS_MISSING = "credentials.missing"
    CREDENTIALS_FOUND = "credentials.found"
    DYNAMODB_UNAVAILABLE = "dynamodb.unavailable"
    DYNAMODB_AVAILABLE = "dynamodb.available"
    CONSUMPTION_PAUSED = "consumption.paused"
    CONSUMPTION_RESUMED = "consumption.resumed"
    PROTECTION_ENABLED = "protection.enabled"
    PROTECTION_RELEASED = "protection.released"
    PROTECTION_REFUSED = "protection.refused"
    LIBRARY_LOGGED = "library.logged"
    LOG_DROPPED = "log.dropped"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """The level of an event, when it is written, and its fields beside the common ones."""

    level: Level
    when: str
    fields: tuple[str, ...] = ()
    or_level: Level | None = None  # another that it may have

    @property
    def levels(self) -> str:
        return self.level if self.or_level is None else f"{self.level} or {self.or_level}"


_OUTCOME = ("duration_seconds", "stage_seconds", "source_bytes", "output_bytes", "audio_seconds")
_REJECTION = ("error_code", "error", "receive_count", "sender_id", "topic")
_FAILURE = ("error_code", "error", "stage", "retryable", "exception", *_OUTCOME)

CATALOGUE: dict[Event, EventSpec] = {
    Event.WORKER_STARTED: EventSpec(
        "info",
        "The process has started and has not polled yet; with the settings in force, secrets masked.",
        ("worker", "settings", "sandbox", "http_address", "python"),
    ),
    Event.WORKER_READY: EventSpec("info", "Queue and table have answered: messages are polled.", ("startup_seconds",)),
    Event.WORKER_DRAINING: EventSpec(
        "info", "A stop signal came: no message is received from now on.", ("signal", "jobs", "drain_seconds")
    ),
    Event.WORKER_FINISHED: EventSpec(
        "info",
        "What --until-empty or --max-jobs asked for is done: no message is received from now on. "
        "`reason`: queue_empty, max_jobs; `messages` that were acknowledged or rejected.",
        ("reason", "messages"),
    ),
    Event.WORKER_STOPPED: EventSpec("info", "The drain has ended.", ("exit_code", "drain_seconds", "released")),
    Event.WORKER_HEARTBEAT: EventSpec(
        "info",
        "Once a minute, in every state; a missing one means a dead worker or lost logs.",
        ("jobs", "jobs_completed", "jobs_failed", "poll_age_seconds", "loop_lag_seconds", "progress_store"),
    ),
    Event.WORKER_CRASHED: EventSpec("error", "The process ends by a bug.", ("exception",)),
    Event.CHECK_FAILED: EventSpec(
        "error",
        "At the start: a dependency is set up so that no job can be done; the worker polls nevertheless.",
        ("check", "problem", "advice"),
    ),
    Event.MEMORY_OVERCOMMITTED: EventSpec(
        "warning",
        "At the start: the container's memory may not suffice for WORKER_CONCURRENCY jobs at once and for a workspace "
        "that is in memory.",
        ("problem", "advice"),
    ),
    Event.REDIS_DISABLED: EventSpec("info", "No REDIS_ENDPOINT: progress goes to DynamoDB only."),
    Event.REDIS_CONNECTED: EventSpec(
        "info", "First contact with Redis, or the first after an outage.", ("endpoint", "duration_seconds")
    ),
    Event.REDIS_UNAVAILABLE: EventSpec(
        "warning",
        "The first failure of an outage of Redis, with the reason and the time that it took.",
        ("endpoint", "reason", "duration_seconds"),
    ),
    Event.PROGRESS_FAILED_OVER: EventSpec(
        "warning", "Progress goes to DynamoDB from now on; once an outage.", ("reason", "live_jobs")
    ),
    Event.PROGRESS_FAILED_BACK: EventSpec(
        "info",
        "Progress goes to Redis again, and Redis holds the newest record of each job that the outage touched.",
        ("outage_seconds", "jobs_carried_over"),
    ),
    Event.PROGRESS_REPLAY_FAILED: EventSpec(
        "warning",
        "Redis is back, but cannot take the record of the job that `job_id` names; readers find it in DynamoDB.",
        ("reason",),
    ),
    Event.PROGRESS_WRITE_FAILED: EventSpec(
        "warning", "Both stores refused a record; the job goes on.", ("reason", "status", "seq")
    ),
    Event.RUN_BEGUN: EventSpec(
        "info",
        "A dead letter has come back: the next run of its job, which had failed or was cancelled, has begun.",
        ("run", "last_status"),
    ),
    Event.JOB_STARTED: EventSpec("info", "A claim was won.", ("source", "outputs", "queued_seconds", "run")),
    Event.JOB_COMPLETED: EventSpec(
        "info", "Every output can be read from S3 and the final record is kept.", ("repaired", *_OUTCOME)
    ),
    Event.JOB_FAILED: EventSpec("warning", "The job failed for good.", _FAILURE),
    Event.JOB_DELAYED: EventSpec(
        "info",
        "The workspace has no space for the job beside the others; it waits for that, and its lease is renewed.",
        ("needed_bytes", "free_bytes"),
    ),
    Event.JOB_RETRIED: EventSpec("warning", "The attempt failed; another follows.", ("delay_seconds", *_FAILURE)),
    Event.JOB_RELEASED: EventSpec("info", "The job was given back because the worker stops.", ("stage", "percent")),
    Event.JOB_CANCELLED: EventSpec("info", "The job was cancelled on request.", ("stage", "percent")),
    Event.JOB_DEFERRED: EventSpec(
        "info", "Another delivery holds the job; this one is tried again later.", ("reason", "delay_seconds")
    ),
    Event.JOB_DUPLICATE_SKIPPED: EventSpec("info", "The job is final already; the message is deleted.", ("status",)),
    Event.CANCEL_LOOKUP_FAILED: EventSpec(
        "warning",
        "DynamoDB could not be asked for requests to cancel; logged once until it answers. Then they are seen.",
        ("reason",),
    ),
    Event.EVENT_PUBLISH_FAILED: EventSpec(
        "warning",
        "A job has ended, and its completion event could not be told; the message comes back for that. "
        "An error where it is given up, an hour after the end. The job has ended all the same.",
        ("publisher", "reason", "event_id", "delay_seconds"),
        or_level="error",
    ),
    Event.HANDLER_CRASHED: EventSpec(
        "error",
        "A bug ended the handling of a delivery; the delivery is retried, and the worker goes on.",
        ("exception",),
    ),
    Event.MESSAGE_IGNORED: EventSpec(
        "info", "A notification of S3, or a record in one, asks for no job; it is acknowledged.", ("reason",)
    ),
    Event.MESSAGE_REJECTED: EventSpec("warning", "The message went to the dead-letter queue.", _REJECTION),
    Event.MESSAGE_UNREADABLE: EventSpec(
        "warning",
        "A message came without a member that SQS always sends. It is left alone, and its visibility ends.",
        ("problem",),
    ),
    Event.MESSAGE_DISCARDED: EventSpec(
        "error",
        "A rejected message was deleted, because the queue has no dead-letter queue.",
        _REJECTION,
    ),
    Event.MESSAGE_SETTLE_FAILED: EventSpec(
        "warning",
        "The queue did not accept the settlement; the message comes back when its lease ends.",
        ("disposition", "error"),
    ),
    Event.LEASE_LOST: EventSpec(
        "warning", "The delivery or the claim is no longer ours; the job was stopped.", ("reason",)
    ),
    Event.LEASE_RENEWAL_FAILED: EventSpec(
        "warning",
        "A renewal failed; it is tried again until a margin before the lease ends.",
        ("error", "remaining_seconds"),
    ),
    Event.WORKSPACE_REMADE: EventSpec(
        "warning",
        "Something removed this worker's directory in the workspace, such as a cleaner of temporary files; "
        "another has been made. The jobs that were running in it are tried again.",
        ("removed", "directory"),
    ),
    Event.UPLOAD_ABORT_FAILED: EventSpec(
        "warning",
        "An unfinished upload could not be aborted; the bucket's lifecycle rule has to do it.",
        ("target", "error"),
    ),
    Event.OUTPUT_REMOVE_FAILED: EventSpec(
        "warning", "An output of a cancelled job could not be deleted and still exists.", ("target", "error")
    ),
    Event.POLL_FAILED: EventSpec("warning", "A receive failed; logged once until receives work again.", ("error",)),
    Event.POLL_RECOVERED: EventSpec("info", "Receives work again.", ("outage_seconds", "failures")),
    Event.CREDENTIALS_MISSING: EventSpec(
        "warning",
        "The SDK's chain finds no credentials; nothing is received until it does. Logged once.",
        ("error",),
    ),
    Event.CREDENTIALS_FOUND: EventSpec(
        "info", "The SDK's chain has found credentials that were missing.", ("outage_seconds", "failures")
    ),
    Event.DYNAMODB_UNAVAILABLE: EventSpec(
        "warning",
        "The job table is out of reach, so no job can be claimed; once an outage. "
        "An error where the role or the table is wrong.",
        ("reason",),
        or_level="error",
    ),
    Event.DYNAMODB_AVAILABLE: EventSpec(
        "info",
        "The job table answers again; with the length of the outage and how often a job was put off in it.",
        ("outage_seconds", "jobs_put_off"),
    ),
    Event.CONSUMPTION_PAUSED: EventSpec(
        "warning",
        "Nothing is received until a probe says that it is over; running jobs go on. `reason`: rejects (more than "
        "WORKER_REJECT_LIMIT in a minute), table, workspace, s3. An error where somebody has to change something.",
        ("reason", "problem"),
        or_level="error",
    ),
    Event.CONSUMPTION_RESUMED: EventSpec(
        "info", "The pause is over: messages are received again.", ("reason", "pause_seconds")
    ),
    Event.PROTECTION_ENABLED: EventSpec("info", "ECS keeps this task while jobs run."),
    Event.PROTECTION_RELEASED: EventSpec("info", "No jobs run: ECS may end this task."),
    Event.PROTECTION_REFUSED: EventSpec(
        "warning",
        "ECS did not change the task's protection; logged once until it does, and asked again. The jobs go on.",
        ("wanted", "reason"),
    ),
    Event.LIBRARY_LOGGED: EventSpec(
        "warning", "A library wrote a warning or worse.", ("logger", "message", "exception")
    ),
    Event.LOG_DROPPED: EventSpec(
        "warning",
        "Standard output accepts lines again; so many were dropped while nobody read it, or it could not be written.",
        ("lines",),
    ),
}

_log = structlog.get_logger()


def emit(event: Event, level: Level | None = None, /, **fields: object) -> None:
    """Write one line. Fields that are bound to the context (`job_id`, …) are added.

    `level` is one of the event's levels in the catalogue; by default its first.
    """
    getattr(_log, level or CATALOGUE[event].level)(event.value, **fields)
