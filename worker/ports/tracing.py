"""Where the spans of jobs go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from worker.domain.trace import TraceContext


@dataclass(frozen=True, slots=True)
class Span:
    """One step of an attempt. Times are the loop's, in seconds."""

    name: str
    begun_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class JobTrace:
    """An attempt at a job from the beginning to the end, and its `steps` in their order.

    `parent` is the trace of the message; None begins a trace. `error_code` is that of a failure.
    """

    whole: Span
    steps: Sequence[Span]
    parent: TraceContext | None
    attributes: Mapping[str, str | int]
    error_code: str | None = None


class Tracer(Protocol):
    """What takes the spans of jobs."""

    def record(self, trace: JobTrace) -> None:
        """Take the spans of an attempt, and send them later. Returns at once, and raises nothing."""
