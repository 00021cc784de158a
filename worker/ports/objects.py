"""The store of sources and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from worker.domain.errors import WorkerError
from worker.domain.hls import Rendition
from worker.domain.job import ObjectLocation
from worker.domain.loudness import OutputLoudness
from worker.domain.progress import FIRST_RUN

BytesDone = Callable[[int], None]  # called with the bytes done so far; returns at once


@dataclass(frozen=True, slots=True)
class SourceObject:
    """The size and ETag of the source that was downloaded. Without an ETag it may have been replaced meanwhile."""

    size_bytes: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Stream:
    """The sound at one bitrate, in the file at `path`."""

    path: Path
    rendition: Rendition


@dataclass(frozen=True, slots=True)
class Artifact:
    """A converted output on disk: `prefix`, then the bytes of `path` from `start` to `stop`.

    The prefix holds a part that belongs in front and is known only at the end: the index of an MP4.
    An output of the format `hls` consists of its `streams` alone.
    """

    path: Path
    duration_seconds: float
    start: int
    stop: int
    prefix: bytes = b""
    loudness: OutputLoudness | None = None  # where it was asked for
    streams: tuple[Stream, ...] = ()

    @property
    def size_bytes(self) -> int:
        streams_bytes = sum(stream.rendition.size_bytes for stream in self.streams)
        return len(self.prefix) + self.stop - self.start + streams_bytes


DIRECTORY_MARK = "directory"


def marks_of(job_id: str | None, run: int, directory: str | None = None) -> dict[str, str]:
    """The metadata by which an object of that job and run is known; of the first run it is the job's id alone.

    `directory` is the one that the object names, if it is a playlist.
    """
    if job_id is None:
        return {}
    of_run = {} if run == FIRST_RUN else {"run": str(run)}
    return {"job-id": job_id} | of_run | ({} if directory is None else {DIRECTORY_MARK: directory})


def is_left_by(metadata: Mapping[str, str], job_id: str, run: int) -> bool:
    """Whether the object with that metadata was put there by that job, in that run or an earlier one."""
    written_in = metadata.get("run", str(FIRST_RUN))
    return metadata.get("job-id") == job_id and written_in.isdecimal() and int(written_in) <= run


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found at a target: the object with that ETag, or with None nothing."""

    etag: str | None


class ObjectExistsError(WorkerError):
    """An object that was to be new is there already, or one that was to be replaced is no longer the same."""

    def __init__(self, location: ObjectLocation) -> None:
        super().__init__(f"{location} exists already, with other content")


class NotReleasableError(WorkerError):
    """The file system of the workspace cannot give back a part of a file."""

    def __init__(self) -> None:
        super().__init__("the workspace's file system gives back no part of a file")


class Passage(Protocol):
    """The reader of an object that is being downloaded, who needs no byte of it twice."""

    async def wait_for_room(self) -> tuple[int, int]:
        """Wait until more of the object may be written.

        Returns the two offsets between which the file need not be kept any more. Bytes are returned once.
        """


class UploadAhead(Protocol):
    """A file that is sent while it is written. Nobody sees anything of the object before it is finished."""

    @property
    def sent_bytes(self) -> int:
        """How many bytes need not be sent any more, if the finished file has them."""

    async def finish(self, artifact: Artifact, *, on_bytes: BytesDone) -> str:
        """Complete the object with what the file has become, as `ObjectStore.upload` does.

        The object is the artifact, whatever was sent before. Where a part was sent before, it has the job's id and no
        digest as metadata. Raises what `ObjectStore.upload` raises.
        """


class ObjectStore(Protocol):
    """The store of sources and targets."""

    async def download(
        self,
        source: ObjectLocation,
        path: Path,
        *,
        limit_bytes: int,
        on_start: BytesDone,
        on_bytes: BytesDone,
        passage: Passage | None = None,
    ) -> SourceObject:
        """Stream the object into a new file at `path`; `on_start` gets its size, `on_bytes` the bytes done so far.

        The size is 0 where the store does not say it beforehand. Both may raise, which ends the download; when
        `on_start` is called, there is no file yet. With a `passage` the file gives back what has been read.
        Raises SourceNotFoundError, SourceTooLargeError, SourceChangedError, AccessDeniedError, WorkspaceFullError,
        DependencyUnavailableError; with a `passage` NotReleasableError.
        """

    async def probe(self, source: ObjectLocation) -> int:
        """Ask whether the source could be downloaded, without its content. Returns its size; 0 where that is not said.

        Raises SourceNotFoundError, AccessDeniedError, DependencyUnavailableError.
        """

    async def check_target(self, target: ObjectLocation) -> None:
        """Find out, before hours of work, whether the target's bucket exists.

        Raises TargetRefusedError, DependencyUnavailableError. Raises nothing where the role may not ask.
        """

    async def upload(
        self,
        artifact: Artifact,
        target: ObjectLocation,
        *,
        content_type: str,
        on_bytes: BytesDone,
        job_id: str | None = None,
        run: int = FIRST_RUN,
        directory: str | None = None,
        seen: Seen | None = None,
    ) -> str:
        """Stream the artifact to the target; the object can be read when this returns.

        Returns the artifact's SHA-256 in hex. The object carries it as metadata, and says whose it is and which
        directory it names (`marks_of`). With `seen` it replaces only that, in a store that knows conditions.
        When it raises or is cancelled, the object may have been written all the same. A multipart upload is aborted;
        where the store does not answer to that in time, its parts are left to the bucket's lifecycle rule.
        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError, and with `seen` ObjectExistsError.
        """

    async def current_object(self, target: ObjectLocation) -> Seen | None:
        """What is at the target now; None where the role may not ask or the store does not say it.

        Raises DependencyUnavailableError.
        """

    def upload_ahead(
        self, path: Path, target: ObjectLocation, *, content_type: str, job_id: str, run: int = FIRST_RUN
    ) -> AbstractAsyncContextManager[UploadAhead]:
        """Inside the `with`, a file that is written to `path` is sent as it grows. It need not exist yet.

        Where it is not finished, what was sent is dropped as in `upload`. A failure before `finish` raises nothing:
        the file is then sent from its beginning when it is finished.
        """

    async def drop_unfinished(self, target: ObjectLocation) -> None:
        """Drop what a killed worker had uploaded of the object. Raises nothing: a lifecycle rule does it otherwise.

        An upload to the same target that another worker has begun is aborted, too; one of this worker is not.
        """

    async def directory_named_at(self, target: ObjectLocation) -> str | None:
        """The `directory` with which the object was uploaded; None where there is no object, or without one.

        Raises AccessDeniedError, DependencyUnavailableError.
        """

    async def directories(self, prefix: ObjectLocation) -> Sequence[ObjectLocation]:
        """The prefixes directly beneath that one, each with its `/`, in any order.

        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """

    async def remove_beneath(self, prefix: ObjectLocation) -> None:
        """Delete all objects whose keys begin with that prefix.

        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """

    async def remove(self, target: ObjectLocation, job_id: str, run: int = FIRST_RUN) -> None:
        """Delete the object if that job has put it there, in that run or an earlier one; any other object is left.

        Raises TargetRefusedError, AccessDeniedError, DependencyUnavailableError.
        """
