"""What the application asks of the world: narrow Protocols, and the values that pass through them.

Every method may raise a `WorkerError`, and no vendor's exception. A fake of a port is an adapter like the real
one and passes the same contract suite (tests/contract).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from worker.domain.circuit import Severity
from worker.domain.claim import Standing
from worker.domain.disposition import Reject
from worker.domain.errors import WorkerError
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.progress import Record, Version

# --- the queue ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One hand-over of a message; a redelivery is another delivery.

    `received_at` is loop time in seconds, taken before the call that brought it: lease and 12 hours count from it.
    `receipt_handle` is opaque outside the adapter.
    """

    message_id: str
    receipt_handle: str
    body: str
    sent_at_ms: int
    receive_count: int
    received_at: float
    group_id: str | None = None  # of a FIFO queue
    expires_at_ms: int | None = None  # when the queue drops the message for good (epoch), where that is known
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def fence(self) -> int:
        """Grows with each delivery of a message and from message to message (contract, section 2)."""
        return self.sent_at_ms * 1000 + self.receive_count

    def has_written(self, version: Version) -> bool:
        """Whether a record of that version comes from a delivery of this very message."""
        return version.fence // 1000 == self.sent_at_ms


class ReceiptExpiredError(WorkerError):
    """The receipt handle is dead: the message was deleted, or its lease ran out."""


class JobQueue(Protocol):
    """The queue that jobs come from."""

    async def receive(self, slots: int) -> Sequence[Delivery]:
        """Wait for messages, at most `slots` and at most ten, for the length of a long poll.

        Of a message group, one message at a time is handed out: the next one comes when that has been deleted, and a
        message that waits for a retry is not overtaken.
        Raises DependencyUnavailableError.
        """

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        """Keep up to ten deliveries for another `seconds` from now.

        One result for each, in their order: None, ReceiptExpiredError (definitive) or DependencyUnavailableError
        (may pass). Never raises for a single entry; raises DependencyUnavailableError if the whole call failed.
        """

    async def ack(self, delivery: Delivery) -> None:
        """Delete the message. Raises ReceiptExpiredError or DependencyUnavailableError."""

    async def hide(self, delivery: Delivery, seconds: float) -> None:
        """Make the message visible again after `seconds` (0: now).

        Raises ReceiptExpiredError or DependencyUnavailableError.
        """

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        """Copy the message to the queue's own dead-letter queue with the reason as attributes, then delete it.

        False where the queue has no dead-letter queue: the message is then only deleted.
        Raises ReceiptExpiredError or DependencyUnavailableError.
        """


# --- objects -----------------------------------------------------------------------------------------------------

_HASH_STEP_BYTES = 1 << 20

BytesDone = Callable[[int], None]  # called with the bytes done so far; returns at once


@dataclass(frozen=True, slots=True)
class SourceObject:
    """What was downloaded."""

    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A converted output on disk: `prefix`, then the bytes of `path` from `start` to `stop`.

    The prefix carries a part that must stand in front and was known only at the end (the index of an MP4).
    """

    path: Path
    duration_seconds: float
    start: int
    stop: int
    prefix: bytes = b""

    @property
    def size_bytes(self) -> int:
        return len(self.prefix) + self.stop - self.start

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on, the prefix counted. Waits for the disk: call it in a thread."""
        head = self.prefix[offset : offset + length]
        begin = self.start + max(0, offset - len(self.prefix))
        wanted = min(length - len(head), self.stop - begin)
        if wanted <= 0:
            return head
        with self.path.open("rb", buffering=0) as file:
            file.seek(begin)
            rest = file.read(wanted)
        return head + rest if head else rest

    def sha256(self) -> str:
        """The digest of all of it, in hex. Waits for the disk: call it in a thread."""
        digest = hashlib.sha256()
        for offset in range(0, self.size_bytes, _HASH_STEP_BYTES):
            digest.update(self.read(offset, _HASH_STEP_BYTES))
        return digest.hexdigest()


