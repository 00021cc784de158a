"""Jobs of long outputs: the real use case over a simulated S3, and encoders that take their time.

Parts are sent while it converts, and pieces are encoded by the real lanes in spare slots. Files are names alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from tests.simulation.queue.objects import SimulatedObjects
from tests.simulation.queue.schedule import Script
from worker.adapters.ffmpeg.lanes import Lanes
from worker.application.jobs.conversion import Conversion, ConversionLimits
from worker.application.jobs.space import Reservation
from worker.application.jobs.workspace import JobDirectory, Workspace
from worker.application.progress.job_progress import JobProgress
from worker.domain.containers.structure import Structure
from worker.domain.errors import ConverterCrashedError, NoAudioError
from worker.domain.job import Job, OutputSpec
from worker.domain.outcome import Completed
from worker.domain.progress import Record
from worker.domain.splitting.pieces import Piece
from worker.ports import Artifact, AudioConverter, ConversionProgress, Converted, ObjectStore, SourceAudio

if TYPE_CHECKING:
    from tests.simulation.queue.worker import Worker

_SECONDS = 100.0  # of sound in each source
_SIZE_BYTES = 1000
_AUDIO = SourceAudio("wav", "pcm_s16le", 48_000, 2, 16, _SECONDS, _SIZE_BYTES, Structure(0, _SIZE_BYTES))
_LIMITS = ConversionLimits(1 << 30, 1000.0)
_A_MOMENT_SECONDS = 0.001  # what is to stop at once has stopped
_STEP_SECONDS = 5.0  # so often a converter says how far it is


async def convert_long(
    worker: Worker,
    script: Script,
    word: str,
    job: Job,
    progress: JobProgress,
    before_upload: Callable[[], Awaitable[None]],
    claim: Record,
) -> Completed:
    """Run the real use case for an attempt that goes as its `word` says."""
    objects = SimulatedObjects(worker.s3, claim)
    conversion = Conversion(
        cast("ObjectStore", objects),
        cast("AudioConverter", _Converter(worker, script, word, claim)),
        cast("Workspace", _Workspace()),
        _LIMITS,
        random=worker.world.rng.random,
    )
    try:
        return await conversion.run(job, progress, before_upload=before_upload, claimed=claim)
    finally:
        if not worker.network.is_cut:
            worker.world.checker.encoders.attempt_ends(worker.name, job.job_id)


async def meet(word: str, worker: Worker) -> None:
    """Do what happens half-way in an attempt that goes as the word says."""
    match word:
        case "fail":
            raise NoAudioError
        case "stumble":
            raise ConverterCrashedError("by the schedule")
        case "crash":
            worker.kill()
            await asyncio.sleep(0)
        case "hang":
            await asyncio.get_running_loop().create_future()


class _Converter:
    """An `AudioConverter` of one attempt."""

    def __init__(self, worker: Worker, script: Script, word: str, claim: Record) -> None:
        self._worker = worker
        self._script = script
        self._word = word
        self._claim = claim
        self._joined = 0

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        return _AUDIO

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        progress: ConversionProgress,
        **_: Any,
    ) -> Converted:
        number = self._script.pieces or 1
        pieces = [Piece(each, each, each + 1, each, each + 1, each == number - 1) for each in range(number)]
        if number == 1:
            await self._encode(pieces[0], progress)
        else:
            lanes = Lanes(pieces, self._worker.slots.spare, lambda piece: self._encode(piece, progress), self._join)
            await lanes.run()
        self._worker.world.checker.targets.converted(self._claim)
        return Converted(tuple(Artifact(path, _SECONDS, 0, _SIZE_BYTES) for _, path in outputs), _SECONDS)

    async def _encode(self, piece: Piece, progress: ConversionProgress) -> None:
        worker, job_id, script = self._worker, self._claim.job_id, self._script
        encoders = worker.world.checker.encoders
        encoders.begins(worker.name, job_id)
        try:
            worker.loop.call_later(_A_MOMENT_SECONDS, self._check_the_slots)
            seconds = script.seconds / (script.pieces or 1)
            await self._take(seconds / 2, progress)
            if piece.is_last:
                await meet(self._word, worker)
            await self._take(seconds / 2, progress)
        finally:
            encoders.ends(worker.name, job_id)

    async def _take(self, seconds: float, progress: ConversionProgress) -> None:
        while seconds > 0:
            await asyncio.sleep(min(seconds, _STEP_SECONDS))
            seconds -= _STEP_SECONDS
            progress.seconds_done = min(_SECONDS, progress.seconds_done + 1)

    async def _join(self, piece: Piece) -> None:
        if piece.number != self._joined:
            self._worker.world.checker.violated(f"piece {piece.number} of {self._claim.job_id} is joined out of order")
        self._joined += 1
        await asyncio.sleep(_A_MOMENT_SECONDS)

    def _check_the_slots(self) -> None:
        if not self._worker.network.is_cut:
            self._worker.world.checker.encoders.check(self._worker.name, self._worker.slots.concurrency)


class _Name(PurePosixPath):
    """A path at which there is no file."""

    def unlink(self) -> None:
        """Nothing is there."""

    def stat(self) -> os.stat_result:
        raise FileNotFoundError


class _Space:
    """A `Reservation` of all that is asked for."""

    size_bytes = 1 << 40

    def take(self, _need: object) -> bool:
        return True

    def give_back_beyond(self, need: object) -> None:
        """There is enough."""

    def keep_what_is_written(self) -> None:
        """There is enough."""


class _Workspace:
    @asynccontextmanager
    async def job_directory(self) -> AsyncIterator[JobDirectory]:
        yield JobDirectory(cast("Path", _Name("/job")), cast("Reservation", _Space()))
