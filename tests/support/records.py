"""Progress records for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from worker.domain.errors import InternalError
from worker.domain.progress import ErrorInfo, OutputRecord, Record, Stage, Status, Version

NOW = datetime(2026, 11, 22, 20, 1, 2, 123000, tzinfo=UTC)


def a_record(fence: int = 1000, seq: int = 1, **over: Any) -> Record:
    """A running record at version (fence, seq); `over` replaces any other field."""
    record = Record(
        job_id="ep-0142",
        status=Status.RUNNING,
        stage=Stage.CONVERTING,
        percent=min(float(seq), 99.9),
        attempt=1,
        version=Version(fence, seq),
        created_at=NOW,
        updated_at=NOW,
        eta_seconds=12.0,
        worker="worker-a:1",
        source="s3://podcasts-in/ep 0142 – ü.wav",
        outputs=(OutputRecord("s3://podcasts-out/ep-0142.mp3"),),
    )
    return replace(record, **over)


def completed(record: Record, seq: int) -> Record:
    """The record of the same job when it is done."""
    return replace(
        record,
        status=Status.COMPLETED,
        stage=None,
        percent=100.0,
        eta_seconds=None,
        version=Version(record.version.fence, seq),
        outputs=(OutputRecord("s3://podcasts-out/ep-0142.mp3", 4801234, 200.0, "0f" * 32),),
    )


def queued(record: Record, seq: int) -> Record:
    """The record of the same job when it waits for another attempt."""
    return replace(
        record,
        status=Status.QUEUED,
        stage=None,
        percent=0.0,
        eta_seconds=None,
        version=Version(record.version.fence, seq),
        error=ErrorInfo.of(InternalError()),
    )
