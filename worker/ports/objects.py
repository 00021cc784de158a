"""Where sources and targets are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from worker.domain.job import ObjectLocation

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

    async def drop_unfinished(self, target: ObjectLocation) -> None:
        """Drop what a killed worker had uploaded of the object. Raises nothing: the bucket's owner has a rule, too.

        An upload to the same target that is under way elsewhere is ended, too.
        """

    async def remove(self, target: ObjectLocation, job_id: str) -> None:
        """Delete the object if that job has put it there; any other is left alone.

        Raises AccessDeniedError, DependencyUnavailableError.
        """
