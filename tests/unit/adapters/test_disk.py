"""Reading from the local disk: an artifact with its prefix, and how much can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.adapters.disk import read_artifact
from worker.ports import Artifact


@pytest.mark.parametrize("step", [1, 3, 4, 5, 100])
def test_an_artifact_read_in_steps_is_the_prefix_and_the_range(step: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"xx0123456789yy")
    artifact = Artifact(tmp_path / "file", 1.0, 2, 12, prefix=b"head")

    read = b"".join(read_artifact(artifact, offset, step) for offset in range(0, artifact.size_bytes, step))

    assert read == b"head0123456789"
