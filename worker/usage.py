"""What a job costs: calls to AWS and the converter's CPU time, counted for the job in whose context they are made.

The context is that of contextvars, which tasks inherit: the calls of other jobs are not counted, and neither are
those that serve several jobs at once, such as the renewal of leases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """The costs of one job so far. Calls are requests as they are sent: one that the SDK repeats counts again."""

    s3_calls: int = 0
    dynamodb_calls: int = 0
    cpu_seconds: float = 0.0  # of the converter's processes
    converter_peak_bytes: int = 0  # the most memory that one of them had


_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def of_job() -> Iterator[Usage]:
    """Count for one job what is used inside the `with`, in all tasks that are begun there."""
    usage = Usage()
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


def s3_called() -> None:
    """Count a request to S3."""
    if (usage := _current.get()) is not None:
        usage.s3_calls += 1


def dynamodb_called() -> None:
    """Count a request to DynamoDB."""
    if (usage := _current.get()) is not None:
        usage.dynamodb_calls += 1


def converter_ended(cpu_seconds: float, peak_bytes: int) -> None:
    """Count what a process of the converter took that has ended, in whatever way."""
    if (usage := _current.get()) is not None:
        usage.cpu_seconds += cpu_seconds
        usage.converter_peak_bytes = max(usage.converter_peak_bytes, peak_bytes)


def log_fields() -> Mapping[str, int | float]:
    """The costs as fields of the line about the job's end; none outside of a job."""
    usage = _current.get()
    if usage is None:
        return {}
    return {
        "cpu_seconds": round(usage.cpu_seconds, 3),
        "converter_peak_bytes": usage.converter_peak_bytes,
        "s3_calls": usage.s3_calls,
        "dynamodb_calls": usage.dynamodb_calls,
    }
