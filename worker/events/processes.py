"""What the catalogue says of a process: a worker or a gateway, and what it depends on."""

from __future__ import annotations

from worker.events.names import Event
from worker.events.spec import EventSpec

PROCESSES: dict[Event, EventSpec] = {
    Event.WORKER_STARTED: EventSpec(
        "info",
        "The process has started and has not polled yet; with the settings in force, secrets masked.",
        ("settings", "sandbox", "http_address", "python"),
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
        "Once a minute, in every state; a missing one means a dead worker or lost logs. `busy_share` and "
        "`loop_lag_seconds` are of the last minute. `queue_depth` is asked once a minute, and "
        "`oldest_message_seconds` is estimated: the time since the youngest message that has come was sent. "
        "`pause_reason` is null while nothing pauses; `poll_failures` counts the receives that failed since the last "
        "that did not.",
        (
            *("jobs", "slots", "busy_share", "jobs_completed", "jobs_failed", "poll_age_seconds", "loop_lag_seconds"),
            *("pause_reason", "poll_failures"),
            *("redis_state", "progress_store", "queue_depth", "oldest_message_seconds", "workspace_free_bytes"),
            *("worker_memory_bytes", "converters_memory_bytes"),
        ),
    ),
    Event.METRICS_REPORTED: EventSpec(
        "info",
        "With WORKER_METRICS=emf, once a minute and at the end: what happened since the last one, in CloudWatch's "
        "embedded metric format. Each metric is a field; one without a value is left out.",
        ("environment", "_aws"),
    ),
    Event.WORKER_CRASHED: EventSpec("error", "The process ends by a bug.", ("exception",)),
    Event.CHECK_FAILED: EventSpec(
        "error",
        "At the start: a dependency is set up so that no job can be done; the worker polls nevertheless.",
        ("check", "error", "advice"),
    ),
    Event.MEMORY_OVERCOMMITTED: EventSpec(
        "warning",
        "At the start: the container's memory may not suffice for WORKER_CONCURRENCY jobs at once and for a workspace "
        "that is in memory.",
        ("error", "advice"),
    ),
    Event.REDIS_DISABLED: EventSpec("info", "No REDIS_ENDPOINT: progress goes to DynamoDB only."),
    Event.REDIS_CONNECTED: EventSpec(
        "info", "First contact with Redis, or the first after an outage.", ("endpoint", "duration_seconds")
    ),
    Event.REDIS_UNAVAILABLE: EventSpec(
        "warning",
        "The first failure of an outage of Redis, with the reason and the time that it took.",
        ("endpoint", "error", "duration_seconds"),
    ),
    Event.PROGRESS_FAILED_OVER: EventSpec(
        "warning", "Progress goes to DynamoDB from now on; once an outage.", ("error", "live_jobs")
    ),
    Event.PROGRESS_FAILED_BACK: EventSpec(
        "info",
        "Progress goes to Redis again, and Redis holds the newest record of each job that the outage touched. "
        "`writes_failed_over` is how many writes of progress went to DynamoDB in its place.",
        ("outage_seconds", "jobs_carried_over", "writes_failed_over"),
    ),
    Event.PROGRESS_REPLAY_FAILED: EventSpec(
        "warning",
        "Redis is back, but cannot take the record of the job that `job_id` names; readers find it in DynamoDB.",
        ("error",),
    ),
    Event.PROGRESS_WRITE_FAILED: EventSpec(
        "warning",
        "No store took a tick, and the job goes on; or the job table did not take a checkpoint before the uploads or "
        "the record of an attempt's end, and is tried again. Logged once until a record is kept. `status` and `seq` "
        "are the record's.",
        ("error", "status", "seq"),
    ),
    Event.WORKSPACE_REMADE: EventSpec(
        "warning",
        "Something removed this worker's directory in the workspace, such as a cleaner of temporary files; "
        "another has been made. The jobs that were running in it are tried again.",
        ("removed", "directory"),
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
        ("error",),
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
        ("reason", "error"),
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
        ("wanted", "error"),
    ),
    Event.GATEWAY_STARTED: EventSpec(
        "info",
        "`worker serve` listens; with the settings in force, secrets masked.",
        ("settings", "http_address", "python"),
    ),
    Event.GATEWAY_LIMITED: EventSpec(
        "warning",
        "The limit on open files allows fewer streams than WORKER_SERVE_MAX_STREAMS.",
        ("wanted", "max_streams"),
    ),
    Event.GATEWAY_DRAINING: EventSpec("info", "A stop signal came to `worker serve`: its streams end.", ("signal",)),
    Event.GATEWAY_STOPPED: EventSpec("info", "`worker serve` has answered what was asked, and ends."),
    Event.TRACING_FAILED: EventSpec(
        "warning",
        "Spans are not sent: the collector of OTEL_EXPORTER_OTLP_ENDPOINT does not take them, which is logged once "
        "until it takes some; or packages are missing, or a variable of the SDK has a value that is not usable here. "
        "Or the spans of one job could not be made: then with `exception`. The jobs go on.",
        ("error", "exception"),
    ),
    Event.TRACING_RECOVERED: EventSpec("info", "The collector takes spans again.", ("outage_seconds", "spans_lost")),
    Event.LIBRARY_LOGGED: EventSpec(
        "warning", "A library wrote a warning or worse.", ("logger", "message", "exception")
    ),
    Event.BUG_CAUGHT: EventSpec(
        "error",
        "A bug outside of a job: a request to the HTTP port or a probe of a pause failed by it, or a thread ended. "
        "The process goes on. `place` says where.",
        ("place", "exception"),
    ),
    Event.LOG_DROPPED: EventSpec(
        "warning",
        "Standard output accepts lines again; `lines` were dropped while nobody read it, or it could not be written.",
        ("lines",),
    ),
}
