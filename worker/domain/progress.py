"""The progress record: one shape in Redis, DynamoDB, HTTP and the command line (docs/progress.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from worker.domain.declaration import Field
from worker.domain.errors import JobError
from worker.domain.limits import AtLeast, Pattern, Range
from worker.domain.loudness import OutputLoudness
from worker.domain.redaction import redact, redacted_sources
from worker.domain.source_format import SourceFormat

HIGHEST_BEFORE_THE_END = 99.9  # percent; 100 is for completed jobs
_SHA256 = Pattern("[0-9a-f]{64}", "64 hexadecimal digits")
QUEUED_FENCE = 0  # the fence of a job's first record: any delivery is newer
FIRST_RUN = 1


class Status(StrEnum):
    """Where a job stands. The last three are final: only the next run of the job changes a final record."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class Stage(StrEnum):
    """What a running job does. Stages may overlap; a record names the furthest."""

    DOWNLOADING = "downloading"
    CONVERTING = "converting"
    UPLOADING = "uploading"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Orders the records of a job: `fence` grows with each delivery and each run, `seq` counts from 1 within it."""

    fence: Annotated[int, Field("Grows with each delivery and each run of the job; 0 before the first.", AtLeast(0))]
    seq: Annotated[int, Field("Counts the records from 1 within a fence.", AtLeast(1))]


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One output as the record shows it; the numbers are None until it can be read from S3."""

    target: Annotated[str, Field("Where the output is written, as s3://bucket/key.")]
    bytes: Annotated[
        int | None, Field("Size of the output, in all of its objects; null until all outputs can be read.", AtLeast(0))
    ] = None
    duration_seconds: Annotated[float | None, Field("Length of the audio in the output.", AtLeast(0))] = None
    sha256: Annotated[
        str | None, Field("Digest of the object, in hexadecimal; of a stream, of its master playlist.", _SHA256)
    ] = None
    loudness: Annotated[
        OutputLoudness | None, Field("What was measured, where a loudness was asked for.", left_out_if_null=True)
    ] = None
    playlist: Annotated[
        str | None,
        Field(
            "Of a stream that can be read, its master playlist, as s3://bucket/key: what a player opens.",
            left_out_if_null=True,
        ),
    ] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", redact(self.target))
        if self.playlist is not None:
            object.__setattr__(self, "playlist", redact(self.playlist))

    def to_dict(self) -> dict[str, Any]:
        output = {
            "target": self.target,
            "bytes": self.bytes,
            "duration_seconds": self.duration_seconds,
            "sha256": self.sha256,
        }
        measured = {} if self.loudness is None else {"loudness": self.loudness.to_dict()}
        return output | measured | ({} if self.playlist is None else {"playlist": self.playlist})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> OutputRecord:
        """Read what `to_dict` wrote. Raises KeyError or TypeError for anything else."""
        loudness = OutputLoudness.from_dict(data.get("loudness"))
        numbers = data["bytes"], data["duration_seconds"], data["sha256"]
        return cls(data["target"], *numbers, loudness, data.get("playlist"))


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why a job failed, or why its last attempt did."""

    code: Annotated[str, Field("One of docs/errors.md; codes may be added.")]
    message: Annotated[str, Field("What went wrong, for people.")]
    retryable: Annotated[bool, Field("Whether the same message may succeed later.")]

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", redact(self.message))

    @classmethod
    def of(cls, error: JobError) -> ErrorInfo:
        return cls(error.code.value, str(error), error.retryable)


@dataclass(frozen=True, slots=True)
class Record:
    """The state of a job at one version.

    Raises ValueError where its rules do not hold (docs/progress.md): 100 % if and only if completed, a stage only
    while running. So no record that breaks them is ever shown. Secrets in its texts are redacted, such as a presigned
    URL that was pasted as a key, so no secret is ever stored.
    """

    job_id: Annotated[str, Field("The job's id, as in its message.")]
    status: Annotated[Status, Field("Where the job stands; the last three are final.")]
    stage: Annotated[Stage | None, Field("What a running job does, the furthest of what it does; null otherwise.")]
    percent: Annotated[float, Field("100 if and only if the job is completed.", Range(0, 100))]
    attempt: Annotated[int, Field("Real starts of the job in this run.", AtLeast(0))]
    version: Annotated[Version, Field("Orders the records of a job; its members stand in the record itself.")]
    created_at: Annotated[datetime, Field("When the job was first seen.")]
    updated_at: Annotated[datetime, Field("When this record was written.")]
    eta_seconds: Annotated[float | None, Field("Seconds left; null where that is not known.", AtLeast(0))] = None
    worker: Annotated[str | None, Field("Host and process id of the worker.")] = None
    source: Annotated[
        str | tuple[str, ...] | None,
        Field("What is converted, as s3://bucket/key, or a list of what is joined, in its order."),
    ] = None
    source_audio: Annotated[
        SourceFormat | None, Field("What the source turned out to be; null until it is known.")
    ] = None
    outputs: Annotated[tuple[OutputRecord, ...], Field("One for each output of the message, in its order.")] = ()
    error: Annotated[ErrorInfo | None, Field("Why the job failed, or why its last attempt did.")] = None
    repaired: Annotated[
        tuple[str, ...], Field("What of a damaged source was replaced by silence or left out, in sentences.")
    ] = ()
    run: Annotated[
        int,
        Field("Counts from 1; the next run of a job that failed or was cancelled is begun on request.", AtLeast(1)),
    ] = FIRST_RUN

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError(f"percent is {self.percent}")
        if (self.percent == 100) != (self.status is Status.COMPLETED):
            raise ValueError(f"{self.percent} % while {self.status}")
        if (self.stage is not None) != (self.status is Status.RUNNING):
            raise ValueError(f"stage {self.stage} while {self.status}")
        if self.source is not None:
            object.__setattr__(self, "source", redacted_sources(self.source))

    @property
    def is_final(self) -> bool:
        return self.status.is_final

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape, in the order of docs/progress.md."""
        return {
            "job_id": self.job_id,
            "status": self.status.value,
            "stage": None if self.stage is None else self.stage.value,
            "percent": self.percent,
            "attempt": self.attempt,
            "fence": self.version.fence,
            "seq": self.version.seq,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
            "eta_seconds": self.eta_seconds,
            "worker": self.worker,
            "source": list(self.source) if isinstance(self.source, tuple) else self.source,
            "source_audio": None if self.source_audio is None else self.source_audio.to_dict(),
            "outputs": [output.to_dict() for output in self.outputs],
            "error": None
            if self.error is None
            else {
                "code": self.error.code,
                "message": self.error.message,
                "retryable": self.error.retryable,
            },
            "repaired": list(self.repaired),
            "run": self.run,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Record:
        """Read what `to_json` wrote; fields that a newer worker added are passed over.

        Raises ValueError for anything else.
        """
        try:
            data = json.loads(text)
            record = cls(
                job_id=data["job_id"],
                status=Status(data["status"]),
                stage=None if data["stage"] is None else Stage(data["stage"]),
                percent=data["percent"],
                attempt=data["attempt"],
                version=Version(data["fence"], data["seq"]),
                created_at=datetime.fromisoformat(data["created_at"]),
                updated_at=datetime.fromisoformat(data["updated_at"]),
                eta_seconds=data["eta_seconds"],
                worker=data["worker"],
                source=tuple(data["source"]) if isinstance(data["source"], list) else data["source"],
                source_audio=SourceFormat.from_dict(data.get("source_audio")),
                outputs=tuple(map(OutputRecord.from_dict, data["outputs"])),
                repaired=tuple(data.get("repaired", ())),
                run=data.get("run", FIRST_RUN),
                error=None
                if data["error"] is None
                else ErrorInfo(data["error"]["code"], data["error"]["message"], data["error"]["retryable"]),
            )
            _require_types(record)
        except (KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise ValueError("not a progress record") from exc
        return record


def _require_types(record: Record) -> None:
    """Raise TypeError for values that a record would take, and that fail where they are counted or compared."""
    counts = {type(count) for count in (record.attempt, record.version.fence, record.version.seq, record.run)}
    texts = {type(record.job_id), type(record.worker or "")}
    if (counts, texts) != ({int}, {str}) or None in {record.created_at.tzinfo, record.updated_at.tzinfo}:
        raise TypeError


def newest(first: Record | None, second: Record | None) -> Record | None:
    """The newer of two records of one job: that of the later run; within a run a final one, else the higher version.

    A completed job has no later run.
    """
    if first is None or second is None:
        return first or second
    return second if _rank(second) > _rank(first) else first


def _rank(record: Record) -> tuple[bool, int, bool, Version]:
    return record.status is Status.COMPLETED, record.run, record.is_final, record.version


def first_record(job_id: str, source: str | tuple[str, ...] | None, targets: tuple[str, ...], now: datetime) -> Record:
    """The first record of a job: `queued`, attempt 0."""
    return Record(
        job_id=job_id,
        status=Status.QUEUED,
        stage=None,
        percent=0.0,
        attempt=0,
        version=Version(QUEUED_FENCE, 1),
        created_at=now,
        updated_at=now,
        source=source,
        outputs=tuple(OutputRecord(target) for target in targets),
    )


def next_run(final: Record, now: datetime) -> Record:
    """The first record of the run after the one that ended with `final`.

    Its fence is above that of all records before, and below that of the message that is to start the run.
    """
    return Record(
        job_id=final.job_id,
        status=Status.QUEUED,
        stage=None,
        percent=0.0,
        attempt=0,
        version=Version(final.version.fence + 1, 1),
        created_at=final.created_at,
        updated_at=now,
        source=final.source,
        outputs=tuple(OutputRecord(output.target) for output in final.outputs),
        run=final.run + 1,
    )


def timestamp(moment: datetime) -> str:
    """How a moment is written wherever people and programs read it, such as `2026-11-22T20:01:02.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
