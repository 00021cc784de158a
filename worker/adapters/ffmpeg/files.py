"""The source before ffmpeg sees it, and the outputs after it has gone.

Functions that are not async block on disk I/O.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from worker.adapters.disk import NO_SPACE, LocalVolume
from worker.adapters.shielding import run_shielded
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine, sniff
from worker.domain.containers.stated import StatedSound, first_channels, stated_sound
from worker.domain.containers.structure import Patch, ReadAt, Structure
from worker.domain.disk_space import OutputsTooLargeError
from worker.domain.errors import ConverterCrashedError, UnsupportedAudioError
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.reading import read_metadata
from worker.domain.tags.writing import front_of
from worker.ports import Artifact

_ZEROS = bytes(65_536)
_MAX_HEAD_BYTES = 16 << 20
_FIRST_SOUND_BYTES = 65_536


@contextmanager
def descriptors(
    sources: Sequence[Path], targets: Sequence[Path] = (), *, kept_bytes: int = 0
) -> Iterator[tuple[list[int], list[int]]]:
    """The sources opened for reading and the targets for writing, new and empty. Raises WorkspaceFullError.

    A source that is given several times has as many descriptors, each with an offset of its own. With `kept_bytes`
    the targets keep so many bytes, and what is written follows them.
    """
    with ExitStack() as stack:

        def opened(path: Path, flags: int) -> int:
            try:
                fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except OSError as exc:
                if exc.errno in NO_SPACE:
                    raise LocalVolume().full_error(path.parent) from exc
                raise
            stack.callback(os.close, fd)
            return fd

        source_fds = [opened(source, os.O_RDONLY) for source in sources]
        # ffmpeg begins with a seek to 0, which appending ignores.
        behind = os.O_APPEND if kept_bytes else os.O_TRUNC
        target_fds = [opened(target, os.O_WRONLY | os.O_CREAT | behind) for target in targets]
        if kept_bytes:
            for fd in target_fds:
                os.ftruncate(fd, kept_bytes)
        yield source_fds, target_fds


@asynccontextmanager
async def mended(source: Path, structure: Structure) -> AsyncIterator[Path]:
    """The source, or a copy beside it where bytes of it are to be replaced. Raises WorkspaceFullError."""
    if not structure.patches:
        yield source
        return
    copy = source.with_name(f"{source.name}.mended")
    try:
        await run_shielded(asyncio.to_thread(_copy_with, structure.patches, source, copy))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


@asynccontextmanager
async def readable_head(source: Path, structure: Structure) -> AsyncIterator[Path]:
    """What a probe is to read: the source, or a copy of its first bytes where its header is to be mended.

    Raises WorkspaceFullError.
    """
    if not structure.mends_header or structure.begin > _MAX_HEAD_BYTES:
        yield source
        return
    copy = source.with_name(f"{source.name}.head")
    length = structure.begin + _FIRST_SOUND_BYTES
    try:
        await run_shielded(asyncio.to_thread(_copy_with, structure.patches, source, copy, length))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy_with(patches: Sequence[Patch], source: Path, copy: Path, length: int | None = None) -> None:
    """Copy the first `length` bytes of the source (None: all), with the patches that lie within them."""
    try:
        if length is None:
            shutil.copyfile(source, copy)
        else:
            with source.open("rb") as file:
                copy.write_bytes(file.read(length))
            patches = [patch for patch in patches if patch.offset + patch.length <= length]
        with copy.open("r+b") as file:
            for patch in patches:
                file.seek(patch.offset)
                file.write(patch.content)
                for written in range(len(patch.content), patch.length, len(_ZEROS)):
                    file.write(_ZEROS[: patch.length - written])
    except OSError as exc:
        if exc.errno in NO_SPACE:
            raise LocalVolume().full_error(copy.parent) from exc
        raise


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the bytes of a source, or of a part of one, say of it."""

    container: Container
    structure: Structure
    size_bytes: int
    metadata: Metadata
    stated: StatedSound | None = None
    first_channels: int | None = None  # of the first frame, where later ones may have others


def inspect(source: Path) -> Inspected:
    """Inspect a file. Raises UnsupportedAudioError where it is incomplete, or of no format that can be read."""
    with reader(source) as (read_at, size):
        return inspected_by(read_at, size)


def inspected_by(read_at: ReadAt, size: int) -> Inspected:
    """Inspect a source of `size` bytes. Raises UnsupportedAudioError as `inspect` does, and what `read_at` raises."""
    sniffed = sniff(read_at, size)
    structure = examine(sniffed, read_at, size)
    if structure.problem:
        raise UnsupportedAudioError(structure.problem)
    metadata = read_metadata(sniffed, read_at, size)
    stated = stated_sound(sniffed, structure, read_at, size)
    return Inspected(sniffed.container, structure, size, metadata, stated, first_channels(sniffed, structure, read_at))


def to_artifact(path: Path, audio_format: AudioFormat, duration_seconds: float, metadata: Metadata) -> Artifact:
    """The finished output: the file, and the bytes that go in front of it (metadata, and the index of an MP4).

    Raises ConverterCrashedError where the file is incomplete, OutputsTooLargeError where it is larger than its format
    can hold, WorkspaceFullError.
    """
    rules = FORMATS[audio_format]
    with reader(path) as (read_at, size):
        if rules.max_bytes is not None and size > rules.max_bytes:
            raise OutputsTooLargeError(size, rules.max_bytes)
        if size == 0 or rules.container is None or examine(Sniffed(rules.container, 0), read_at, size).problem:
            raise ConverterCrashedError(f"the {audio_format} output is not complete")
        try:
            front = front_of(audio_format, read_at, size, metadata)
        except ValueError as exc:
            raise ConverterCrashedError(f"the {audio_format} output has no proper index") from exc
        _write(path, front.patches)
        return Artifact(path, duration_seconds, front.start, front.stop, front.prefix)


def _write(path: Path, patches: Iterable[tuple[int, bytes]]) -> None:
    try:
        with path.open("r+b") as file:
            for offset, content in patches:
                file.seek(offset)
                file.write(content)
    except OSError as exc:
        if exc.errno in NO_SPACE:
            raise LocalVolume().full_error(path.parent) from exc
        raise


@contextmanager
def reader(path: Path) -> Iterator[tuple[ReadAt, int]]:
    """Open a file. Yields a function that reads up to so many bytes from an offset, and the file's size in bytes."""
    with descriptors([path]) as ((fd,), _):
        yield partial(bytes_at, fd), os.fstat(fd).st_size


def bytes_at(fd: int, offset: int, size: int) -> bytes:
    """Up to `size` bytes of a file from `offset`."""
    # An offset or a size from a hostile header may be beyond what the system call takes.
    return os.pread(fd, size, offset) if size > 0 and 0 <= offset < 1 << 62 else b""
