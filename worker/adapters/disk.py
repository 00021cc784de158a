"""What is read from the local disk. All of it waits for the disk: call it in a thread."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from worker.domain.errors import WorkerError
from worker.ports import Artifact


class NotWritableError(WorkerError):
    """Nothing can be written to a directory."""


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
    """How many bytes can be written under `directory`, which need not exist yet. A byte is written to try it.

    Raises NotWritableError.
    """
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing, buffering=0) as file:
            file.write(b"0")
    except OSError as exc:
        raise NotWritableError(f"{existing} cannot be written to: {exc.strerror}") from exc
    return shutil.disk_usage(existing).free
