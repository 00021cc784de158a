"""What the catalogue says of jobs, and of the messages that ask for them."""

from __future__ import annotations

from worker.events.names import Event
from worker.events.spec import ATTEMPT, FAILURE, LAST_START, REJECTION, EventSpec

JOBS: dict[Event, EventSpec] = {
    Event.RUN_BEGUN: EventSpec(
        "info",
        "The next run of a job that had failed or was cancelled has begun: a dead letter has come back, or a gateway "
        "was asked to retry it.",
        ("run", "last_status"),
    ),
    Event.JOB_STARTED: EventSpec(
        "info",
        "A claim was won. `queued_seconds`: since the message was sent, or since the last start of the job ended. "
        "`restart_reason`, of a second start: `released`, `retried` or `worker_died`, with who had it last and why.",
        ("source", "outputs", "formats", "queued_seconds", "run", *LAST_START),
    ),
    Event.JOB_COMPLETED: EventSpec(
        "info", "Every output can be read from S3 and the final record is kept.", ("repaired", *ATTEMPT)
    ),
    Event.JOB_FAILED: EventSpec(
        "warning",
        "The job failed for good. Where it was given up without another start, `restart_reason`, `last_worker` and "
        "`last_error_code` say how its last start ended.",
        (*FAILURE, *LAST_START),
    ),
    Event.JOB_DELAYED: EventSpec(
        "info",
        "The workspace has no space for the job beside the others; it waits for space, and its lease is renewed.",
        ("needed_bytes", "free_bytes"),
    ),
    Event.JOB_RETRIED: EventSpec("warning", "The attempt failed; another follows.", ("delay_seconds", *FAILURE)),
    Event.JOB_RELEASED: EventSpec(
        "info", "The job was given back because the worker stops.", ("stage", "percent", *ATTEMPT)
    ),
    Event.JOB_CANCELLED: EventSpec("info", "The job was cancelled on request.", ("stage", "percent", *ATTEMPT)),
    Event.JOB_DEFERRED: EventSpec(
        "info",
        "The job was not started; its message comes again after `delay_seconds`. `reason` says why: another delivery "
        "holds the job, the job table is away (then with `error`), the item of the job cannot be read, a job that may "
        "crash the worker runs alone here, or the message has to go back first.",
        ("outcome", "reason", "error", "delay_seconds"),
    ),
    Event.JOB_DUPLICATE_SKIPPED: EventSpec(
        "info",
        "The job is final already. The message is deleted, or rejected where the job had failed by it; it comes back "
        "where the completion event cannot be published.",
        ("outcome", "status"),
    ),
    Event.CANCEL_LOOKUP_FAILED: EventSpec(
        "warning",
        "DynamoDB could not be asked for requests to cancel; logged once until it answers. Then they are seen.",
        ("error",),
    ),
    Event.EVENT_PUBLISH_FAILED: EventSpec(
        "warning",
        "A job has ended, and its completion event could not be published; the message comes back for that. "
        "An error where it is given up, an hour after the end. The job has ended all the same.",
        ("publisher", "error", "event_id", "delay_seconds"),
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
    Event.MESSAGE_REJECTED: EventSpec(
        "warning",
        "The message went to the dead-letter queue. It has an `outcome`, `refused`, where it was no job; "
        "else the line about the job's end has it. Of a notification of S3, each record that is no job has a line, "
        "up to a hundred.",
        REJECTION,
    ),
    Event.MESSAGE_UNREADABLE: EventSpec(
        "warning",
        "A message came without a member that SQS always sends. It is left alone until its visibility timeout ends.",
        ("error",),
    ),
    Event.RECORD_UNREADABLE: EventSpec(
        "error",
        "Another program has changed the job's item in the table, in this attribute, or a newer version of the worker "
        "has written it. The message comes back, later each time, until a worker of that version gets it, or the item "
        "is mended or deleted.",
        ("attribute", "receives"),
    ),
    Event.MESSAGE_DISCARDED: EventSpec(
        "error",
        "A rejected message was deleted, because the queue has no dead-letter queue.",
        REJECTION,
    ),
    Event.MESSAGE_SETTLE_FAILED: EventSpec(
        "warning",
        "The queue did not accept the settlement; the message comes back when its lease ends. With `exception` where "
        "a bug is the reason.",
        ("disposition", "error", "exception"),
    ),
    Event.LEASE_LOST: EventSpec(
        "warning",
        "The delivery or the claim is no longer ours; the job was stopped. With `disposition` and without an "
        "`outcome` where the job had ended before: its message comes again.",
        ("error", "stage", "percent", "disposition", *ATTEMPT),
    ),
    Event.LEASE_RENEWAL_FAILED: EventSpec(
        "warning",
        "A renewal failed; it is tried again until a margin before the lease ends.",
        ("error", "remaining_seconds"),
    ),
    Event.CONVERSION_SPLIT_FAILED: EventSpec(
        "warning", "A source could not be encoded in pieces side by side; it was encoded again as a whole.", ("error",)
    ),
    Event.SOURCE_NOT_KEPT: EventSpec(
        "info",
        "The workspace cannot hold the source, for this reason. It is converted while it is downloaded, and what has "
        "been read of it is removed.",
        ("error",),
    ),
    Event.CONVERSION_EARLY_FAILED: EventSpec(
        "info",
        "A conversion that began before all of its source was there failed; it is done again, where the workspace "
        "can hold the source.",
        ("error",),
    ),
    Event.UPLOAD_ABORT_FAILED: EventSpec(
        "warning",
        "An unfinished upload could not be aborted; the bucket's lifecycle rule has to do it.",
        ("target", "error"),
    ),
    Event.OUTPUT_REMOVE_FAILED: EventSpec(
        "warning",
        "An output of a cancelled job, or what an earlier attempt has left of a stream where nobody sees it, could "
        "not be deleted. `target`: the output, or the master playlist of the stream.",
        ("target", "error"),
    ),
}
