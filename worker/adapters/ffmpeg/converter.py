"""`AudioConverter` with the ffmpeg command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from worker.adapters.ffmpeg.command import convert_command, probe_command
from worker.adapters.ffmpeg.files import descriptors, inspect, mended, to_artifact
from worker.adapters.ffmpeg.process import ProcessLimits, run
from worker.adapters.ffmpeg.report import ProgressReader, failure_of, read_counts, read_headers
from worker.adapters.ffmpeg.verdict import check_counts, check_headers
from worker.domain.encoding import Encoding, encoding_for
from worker.domain.errors import ConverterCrashedError, DurationTooLongError
from worker.domain.job import OutputSpec
from worker.ports import Artifact, ConversionProgress, SourceAudio

_PROBE_SECONDS = 60.0
_PROBE_CPU_SECONDS = 30
_MAX_PRINTED_BYTES = 65_536
_OVER_THE_LIMIT_SECONDS = 1.0  # sound that is decoded beyond the limit, so that "too long" can be told from "just"
_HEADROOM_BYTES = 64 * 1024 * 1024  # of an output, for tags and for what a container adds
_CPU_HEADROOM_SECONDS = 60


class FfmpegConverter:
    """Converts with the ffmpeg at `binary`.

    `memory_bytes` bounds the address space of each process; 16 outputs were measured to need 768 MiB. A conversion
    that hangs is stopped by whoever watches its progress.
    """

    def __init__(self, binary: str, *, memory_bytes: int = 2 * 1024**3) -> None:
        self._binary = binary
        self._memory_bytes = memory_bytes

    async def probe(self, source: Path) -> SourceAudio:
        """Read the headers, and see from its structure whether the source is all there."""
        sniffed, structure, size_bytes = await asyncio.to_thread(inspect, source)
        printed = bytearray()
        with descriptors(source) as (source_fd, _):
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    ended = await run(
                        probe_command(self._binary, sniffed.container, source_fd, structure),
                        fds=[source_fd],
                        cwd=source.parent,
                        limits=ProcessLimits(self._memory_bytes, _PROBE_CPU_SECONDS, file_bytes=0),
                        on_output=lambda chunk: printed.extend(chunk[: _MAX_PRINTED_BYTES - len(printed)]),
                    )
            except TimeoutError:
                raise ConverterCrashedError(f"the source's headers took over {_PROBE_SECONDS:.0f} s") from None
        if error := failure_of(ended):
            raise error
        headers = read_headers(printed.decode("utf-8", "replace"), ended.stderr)
        check_headers(headers)
        return SourceAudio(
            container=sniffed.container.value,
            codec=headers.codec,
            sample_rate_hz=headers.sample_rate_hz,
            channels=headers.channels,
            bits_per_sample=headers.bits_per_sample,
            duration_seconds=structure.track_seconds[0] if structure.track_seconds else headers.duration_seconds,
            size_bytes=size_bytes,
            structure=structure,
        )

    async def convert(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[OutputSpec, Path]],
        *,
        max_duration_seconds: float,
        progress: ConversionProgress,
    ) -> Sequence[Artifact]:
        """Run one process for all outputs, and believe it only when its own counts add up."""
        if audio.duration_seconds is not None and audio.duration_seconds > max_duration_seconds:
            raise DurationTooLongError(audio.duration_seconds, max_duration_seconds)
        encodings = [
            encoding_for(
                spec,
                sample_rate_hz=audio.sample_rate_hz,
                channels=audio.channels,
                bits_per_sample=audio.bits_per_sample,
            )
            for spec, _ in outputs
        ]
        paths = [path for _, path in outputs]
        async with mended(source, audio.structure) as readable:
            stderr = await self._run(
                readable, audio, list(zip(encodings, paths, strict=True)), max_duration_seconds, progress
            )
        lengths = check_counts(
            read_counts(stderr, len(outputs)),
            audio,
            encodings,
            frame_bytes=audio.structure.frame_bytes if audio.duration_seconds is None else None,
            max_duration_seconds=max_duration_seconds,
        )
        formats = [encoding.format for encoding in encodings]
        return await asyncio.to_thread(lambda: list(map(to_artifact, paths, formats, lengths)))

    async def _run(
        self,
        source: Path,
        audio: SourceAudio,
        outputs: Sequence[tuple[Encoding, Path]],
        max_duration_seconds: float,
        progress: ConversionProgress,
    ) -> str:
        """Run ffmpeg to a good end and return what it said."""
        reader = ProgressReader()
        limit_seconds = max_duration_seconds + _OVER_THE_LIMIT_SECONDS
        with descriptors(source, [path for _, path in outputs]) as (source_fd, target_fds):

            def on_output(chunk: bytes) -> None:
                if reader.feed(chunk):
                    progress.seconds_done = reader.seconds_done
                    if not audio.duration_seconds:
                        # The process shares the offset: it says how far it has read, and /proc is not needed.
                        progress.bytes_read = os.lseek(source_fd, 0, os.SEEK_CUR)

            ended = await run(
                convert_command(
                    self._binary,
                    audio.container,
                    audio.codec,
                    source_fd,
                    audio.structure,
                    [(encoding, fd) for (encoding, _), fd in zip(outputs, target_fds, strict=True)],
                    limit_seconds=limit_seconds,
                ),
                fds=[source_fd, *target_fds],
                cwd=outputs[0][1].parent,
                limits=self._limits(audio, [encoding for encoding, _ in outputs], limit_seconds),
                on_output=on_output,
            )
        if error := failure_of(ended):
            raise error
        if not reader.has_ended:
            raise ConverterCrashedError("the converter ended before the end")
        return ended.stderr

    def _limits(self, audio: SourceAudio, encodings: Sequence[Encoding], limit_seconds: float) -> ProcessLimits:
        """Nothing decodes or encodes slower than it plays, and nothing encodes to more than plain samples."""
        length = audio.duration_seconds or limit_seconds
        widest = max(encoding.sample_rate_hz * encoding.channels for encoding in encodings)
        return ProcessLimits(
            memory_bytes=self._memory_bytes,
            cpu_seconds=_CPU_HEADROOM_SECONDS + int(length * (1 + len(encodings))),
            file_bytes=_HEADROOM_BYTES + int(limit_seconds * widest * 4),
        )
