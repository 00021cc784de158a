"""A converter that reads WAV and writes copies of it: the rules of the port without ffmpeg's cost."""

from __future__ import annotations

import asyncio
import shutil
import wave
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from tests.support.frames import reader
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import examine, sniff
from worker.domain.containers.structure import Structure
from worker.domain.cutting import seconds_of
from worker.domain.errors import DurationTooLongError, UnsupportedAudioError, WorkerError
from worker.domain.hls import Rendition, Segment
from worker.domain.job import OutputSpec
from worker.domain.joining import SourcePart, naming
from worker.domain.loudness import OutputLoudness
from worker.ports import (
    Artifact,
    ConversionProgress,
    Converted,
    DownloadedPart,
    IncomingSource,
    JoinedSources,
    MispredictedError,
    OutputLimitError,
    SourceAudio,
    Stream,
)


class FakeConverter:
    """`probe`, `convert` and `join` can each be made to fail; the latter two wait half-way until `may_finish` is set.

    It predicts all sources. A length that is wrong by `prediction_error_seconds` is found out half-way.
    """

    def __init__(self) -> None:
        self.probe_error: WorkerError | None = None
        self.convert_error: WorkerError | None = None
        self.join_error: WorkerError | None = None
        self.repaired: tuple[str, ...] = ()
        self.loudness: OutputLoudness | None = None  # of all outputs
        self.prediction_error_seconds = 0.0
        self.may_finish = asyncio.Event()
        self.may_finish.set()
        self.probes = 0  # without a prediction
        self.predicts_from_front = False  # of any source that is a WAV
        self.conversions = 0  # that have begun
        self.specs: list[OutputSpec] = []  # of the last conversion
        self.running = 0  # conversions that have begun and not ended
        self.joined: list[list[SourcePart]] = []  # the parts of each join that has begun

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        await asyncio.sleep(0)
        if self.probe_error is not None:
            raise self.probe_error
        audio = await asyncio.to_thread(_probe, source)
        if not may_predict:
            self.probes += 1
            return audio
        predicted_seconds = (audio.duration_seconds or 0.0) + self.prediction_error_seconds
        return replace(audio, duration_seconds=predicted_seconds, is_predicted=True)

    async def predict_from_front(self, source: Path, incoming: IncomingSource) -> SourceAudio | None:
        await asyncio.sleep(0)
        if not self.predicts_from_front:
            return None
        with source.open("rb") as file:
            front = file.read(44)
        silence = bytes(incoming.size_bytes - len(front))
        whole = source.with_name("predicted")
        whole.write_bytes(front + silence)
        try:
            return replace(_probe(whole), is_predicted=True)
        finally:
            whole.unlink()

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
        length = audio.duration_seconds or 0.0
        if length > max_duration_seconds:
            if audio.is_predicted:
                raise MispredictedError
            raise DurationTooLongError(length, max_duration_seconds)
        self.conversions += 1
        self.specs = [spec for spec, _ in outputs]
        self.running += 1
        try:
            progress.seconds_done = length / 2
            await asyncio.sleep(0)
            await self.may_finish.wait()
            passed = bytearray()
            if incoming is not None:
                await (incoming.wait_until_complete() if incoming.is_kept else _read_once(source, incoming, passed))
            if audio.is_predicted and self.prediction_error_seconds:
                raise MispredictedError
            if self.convert_error is not None:
                raise self.convert_error
            for _, path in outputs:
                if max_file_bytes is not None and audio.size_bytes > max_file_bytes:
                    raise OutputLimitError
                if passed:
                    path.write_bytes(passed)
                else:
                    await asyncio.to_thread(shutil.copyfile, source, path)
            progress.seconds_done = length
            artifacts = tuple(
                _stream(spec, path, length, audio.size_bytes)
                if spec.is_stream
                else Artifact(path, seconds_of(spec, length), 0, audio.size_bytes, loudness=self.loudness)
                for spec, path in outputs
            )
            return Converted(artifacts, length, self.repaired)
        finally:
            self.running -= 1

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
        total = sum(part.source_seconds for part in parts)
        if total > max_duration_seconds:
            raise DurationTooLongError(total, max_duration_seconds, sources=len(parts))
        self.joined.append([part.part for part in parts])
        seconds = sum(part.seconds for part in parts) - crossfade_seconds * (len(parts) - 1)
        size_bytes = sum(part.audio.size_bytes for part in parts)
        if max_file_bytes is not None and size_bytes > max_file_bytes:
            raise OutputLimitError
        with naming(parts[-1].part.source):
            progress.seconds_done = total / 2
            await asyncio.sleep(0)
            await self.may_finish.wait()
            if self.join_error is not None:
                raise self.join_error
        await asyncio.to_thread(_concatenate, [part.path for part in parts], path)
        progress.seconds_done = total
        audio = parts[0].audio
        made_of = replace(audio.format, duration_seconds=seconds)
        audio = replace(audio, duration_seconds=seconds, size_bytes=size_bytes, made_of=made_of, is_predicted=False)
        return JoinedSources(audio, self.repaired)


async def _read_once(source: Path, incoming: IncomingSource, passed: bytearray) -> None:
    """Read a source that passes through, as it comes."""
    with source.open("rb") as file:
        while len(passed) < incoming.size_bytes:
            await incoming.wait_for_more_than(len(passed))
            file.seek(len(passed))
            passed += file.read()
            incoming.read_up_to(len(passed))


def _concatenate(sources: Sequence[Path], path: Path) -> None:
    path.write_bytes(b"".join(source.read_bytes() for source in sources))


def _stream(spec: OutputSpec, path: Path, seconds: float, size_bytes: int) -> Artifact:
    """A stream with the copy at each bitrate. A quarter of it stands before three segments of a quarter each."""
    bounds = [number * size_bytes // 4 for number in range(1, 5)]
    segments = [Segment(begin, end, seconds / 3) for begin, end in pairwise(bounds)]
    renditions = [Rendition(each.bitrate_kbps or 0, segments) for each in spec.renditions]
    return Artifact(path, seconds, 0, 0, streams=tuple(Stream(path, each) for each in renditions))


def _probe(source: Path) -> SourceAudio:
    data = source.read_bytes()
    read_at = reader(data)
    sniffed = sniff(read_at, len(data))
    if sniffed.container is not Container.WAV or examine(sniffed, read_at, len(data)).problem:
        raise UnsupportedAudioError("the source is no WAV, or cut off")
    with wave.open(str(source)) as sound:
        rate, channels, bits = sound.getframerate(), sound.getnchannels(), sound.getsampwidth() * 8
        length = sound.getnframes() / rate
    return SourceAudio("wav", f"pcm_s{bits}le", rate, channels, bits, length, len(data), Structure(0, len(data)))
