"""`AudioConverter` with the ffmpeg command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from worker.adapters.disk import unless_short
from worker.adapters.ffmpeg.command import convert_command, probe_command
from worker.adapters.ffmpeg.encodings import encodings_of, within
from worker.adapters.ffmpeg.files import Inspected, descriptors, inspect, mended
from worker.adapters.ffmpeg.filters import filter_graph, has_reference
from worker.adapters.ffmpeg.finishing import finished
from worker.adapters.ffmpeg.finite import is_finite
from worker.adapters.ffmpeg.log import MAX_DESCRIPTION_BYTES, Log
from worker.adapters.ffmpeg.prediction import MAX_PRINTED_BYTES, Check, predicted_headers, source_audio
from worker.adapters.ffmpeg.process import ProcessLimits, run
from worker.adapters.ffmpeg.report import (
    Counts,
    ProgressReader,
    check_end,
    failure_of,
    read_counts,
    read_headers,
)
from worker.adapters.ffmpeg.verdict import Verdict, check_counts, check_headers
from worker.adapters.sandbox.choice import available_sandbox
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.encoding import Encoding
from worker.domain.errors import (
    ConverterAlwaysFailsError,
    ConverterCrashedError,
    ConverterFailedError,
    DurationTooLongError,
    UnsupportedAudioError,
    WorkerError,
)
from worker.domain.job import OutputSpec
from worker.ports import ConversionProgress, Converted, MispredictedError, SourceAudio

_PROBE_SECONDS = 60.0
_PROBE_CPU_SECONDS = 30
_OVER_THE_LIMIT_SECONDS = 1.0  # sound that is decoded beyond the limit, to see that there is more
_HEADROOM_BYTES = 64 * 1024 * 1024  # of an output, for tags and for what a container adds
_CPU_HEADROOM_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What the outputs may be. `file_bytes`: None leaves it to the seconds."""

    seconds: float
    file_bytes: int | None
    as_pieces: bool = False


