"""An attempt at a job: what belongs to one start, from its claim to its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.application.consuming.execution import Execution
from worker.application.consuming.work import Work
from worker.application.progress.job_progress import JobProgress
from worker.application.progress.reporter import Reporter
from worker.domain.job import Job
from worker.domain.outcome import Outcome
from worker.domain.progress import Record


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How long and how often a job may run. Times in seconds."""

    lease_seconds: float
    job_timeout_seconds: float
    stall_seconds: float
    max_attempts: int
    max_crashes: int = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is this worker's to run, by its `record` in the job table. No other claim has its `token`.

    `before` is the record that it replaced. `queued_seconds` is how long the job had waited for this start: since it
    was sent, or since the end of its last start.
    Both times are the loop's: `asked_at` is before the claim was dated and written, and the queue drops the message
    at `message_ends_at`.
    """

    job: Job
    record: Record
    token: str
    asked_at: float
    message_ends_at: float
    before: Record | None = None
    queued_seconds: float = 0.0


@dataclass(eq=False, slots=True)
class Attempt:
    """One start of a claimed job, in the `work` on its message.

    `outcome`, and the record that says so, are set once, by the finisher. `ending_since` is the loop time at which the
    finisher began to record the end.
    """

    claim: Claim
    work: Work
    progress: JobProgress
    reporter: Reporter
    execution: Execution = field(default_factory=Execution)
    ending_since: float | None = None
    outcome: Outcome | None = None
    last_record: Record | None = None
