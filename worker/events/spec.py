"""What the catalogue says of an event, and the fields that several events have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]

SERVICE = "audio-conversion-worker"  # on every line, and a dimension of its metrics

# Set on every line by worker.logs, and within a job by the handler.
COMMON_FIELDS = ("timestamp", "level", "event", "service", "version", "worker")
PLATFORM_FIELDS = ("task", "pod")  # of ECS and of Kubernetes
JOB_FIELDS = ("job_id", "message_id", "attempt")
TRACE_FIELDS = ("trace_id", "span_id")  # where the message carries a trace context

# How long an attempt took, what it worked on and what it cost. `formats` is sorted, and has each format once.
ATTEMPT = (
    *("outcome", "formats", "queued_seconds", "duration_seconds", "stage_seconds", "source_codec", "source_bytes"),
    *("output_bytes", "audio_seconds", "cpu_seconds", "converter_peak_bytes", "s3_calls", "dynamodb_calls"),
)
LAST_START = ("restart_reason", "last_worker", "last_error_code")
REJECTION = ("outcome", "error_code", "error", "receive_count", "sender_id", "topic")
FAILURE = ("error_code", "error", "stage", "retryable", "exception", *ATTEMPT)


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