class FfmpegConverter:
    """Converts with the ffmpeg at `binary`.

    `memory_bytes` bounds the address space of each process; 16 outputs were measured to need 768 MiB. A conversion
    that hangs is stopped by the caller, which watches its progress. `sandbox`: None for all that the kernel has.
    """

    def __init__(self, binary: str, *, sandbox: Sandbox | None = None, memory_bytes: int = 2 * 1024**3) -> None:
        self._binary = binary
        self._sandbox = available_sandbox(binary) if sandbox is None else sandbox
        self._memory_bytes = memory_bytes

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        """Read the headers, and see from its structure whether the source is all there."""
        inspected = await asyncio.to_thread(inspect, source)
        if may_predict and (audio := await self._predicted(source, inspected)) is not None:
            return audio
        parts = inspected.structure.parts
        if not parts:
            return await self._probe(source, inspected)
        audios = [
            await self._probe(source, replace(inspected, structure=part, size_bytes=part.end - part.begin))
            for part in parts
        ]
        lengths = [audio.duration_seconds for audio in audios if audio.duration_seconds is not None]
        return replace(
            audios[0],
            bits_per_sample=max(audio.bits_per_sample for audio in audios),
            duration_seconds=sum(lengths) if len(lengths) == len(audios) else None,
            size_bytes=inspected.size_bytes,
            structure=inspected.structure,
            parts=tuple(audios),
        )

    async def _predicted(self, source: Path, inspected: Inspected) -> SourceAudio | None:
        headers = predicted_headers(inspected)
        if headers is None:
            return None
        try:
            check_headers(headers)
        except UnsupportedAudioError:
            return None  # refused for what ffmpeg says alone
        has_only_numbers = await asyncio.to_thread(is_finite, source, inspected, headers)
        return replace(source_audio(inspected, headers, "", is_finite=has_only_numbers), is_predicted=True)

    async def _probe(self, source: Path, inspected: Inspected) -> SourceAudio:
        printed, log = bytearray(), Log(MAX_DESCRIPTION_BYTES)
        with descriptors([source]) as ((source_fd,), _):
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    returncode = await run(
                        probe_command(self._binary, inspected.container, source_fd, inspected.structure),
                        fds=[source_fd],
                        cwd=source.parent,
                        limits=ProcessLimits(self._memory_bytes, _PROBE_CPU_SECONDS, file_bytes=0),
                        on_output=lambda chunk: printed.extend(chunk[: MAX_PRINTED_BYTES - len(printed)]),
                        on_log=log.feed,
                        sandbox=self._sandbox,
                    )
            except TimeoutError:
                raise ConverterCrashedError(f"the source's headers took over {_PROBE_SECONDS:.0f} s") from None
        if error := failure_of(returncode, log):
            raise error
        headers = read_headers(printed.decode("utf-8", "replace"), log)
        check_headers(headers)
        has_only_numbers = await asyncio.to_thread(is_finite, source, inspected, headers)
        return source_audio(inspected, headers, log.described, is_finite=has_only_numbers)

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        progress: ConversionProgress,
        max_file_bytes: int | None = None,
    ) -> Converted:
        """Run one process for all outputs, and accept the result only where ffmpeg's own counts add up."""
        if audio.duration_seconds is not None and audio.duration_seconds > max_duration_seconds:
            if audio.is_predicted:
                raise MispredictedError
            raise DurationTooLongError(audio.duration_seconds, max_duration_seconds)
        encodings = encodings_of([spec for spec, _ in outputs], audio)
        paths = [path for _, path in outputs]
        bounds = _Bounds(max_duration_seconds, max_file_bytes)
        async with mended(source, audio.structure) as readable:
            convert = partial(self._run_as_found, readable, bounds=bounds, progress=progress)
            if any(each.cut is not None and each.cut.needs_length(audio.duration_seconds) for each in encodings):
                audio, length = await convert(audio, [])
                encodings = within(encodings, audio, length.source_seconds)
            written = list(zip(encodings, paths, strict=True))
            audio, verdict = await convert(audio, written)
        size_bytes = sum(path.stat().st_size for path in paths)
        artifacts = await unless_short(size_bytes, lambda: finished(audio, written, verdict.lengths))
        return Converted(artifacts, verdict.repaired)

    async def encode(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        *,
        seconds: float,
        max_file_bytes: int,
        progress: ConversionProgress,
        as_pieces: bool = False,
    ) -> Counts | None:
        """Run ffmpeg once over `seconds` of sound, and return its counts, for the caller to judge.

        Raises what `convert` raises. With `as_pieces` the files are not those of their formats, but such that their
        packets can be found.
        """
        log = await self._run(source, audio, outputs, _Bounds(seconds, max_file_bytes, as_pieces), progress)
        return read_counts(log, len(outputs), audio.sample_rate_hz)

    async def _run_as_found(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        *,
        bounds: _Bounds,
        progress: ConversionProgress,
    ) -> tuple[SourceAudio, Verdict]:
        """Convert, or without outputs decode alone; once more where the source turns out to be another than it seemed.

        Gaps of one frame look like a clock that jitters, and a mix for every layout costs time: few sources need them.
        """
        encodings = [encoding for encoding, _ in outputs]
        log = await self._run_twice(source, audio, outputs, bounds, progress)
        audio = replace(audio, is_predicted=False)
        found = replace(
            audio,
            loses_frames=audio.loses_frames or log.has_lost_frames,
            changes_format=audio.changes_format or log.changes > 0,
        )
        if filter_graph(found, encodings) != filter_graph(audio, encodings):
            audio = found
            log = await self._run_twice(source, audio, outputs, bounds, progress)
        counts = read_counts(log, len(encodings) + has_reference(encodings), audio.sample_rate_hz)
        return audio, check_counts(counts, audio, encodings, max_duration_seconds=bounds.seconds)

    async def _run_twice(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        bounds: _Bounds,
        progress: ConversionProgress,
    ) -> Log:
        """Run ffmpeg again where it failed by itself: the same failure twice is not chance."""
        try:
            return await self._run(source, audio, outputs, bounds, progress)
        except ConverterFailedError as first:
            try:
                return await self._run(source, audio, outputs, bounds, progress)
            except ConverterFailedError as second:
                if str(first) == str(second):
                    raise ConverterAlwaysFailsError(str(first)) from second
                raise

    async def _run(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        bounds: _Bounds,
        progress: ConversionProgress,
    ) -> Log:
        """Run ffmpeg to a good end and return what it said. Raises MispredictedError where it reads another source."""
        log, check = Log(), Check(audio)
        try:
            await self._run_to_the_end(source, audio, outputs, bounds, progress, log, check)
        except WorkerError:
            check.final(log)
            raise
        check.final(log)
        return log

    async def _run_to_the_end(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        bounds: _Bounds,
        progress: ConversionProgress,
        log: Log,
        check: Check,
    ) -> None:
        reader = ProgressReader()
        limit_seconds = bounds.seconds + _OVER_THE_LIMIT_SECONDS
        sources = [source] * max(1, len(audio.parts))
        with descriptors(sources, [path for _, path in outputs]) as (source_fds, target_fds):

            def on_output(chunk: bytes) -> None:
                check.feed(chunk)
                if reader.feed(chunk):
                    check.early(log)
                    if reader.seconds_done > limit_seconds + _OVER_THE_LIMIT_SECONDS:
                        raise DurationTooLongError(None, bounds.seconds)  # ffmpeg counts anew at each change
                    if not check.is_right:  # both pipes of ffmpeg have to be read for that, and they are in no order
                        return
                    progress.seconds_done = reader.seconds_done
                    if not audio.duration_seconds:
                        # The process shares the offset: it says how far it has read, and /proc is not needed.
                        progress.bytes_read = os.lseek(source_fds[0], 0, os.SEEK_CUR)

            returncode = await run(
                convert_command(
                    self._binary,
                    audio,
                    source_fds,
                    [(encoding, fd) for (encoding, _), fd in zip(outputs, target_fds, strict=True)],
                    limit_seconds=limit_seconds,
                    as_pieces=bounds.as_pieces,
                ),
                fds=[*source_fds, *target_fds],
                cwd=source.parent,
                limits=self._limits(audio, [encoding for encoding, _ in outputs], limit_seconds, bounds.file_bytes),
                on_output=on_output,
                on_log=log.feed,
                sandbox=self._sandbox,
            )
        check_end(returncode, reader, log)

    def _limits(
        self, audio: SourceAudio, encodings: Sequence[Encoding], limit_seconds: float, file_bytes: int | None
    ) -> ProcessLimits:
        """Nothing decodes or encodes slower than it plays, and nothing encodes to more than plain samples."""
        length = audio.duration_seconds or limit_seconds
        widest = max((encoding.sample_rate_hz * encoding.channels for encoding in encodings), default=0)
        return ProcessLimits(
            memory_bytes=self._memory_bytes,
            cpu_seconds=_CPU_HEADROOM_SECONDS + int(length * (1 + len(encodings))),
            file_bytes=_HEADROOM_BYTES + int(limit_seconds * widest * 4) if file_bytes is None else file_bytes,
        )
