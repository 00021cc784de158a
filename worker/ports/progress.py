"""The stores of progress records: the job table, which is the truth, and the cache in front of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from worker.domain.circuit import Severity
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.errors import WorkerError
from worker.domain.progress import Record, Status, Version


class WriteResult(Enum):
    """What a store did with a record."""

    APPLIED = "applied"
    SAME = "same"  # it holds this very version: our own earlier try got through
    STALE = "stale"  # it holds a newer record, or the final one of this run: the job is no longer ours


@dataclass(frozen=True, slots=True)
class Written:
    """The job table holds the record. It may have held it before: an earlier try of the same write got through."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The job table holds another record than the one that was expected, and `state` is what it holds."""

    state: JobState


class StoreUnavailableError(WorkerError):
    """A store failed. Whether a write was applied is then unknown, except for a refusal, which changed nothing."""

    def __init__(self, reason: str, severity: Severity = Severity.SOFT, *, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.severity = severity
        self.is_refusal = is_refusal

    @property
    def problem(self) -> str:
        """What a person is told of the store, behind its name."""
        return f"could not be used ({self.reason})"


class UnreadableRecordError(StoreUnavailableError):
    """What the store holds of a job was changed by another program, or written by a newer version of this one.

    `attribute` is the one at fault. That does not pass by itself. Nothing was written.
    """

    def __init__(self, store: str, attribute: str) -> None:
        super().__init__(f"unreadable record in {store}: attribute {attribute}", is_refusal=True)
        self.attribute = attribute

    @property
    def problem(self) -> str:
        advice = "update this program where a newer one has written it, else mend or delete that item"
        return f"holds what cannot be read (attribute {self.attribute} of the job's item): {advice}"


class ProgressStore(Protocol):
    """A store of progress records that never replaces a record by an older one.

    Both methods raise StoreUnavailableError, within the adapter's own timeouts, and may be cancelled at any point.
    """

    @property
    def name(self) -> str:
        """Its name in `/health`, in metrics and in the log (docs/progress.md, docs/metrics.md)."""

    @property
    def tick_seconds(self) -> float:
        """The pause between two ticks of a job: short where a write is nearly free, long where each one is paid."""

    async def write(self, record: Record) -> WriteResult:
        """Keep the record if it is newer than the one that is held.

        A final record gives way only to the next run of its job, with a higher fence, and that of a completed job to
        nothing.
        """

    async def read(self, job_id: str) -> Record | None:
        """The record that is held, read consistently."""


class JobTable(ProgressStore, Protocol):
    """The truth for claims, final states and checkpoints, and for what is kept beside a job's record.

    Within one fence it takes records from one worker only: receive counts are approximate (AWS), so two deliveries
    may have the same fence, and then the conditional write decides which of them has the job.

    Ticks and their reads (`write`, `read`, `cancel_requests`) end within a second, because nothing may wait for them.
    All other calls have seconds: a job or a command waits for their answer.
    """

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        """Keep a claim, with its mark beside it, if the record that is held is still at version `seen`.

        `seen` is None for a job without a record. Returns Written also where the claim that is held has the token of
        `mark`.
        The `message` is kept as well; without one, none is from now on.
        Raises StoreUnavailableError: the claim may have been kept, or may be kept later.
        """

    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        """Keep the first record of a job, with its message beside it, if nothing is held.

        Raises StoreUnavailableError: the record may have been kept.
        """

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        """Keep the first record of a job's next run, if the final one that is held is still at version `seen`.

        Nothing counts from then on that was kept of the last run: no request to cancel, no death of a worker.
        Raises StoreUnavailableError: the run may have been begun.
        """

    async def commit(self, record: Record) -> WriteResult:
        """What `write` does, for a record that a job waits for. Raises StoreUnavailableError."""

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        """Keep the record only if the one that is held is still at version `seen` (None: nothing is held).

        Raises StoreUnavailableError: the record may have been kept.
        """

    async def state(self, job_id: str) -> JobState | None:
        """The job's record and what is kept beside it, read consistently. Raises StoreUnavailableError."""

    async def probe(self) -> None:
        """Ask for what a claim needs, a write and a read, without changing anything. Raises StoreUnavailableError.

        Its severity is HARD where the role or the table is wrong.
        """

    async def request_cancel(self, job_id: str) -> bool:
        """Keep a request to cancel with a running job, until the item expires. False: the job is not running.

        Raises StoreUnavailableError: the request may have been kept.
        """

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        """Those of the jobs that have a request to cancel; one of this very moment may be missing.

        Raises StoreUnavailableError.
        """


@dataclass(frozen=True, slots=True)
class ListPosition:
    """Where a job stands in the list of its status: when it came to that, and its id."""

    status_at: datetime
    job_id: str


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job of a list. `status_at`: when it came to the status that it has."""

    record: Record
    status_at: datetime

    @property
    def position(self) -> ListPosition:
        return ListPosition(self.status_at, self.record.job_id)


class JobIndex(Protocol):
    """The job table in the order in which jobs came to their statuses. It may be a moment behind the table."""

    async def newest(
        self, status: Status, since: datetime | None, limit: int, *, after: ListPosition | None = None
    ) -> Sequence[ListedJob]:
        """The newest jobs of that status, at most `limit`, that came to it at `since` or later; the newest first.

        `after` leaves out the job of that position and those before it, so that a long list is read in pages.
        Raises NoIndexError, NotAllowedError, DependencyUnavailableError.
        """


class ProgressCache(ProgressStore, Protocol):
    """The store in front of the job table. It may lose what it holds, and the worker runs without it."""

    @property
    def endpoint(self) -> str:
        """Its host and port, for log lines."""

    async def probe(self) -> None:
        """Do the real write on a canary key, over a connection of its own. Raises StoreUnavailableError."""

    async def reset(self) -> None:
        """Drop all pooled connections: the next one looks the name up again."""

    def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        """The job's records as they are written, over a connection of its own.

        Records may be missed, and it ends without an exception when the connection does: readers poll as well.
        """
