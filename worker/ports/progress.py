"""Where records are kept, and what may stand beside them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from enum import Enum
from typing import Protocol

from worker.domain.circuit import Severity
from worker.domain.claim import JobState
from worker.domain.errors import WorkerError
from worker.domain.progress import Record, Version


class WriteResult(Enum):
    """What a store did with a record."""

    APPLIED = "applied"
    SAME = "same"  # it holds this very version: our own earlier try got through
    STALE = "stale"  # it holds a newer or a final record: the job is no longer ours


class StoreUnavailableError(WorkerError):
    """A store failed. What became of the write is unknown, never "not applied"."""

    def __init__(self, reason: str, severity: Severity = Severity.SOFT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.severity = severity


class ProgressStore(Protocol):
    """A store of progress records that refuses to go back.

    Both methods raise StoreUnavailableError, within the adapter's own timeouts, and may be cancelled at any point.
    """

    async def write(self, record: Record) -> WriteResult:
        """Keep the record if it is newer than what is held, and what is held is not final."""

    async def read(self, job_id: str) -> Record | None:
        """The record that is held, read consistently."""


class Ledger(ProgressStore, Protocol):
    """The store that is the truth for claims, final states and checkpoints: DynamoDB.

    Within one fence it takes records from one worker only: receive counts are approximate (AWS), so two deliveries
    may have the same fence, and then the claim decides whose it is.
    """

    async def claim(self, record: Record, seen: Version | None) -> JobState | None:
        """Keep the record only if what is held is still at `seen` (None: nothing is held).

        Returns None if it is kept, or if this very record is held already: our own earlier try got through. Else the
        standing that was in the way. Raises StoreUnavailableError.
        """


class Register(Protocol):
    """What DynamoDB keeps beside the records: who asked for a job's end, and how its last attempts went."""

    async def look(self, job_id: str) -> JobState | None:
        """The job's standing, read consistently. Raises StoreUnavailableError."""

    async def request_cancel(self, job_id: str) -> bool:
        """Leave a request with a running job, for as long as there is the job. False: it is not running.

        Raises StoreUnavailableError: the request may have been left.
        """

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        """Those of the jobs that a request was left with, perhaps a moment ago. Raises StoreUnavailableError."""


class ProgressCache(ProgressStore, Protocol):
    """The store that may be lost: Redis."""

    async def probe(self) -> None:
        """Do the real write on a canary key, over a connection of its own. Raises StoreUnavailableError."""

    async def reset(self) -> None:
        """Drop all pooled connections: the next one resolves the name again."""

    def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        """The job's records as they are written, over a connection of its own.

        Records may be missed, and it ends without an exception when the connection does: a hint, no source of truth.
        """
