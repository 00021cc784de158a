"""`AudioConverter` that uses spare slots: a long source of plain samples is encoded in pieces side by side.

A source is converted as a whole where it cannot be split, where that is not worth it, or where no slot is spare. Where
its pieces fail or do not fit together, it is converted again as a whole, and the outcome is that of the whole.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from worker.adapters.ffmpeg.converter import FfmpegConverter
from worker.adapters.ffmpeg.counts import Counts
from worker.adapters.ffmpeg.encodings import encodings_of
from worker.adapters.ffmpeg.finishing import finished
from worker.adapters.ffmpeg.joined_output import JoinedOutput, joiner_for, read_flac_header
from worker.adapters.ffmpeg.lanes import Lanes
from worker.adapters.ffmpeg.samples import Samples, can_be_joined, plain_samples_of
from worker.adapters.ffmpeg.split_task import SplitTask
from worker.adapters.ffmpeg.verdict import check_counts
from worker.adapters.shielding import run_shielded
from worker.domain.audio import AudioFormat
from worker.domain.encoding import Encoding
from worker.domain.errors import WorkerError
from worker.domain.job import OutputSpec
from worker.domain.splitting.flac import FlacJoiner
from worker.domain.splitting.joiner import Joiner, JoinError
from worker.domain.splitting.pieces import FLAC_FRAME_SAMPLES, Pace, Piece, pieces_of
from worker.events import Event, emit
from worker.ports import (
    ConversionProgress,
    Converted,
    DownloadedPart,
    IncomingSource,
    JoinedSources,
    MispredictedError,
    OutputLimitError,
    SourceAudio,
    SpareSlots,
)

_SMALL_FILE_BYTES = 256 * 1024  # an output without sound, and what headers add to any
_NO_LIMIT_BYTES = 1 << 40


class SplittingConverter:
    """Converts sources with `whole`, or has it encode pieces of one side by side, in the spare slots of `slots`."""

    def __init__(self, whole: FfmpegConverter, slots: SpareSlots, pace: Pace = Pace()) -> None:  # noqa: B008 - a value
        self._whole = whole
        self._slots = slots
        self._pace = pace

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        return await self._whole.probe(source, may_predict=may_predict)

    async def predict_from_front(self, source: Path, incoming: IncomingSource) -> SourceAudio | None:
        return await self._whole.predict_from_front(source, incoming)

    async def join(
        self,
        parts: Sequence[DownloadedPart],
        path: Path,
        *,
        crossfade_seconds: float,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
    ) -> JoinedSources:
        return await self._whole.join(
            parts,
            path,
            crossfade_seconds=crossfade_seconds,
            max_duration_seconds=max_duration_seconds,
            progress=progress,
            max_file_bytes=max_file_bytes,
        )

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
        incoming: IncomingSource | None = None,
    ) -> Converted:
        paths = [path for _, path in outputs]
        encodings = encodings_of([spec for spec, _ in outputs], audio)
        samples = plain_samples_of(audio) if (audio.duration_seconds or 0) <= max_duration_seconds else None
        is_kept = incoming is None or incoming.is_kept  # a piece reads where it likes, and maybe twice
        pieces = self._pieces(samples, encodings) if samples is not None and is_kept else []
        if samples is not None and pieces:
            if incoming is None:  # else when all of it is there
                await self._confirm(source, audio)
            limit = _NO_LIMIT_BYTES if max_file_bytes is None else max_file_bytes
            try:
                converted = await self._split(
                    SplitTask(source, samples, encodings, paths, pieces, limit, progress, incoming)
                )
            except (JoinError, WorkerError) as exc:
                emit(Event.CONVERSION_SPLIT_FAILED, error=str(exc))
                progress.seconds_done, progress.encoders = 0.0, 1.0
            else:
                if incoming is not None:
                    await incoming.wait_until_complete()
                    await self._confirm(source, audio)
                return converted
        return await self._whole.convert(
            source,
            audio,
            outputs,
            max_duration_seconds=max_duration_seconds,
            progress=progress,
            max_file_bytes=max_file_bytes,
            incoming=incoming,
        )

    def _pieces(self, samples: Samples, encodings: Sequence[Encoding]) -> list[Piece]:
        if not all(can_be_joined(samples, encoding) for encoding in encodings):
            return []
        return pieces_of(samples.count, samples.audio.sample_rate_hz, encodings, 1 + self._slots.spare, self._pace)

    async def _confirm(self, source: Path, audio: SourceAudio) -> None:
        """Pieces have no headers that could confirm a prediction, and beside them a probe costs little."""
        if audio.is_predicted and await self._whole.probe(source) != replace(audio, is_predicted=False):
            raise MispredictedError

    async def _split(self, task: SplitTask) -> Converted:
        stopped = threading.Event()
        digest: asyncio.Future[bytes] | None = None
        if any(encoding.format is AudioFormat.FLAC for encoding in task.encodings):
            digest = asyncio.create_task(task.md5(stopped), name="checksum of samples")
        try:
            outputs = [await self._output(task, number, digest) for number in range(len(task.paths))]
            run = _SplitConversion(task, self._whole, outputs)
            try:
                await run.run(self._slots)
                if digest is not None:
                    await digest
                return await asyncio.to_thread(run.finish)
            finally:
                for output in outputs:
                    output.close()
        except BaseException:
            await run_shielded(asyncio.to_thread(task.remove_files))
            raise
        finally:
            stopped.set()
            if digest is not None:
                digest.cancel()
                await run_shielded(_ended(digest))

    async def _output(self, task: SplitTask, number: int, digest: asyncio.Future[bytes] | None) -> JoinedOutput:
        encoding, path = task.encodings[number], task.paths[number]
        if encoding.format is AudioFormat.FLAC and digest is not None:
            joiner: Joiner = FlacJoiner(await self._flac_header(task, encoding, path), digest.result)
        else:
            joiner = joiner_for(encoding)
        return JoinedOutput(path, encoding, task.samples.audio.sample_rate_hz, joiner)

    async def _flac_header(self, task: SplitTask, encoding: Encoding, path: Path) -> bytes:
        """The bytes before the first frame of a FLAC output, from an encoding of its first frame alone."""
        await task.wait_for_frames(FLAC_FRAME_SAMPLES)
        first = task.samples.given_to(Piece(0, 0, FLAC_FRAME_SAMPLES, 0, FLAC_FRAME_SAMPLES, is_last=True))
        await self._whole.encode(
            task.source,
            first,
            [(encoding, path)],
            seconds=1.0,
            max_file_bytes=_SMALL_FILE_BYTES,
            progress=ConversionProgress(),
        )
        return await asyncio.to_thread(read_flac_header, path)


class _SplitConversion:
    """Has the pieces of one conversion encoded, and joins them."""

    def __init__(self, task: SplitTask, converter: FfmpegConverter, outputs: list[JoinedOutput]) -> None:
        self._task = task
        self._converter = converter
        self._outputs = outputs
        self._encoded: dict[int, tuple[int | None, ...]] = {}  # samples of each output, by the number of the piece
        self._running = 0

    async def run(self, slots: SpareSlots) -> None:
        """Raises what `FfmpegConverter.encode` raises, JoinError, OutputLimitError, WorkspaceFullError."""
        time = asyncio.get_running_loop().time
        lanes, began_at = Lanes(self._task.pieces, slots, self._encode, self._join), time()
        await lanes.run()
        self._task.progress.encoders = max(1.0, lanes.busy_seconds / max(1e-3, time() - began_at))

    def finish(self) -> Converted:
        """Return the finished outputs, after the checks of a conversion as a whole. Blocks on disk I/O."""
        for output in self._outputs:
            output.finish()
        samples, audio = self._task.samples, self._task.samples.audio
        seconds = samples.count / audio.sample_rate_hz
        counts = Counts(
            read_bytes=samples.count * samples.frame_bytes,
            decoded_frames=len(self._task.pieces),
            decoded_samples=samples.count,
            decode_errors=0,
            shortest_seconds=seconds,
            longest_seconds=seconds,
            changes=0,
            left_out_seconds=0.0,
            encoded_samples=tuple(output.samples for output in self._outputs),
        )
        verdict = check_counts(counts, audio, self._task.encodings, max_duration_seconds=seconds)
        written = [(output.encoding, output.path) for output in self._outputs]
        artifacts = finished(audio, written, verdict.lengths)
        return Converted(artifacts, verdict.source_seconds, verdict.repaired)

    async def _encode(self, piece: Piece) -> None:
        task = self._task
        await task.wait_for_frames(piece.given_end)
        part = task.samples.given_to(piece)
        progress = _PieceProgress(task.progress, (piece.end - piece.begin) / piece.given_samples)
        self._running += 1
        task.progress.encoders = self._running
        try:
            counts = await self._converter.encode(
                task.source,
                part,
                [(output.encoding, output.path_of(piece)) for output in self._outputs],
                seconds=part.duration_seconds or 0.0,
                max_file_bytes=_SMALL_FILE_BYTES + task.max_file_bytes * piece.given_samples // task.samples.count,
                progress=progress,
                as_pieces=True,
            )
        except BaseException:
            progress.seconds_done = 0.0  # it counts when it is done again
            raise
        finally:
            self._running -= 1
            task.progress.encoders = max(1, self._running)
        if counts is None or counts.decoded_samples != piece.given_samples or counts.decode_errors:
            raise JoinError("a piece does not have all samples that it was given")
        self._encoded[piece.number] = counts.encoded_samples

    async def _join(self, piece: Piece) -> None:
        for output, samples in zip(self._outputs, self._encoded[piece.number], strict=True):
            if output.bytes_while_joined(piece, self._task.pieces) > self._task.max_file_bytes:
                raise OutputLimitError("an output and its pieces became larger than they may")
            await run_shielded(asyncio.to_thread(output.add, piece, samples or 0))


class _PieceProgress(ConversionProgress):
    """The progress of a piece, of which a share is kept. As much of it counts in the progress of the whole."""

    def __init__(self, whole: ConversionProgress, share: float) -> None:
        self._whole = whole
        self._share = share
        self._seconds = 0.0
        super().__init__()

    @property
    def seconds_done(self) -> float:
        return self._seconds

    @seconds_done.setter
    def seconds_done(self, seconds: float) -> None:
        self._whole.seconds_done += (seconds - self._seconds) * self._share
        self._seconds = seconds


async def _ended(digest: asyncio.Future[bytes]) -> None:
    await asyncio.gather(digest, return_exceptions=True)
