"""How an upload is cut, and how a file with a prefix is read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from worker.adapters.s3.multipart import UploadLimits
from worker.ports import Artifact

MIB = 1 << 20
LIMITS = UploadLimits(part_bytes=5 * MIB, concurrency=2, body_seconds=1)


@pytest.mark.parametrize("size", [17 * MIB, 10_000 * 5 * MIB, 10_000 * 5 * MIB + 1, 5 << 40])
def test_no_object_needs_more_than_ten_thousand_parts(size: int) -> None:
    step = LIMITS.step(size)

    assert step >= 5 * MIB
    assert -(-size // step) <= 10_000


@pytest.mark.parametrize("step", [1, 3, 4, 5, 100])
def test_an_artifact_read_in_steps_is_the_prefix_and_the_range(step: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"xx0123456789yy")
    artifact = Artifact(tmp_path / "file", 1.0, 2, 12, prefix=b"head")

    read = b"".join(artifact.read(offset, step) for offset in range(0, artifact.size_bytes, step))

    assert read == b"head0123456789"
    assert artifact.sha256() == hashlib.sha256(read).hexdigest()