class ObjectStore(Protocol):
    """Where sources and targets are."""

    async def download(
        self, source: ObjectLocation, path: Path, *, limit_bytes: int, on_start: BytesDone, on_bytes: BytesDone
    ) -> SourceObject:
        """Stream the object into a new file at `path`; `on_start` is told its size, `on_bytes` what is done.

        Raises SourceNotFoundError, SourceTooLargeError, SourceChangedError, AccessDeniedError, WorkspaceFullError,
        DependencyUnavailableError.
        """

    async def check_target(self, target: ObjectLocation) -> None:
        """See, before hours of work, whether the target's bucket exists.

        Raises TargetRefusedError, DependencyUnavailableError. Says nothing where the role may not ask.
        """

    async def upload(
        self,
        artifact: Artifact,
        target: ObjectLocation,
        *,
        content_type: str,
        sha256: str,
        on_bytes: BytesDone,
        job_id: str | None = None,
    ) -> None:
        """Stream the artifact to the target; the object can be read when this returns.

        The object carries `sha256` (hex) and, where it is given, the job's id as metadata.
        Nothing is left behind when it raises or is cancelled (a multipart upload is aborted).
        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """

    async def remove(self, target: ObjectLocation, job_id: str) -> None:
        """Delete the object if that job has put it there; any other is left alone.

        Raises AccessDeniedError, DependencyUnavailableError.
        """


# --- audio -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceAudio:
    """What the source is, as far as its headers say.

    `duration_seconds` is None where only decoding can tell; it is trusted where it is given.
    """

    container: str  # the demuxer's name
    codec: str
    sample_rate_hz: int
    channels: int
    bits_per_sample: int  # 16 for lossy codecs
    duration_seconds: float | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ConversionProgress:
    """How far the converter is: seconds of audio written, and bytes of the source read (None: not known)."""

    seconds_done: float
    bytes_read: int | None = None


class AudioConverter(Protocol):
    """Turns the source into all outputs, decoding it once."""

    async def probe(self, source: Path) -> SourceAudio:
        """Read the headers. Raises UnsupportedAudioError, NoAudioError, ConverterCrashedError."""

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        on_progress: Callable[[ConversionProgress], None],
    ) -> Sequence[Artifact]:
        """Convert; one artifact for each output, in their order, complete and checked.

        When it is cancelled, the converter's whole process group has been killed by the time it returns.
        Raises UnsupportedAudioError, NoAudioError, DurationTooLongError, WorkspaceFullError, ConverterCrashedError.
        """


# --- progress ----------------------------------------------------------------------------------------------------


class Outcome(Enum):
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

    async def write(self, record: Record) -> Outcome:
        """Keep the record if it is newer than what is held, and what is held is not final."""

    async def read(self, job_id: str) -> Record | None:
        """The record that is held, read consistently."""


class Ledger(ProgressStore, Protocol):
    """The store that is the truth for claims, final states and checkpoints: DynamoDB.

    Within one fence it takes records from one worker only: receive counts are approximate (AWS), so two deliveries
    may have the same fence, and then the claim decides whose it is.
    """

    async def claim(self, record: Record, seen: Version | None) -> bool:
        """Keep the record only if what is held is still at `seen` (None: nothing is held). True if kept.

        True as well if it holds this very record: our own earlier try got through. Raises StoreUnavailableError.
        """


class Register(Protocol):
    """What DynamoDB keeps beside the records: who asked for a job's end, and how its last attempts went."""

    async def look(self, job_id: str) -> Standing | None:
        """The job's standing, read consistently. Raises StoreUnavailableError."""

    async def request_cancel(self, job_id: str) -> bool:
        """Leave a request with a running job, for as long as there is the job. False: it is not running.

        Raises StoreUnavailableError: the request may have been left.
        """

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        """Those of the jobs that a request was left with, perhaps a moment ago. Raises StoreUnavailableError."""


class AcceleratorStore(ProgressStore, Protocol):
    """The store that may be lost: Redis."""

    async def probe(self) -> None:
        """Do the real write on a canary key, over a connection of its own. Raises StoreUnavailableError."""

    async def reset(self) -> None:
        """Drop all pooled connections: the next one resolves the name again."""

    def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        """The job's records as they are written, over a connection of its own.

        Records may be missed, and it ends without an exception when the connection does: a hint, no source of truth.
        """


# --- the platform ------------------------------------------------------------------------------------------------


class ScaleInProtection(Protocol):
    """The platform's promise not to end this worker for a smaller fleet or a new version."""

    async def protect(self, minutes: int) -> None:
        """Be kept for so long from now on. Raises DependencyUnavailableError where the platform refuses, too."""

    async def release(self) -> None:
        """Be as good as any other. Raises DependencyUnavailableError."""
