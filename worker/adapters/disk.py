"""What is read from the local disk. All of it waits for the disk: call it in a thread."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from worker.ports import Artifact, DependencyMissingError


def read_artifact(artifact: Artifact, offset: int, length: int) -> bytes:
    """Up to `length` bytes of the artifact from `offset` on; its prefix counts."""
    head = artifact.prefix[offset : offset + length]
    begin = artifact.start + max(0, offset - len(artifact.prefix))
    wanted = min(length - len(head), artifact.stop - begin)
    if wanted <= 0:
        return head
    with artifact.path.open("rb", buffering=0) as file:
        file.seek(begin)
        rest = file.read(wanted)
    return head + rest if head else rest


def free_bytes_of(directory: Path) -> int:
    """How many bytes can be written under `directory`, which need not exist yet. Raises DependencyMissingError."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DependencyMissingError(f"a directory that can be written to at {directory}")
    return shutil.disk_usage(existing).free
