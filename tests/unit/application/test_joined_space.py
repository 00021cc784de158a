"""The disk for joined sources: their samples get what they need, and what cannot fit is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.converter import FakeConverter
from tests.fakes.volume import FakeVolume
from tests.support.harness import TARGET, Harness, a_harness
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from worker.application.jobs.worker_directory import DIGITS
from worker.domain.disposition import Ack, Reject
from worker.domain.job import ObjectLocation
from worker.ports import DownloadedPart, JoinedSources, OutputLimitError, SourceAudio

_SOURCES = ObjectLocation("in-bucket", "intro.wav"), ObjectLocation("in-bucket", "episode.wav")


def a_body_of_two(audio_format: str = "flac", **more: Any) -> str:
    sources = [{"source": str(source)} for source in _SOURCES]
    outputs = [{"target": str(TARGET), "format": audio_format}]
    return json.dumps({"job_id": "ep-1", "source": sources, "outputs": outputs, **more})


def put_two(harness: Harness, *, intro: float = 1, episode: float = 20) -> None:
    for source, seconds in zip(_SOURCES, (intro, episode), strict=True):
        harness.objects.put(source, silence(seconds))


def error_of(harness: Harness) -> tuple[str, str]:
    error = harness.record().error
    assert error is not None
    return error.code, error.message


class _Outgrowing(FakeConverter):
    """Its samples are larger than they may be, until they may have so many bytes."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.size_bytes = size_bytes
        self.limits: list[int] = []

    async def join(
        self, parts: Sequence[DownloadedPart], path: Path, *, max_file_bytes: int | None = None, **more: Any
    ) -> JoinedSources:
        assert max_file_bytes is not None
        self.limits.append(max_file_bytes)
        assert len(self.limits) < 10, "the join is tried again and again"
        if self.size_bytes > max_file_bytes:
            raise OutputLimitError
        return await super().join(parts, path, max_file_bytes=max_file_bytes, **more)


@virtual_time
async def test_samples_that_are_more_than_was_estimated_are_joined_again_with_more_space(tmp_path: Path) -> None:
    converter = _Outgrowing(5_000_000)
    async with a_harness(tmp_path, converter=converter) as harness:
        put_two(harness)

        assert await harness.handle(a_body_of_two()) == Ack()

    assert len(converter.limits) > 1
    assert converter.limits == sorted(converter.limits)
    assert converter.limits[-2] < 5_000_000 <= converter.limits[-1]


@virtual_time
async def test_samples_that_the_disk_cannot_hold_are_refused(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, 3_000_000)
    async with a_harness(tmp_path, converter=_Outgrowing(5_000_000), volume=volume) as harness:
        put_two(harness)

        assert isinstance(await harness.handle(a_body_of_two()), Reject)

        code, message = error_of(harness)
        assert code == "source_too_large"
        assert message.endswith("all of it has 3000000")


@virtual_time
async def test_sources_of_known_length_whose_samples_the_disk_cannot_hold_are_refused_before_they_are_joined(
    tmp_path: Path,
) -> None:
    # 21 s of 16 bits at 8 kHz have 336 kB, and their samples of 32 bits twice as much.
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, 900_000)) as harness:
        put_two(harness)

        assert isinstance(await harness.handle(a_body_of_two()), Reject)

        assert error_of(harness)[0] == "source_too_large"
        assert harness.converter.joined == []


@virtual_time
async def test_sources_whose_outputs_are_sure_to_be_too_large_are_refused_before_they_are_joined(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path, output_limit_bytes=250_000) as harness:
        put_two(harness)

        assert isinstance(await harness.handle(a_body_of_two("wav")), Reject)

        code, message = error_of(harness)
        assert code == "source_too_large"
        assert message.endswith("the limit is 250000")
        assert harness.converter.joined == []


@virtual_time
async def test_a_crossfade_and_the_inexactness_of_lengths_are_allowed_for_before_sources_are_joined(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path, volume=FakeVolume(tmp_path, 950_000)) as harness:
        put_two(harness, intro=10, episode=11)

        assert await harness.handle(a_body_of_two(crossfade_seconds=4)) == Ack()


class _FirstWithoutLength(FakeConverter):
    """The first source does not state how long it is."""

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        audio = await super().probe(source, may_predict=may_predict)
        return replace(audio, duration_seconds=None) if source.name.endswith("-0") else audio


@virtual_time
async def test_the_known_lengths_alone_are_enough_to_refuse_sources_before_they_are_joined(tmp_path: Path) -> None:
    volume, converter = FakeVolume(tmp_path, 900_000), _FirstWithoutLength()
    async with a_harness(tmp_path, volume=volume, converter=converter) as harness:
        put_two(harness)

        assert isinstance(await harness.handle(a_body_of_two()), Reject)

        assert error_of(harness)[0] == "source_too_large"
        assert harness.converter.joined == []


class _WithoutLengths(_Outgrowing):
    """No source states how long it is."""

    async def probe(self, source: Path, *, may_predict: bool = False) -> SourceAudio:
        return replace(await super().probe(source, may_predict=may_predict), duration_seconds=None)


@virtual_time
async def test_samples_that_have_only_a_few_bytes_are_refused_where_there_are_no_more(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, sum(len(silence(seconds)) for seconds in (1, 20)) + 5 + DIGITS)
    converter = _WithoutLengths(5_000_000)
    async with a_harness(tmp_path, converter=converter, volume=volume) as harness:
        put_two(harness)

        assert isinstance(await harness.handle(a_body_of_two()), Reject)

        assert error_of(harness)[0] == "source_too_large"
        assert converter.limits == [5]
