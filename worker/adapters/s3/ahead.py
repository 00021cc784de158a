"""An upload that begins while its file is still being written.

A program that writes an audio file rewrites its front at the end, and nothing else, so the first part is sent last.
Checksums show whether that held: each part that was sent early must be the same in the finished file. Else, and after
any failure, the file is uploaded anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from worker.adapters.s3.digest import Digest, digest_of_parts
from worker.adapters.s3.multipart import ABORT_WAIT_SECONDS, MAX_PARTS, MultipartUpload, Part, UploadLimits
from worker.adapters.shielding import run_shielded
from worker.domain.errors import WorkerError
from worker.ports import Artifact, BytesDone
from worker.waiting import wait_for_event

_MIB = 1 << 20
_LOOK_SECONDS = 0.5
_FRONT_BYTES = 8 * _MIB  # of the file: with tags and cover art in front, what a muxer rewrites is far shorter
_SHORTEST_PART_BYTES = 5 * _MIB  # but for the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html

SendAnew = Callable[[Artifact, BytesDone], Coroutine[Any, Any, str]]


class UploadAhead:
    """Sends what is written to `path` as parts of an `upload`, once there are `begin_bytes` of it.

    A context manager: what has not been finished when it is left has been aborted. `send_anew` uploads an artifact
    from its beginning.
    """

    def __init__(
        self, path: Path, upload: MultipartUpload, limits: UploadLimits, begin_bytes: int, send_anew: SendAnew
    ) -> None:
        self._path = path
        self._upload = upload
        self._limits = limits
        self._begin_bytes = max(begin_bytes, _FRONT_BYTES)
        self._send_anew = send_anew
        self._early: list[Part] = []  # by their offsets in the file
        self.is_begun = self._has_failed = self._is_completed = False
        self._is_written = asyncio.Event()
        self._tailing: asyncio.Task[None] | None = None

    @property
    def sent_bytes(self) -> int:
        """How much of the object need not be sent any more, if the finished file has it."""
        return 0 if self._has_failed else sum(part.length for part in self._early)

    async def __aenter__(self) -> Self:
        self._tailing = asyncio.create_task(self._tail(), name=f"upload of {self._path.name} while it is written")
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._tailing is not None
        self._tailing.cancel()
        await run_shielded(self._given_up())

    async def finish(self, artifact: Artifact, *, on_bytes: BytesDone) -> str:
        """Send what is left of the file, which is written. Returns its SHA-256 in hex; the object can be read then."""
        assert self._tailing is not None
        self._is_written.set()
        await asyncio.shield(self._tailing)
        sha256 = None
        try:
            if self._early and not self._has_failed:
                sha256 = await self._finished(artifact, on_bytes)
        finally:
            await run_shielded(self._given_up())
        if sha256 is not None:
            return sha256
        return await self._send_anew(artifact, on_bytes)

    async def _tail(self) -> None:
        """Send each part when it is written. Raises nothing but CancelledError."""
        try:
            while not self._is_written.is_set():
                await wait_for_event(self._is_written, _LOOK_SECONDS)
                await self._send_what_is_written()
        except (WorkerError, OSError):
            self._has_failed = True

    async def _send_what_is_written(self) -> None:
        with suppress(FileNotFoundError):  # it has not been begun
            step = self._limits.part_bytes
            while not self._is_written.is_set() and self._path.stat().st_size >= max(
                self._begin_bytes, self._end + step
            ):
                written = Artifact(self._path, 0.0, 0, self._end + step)
                digest = await asyncio.to_thread(digest_of_parts, written, [self._end, self._end + step])
                part = Part(len(self._early) + 2, self._end, step, digest.parts[0])
                if not self.is_begun:
                    self.is_begun = True
                    await self._upload.begin()
                await self._upload.send_part(written, part)
                self._early.append(part)

    @property
    def _end(self) -> int:
        """Up to which offset of the file all is sent but its front."""
        return _FRONT_BYTES + len(self._early) * self._limits.part_bytes

    async def _finished(self, artifact: Artifact, on_bytes: BytesDone) -> str | None:
        """Send front and rest, and complete the upload. None where what was sent early is not of this artifact."""
        shift = len(artifact.prefix) - artifact.start  # from offsets in the file to those in the object
        front, size, step = _FRONT_BYTES + shift, artifact.size_bytes, self._limits.part_bytes
        rest = range(self._end + shift, size, step)
        if front < _SHORTEST_PART_BYTES or self._end > artifact.stop or 1 + len(self._early) + len(rest) > MAX_PARTS:
            return None
        early = [part._replace(offset=part.offset + shift) for part in self._early]
        bounds = [0, *(part.offset for part in early), *rest, size]
        digest = await asyncio.to_thread(digest_of_parts, artifact, bounds)
        parts = _parts_between(bounds, digest)
        if parts[1 : 1 + len(early)] != early:
            return None
        left = [parts[0], *parts[1 + len(early) :]]
        sent = self.sent_bytes
        await self._upload.send(artifact, left, lambda done: on_bytes(sent + done))
        await self._upload.complete(size, digest, {})
        self._is_completed = True
        return digest.sha256

    async def _given_up(self) -> None:
        """Wait for what is on its way, and abort the upload if there is one."""
        assert self._tailing is not None
        await asyncio.wait([self._tailing])
        if self.is_begun and not self._is_completed:
            self.is_begun, self._has_failed = False, True
            await run_shielded(self._upload.abort(), seconds=ABORT_WAIT_SECONDS)


def _parts_between(bounds: list[int], digest: Digest) -> list[Part]:
    return [
        Part(number, begin, end - begin, crc32)
        for number, ((begin, end), crc32) in enumerate(zip(pairwise(bounds), digest.parts, strict=True), start=1)
    ]
