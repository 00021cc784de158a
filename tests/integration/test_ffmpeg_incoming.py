"""A source is converted while it comes exactly as if it had been there, or not at all."""

from __future__ import annotations

import asyncio
import select
from pathlib import Path

import pytest

from tests.integration.test_ffmpeg_prediction import damaged_header
from tests.mutation.mutations import MUTATIONS
from tests.mutation.sources import whole
from tests.mutation.trial import Trial
from tests.support.conversions import an_output
from tests.support.incoming import FRONT_BYTES, Trickle, ends
from tests.support.sounds import CONTAINERS, FFMPEG, SOUND_FORMATS, silence, sound
from tests.support.splitting import convert_one
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.feeding import as_it_comes
from worker.adapters.sandbox.policy import Sandbox
from worker.domain.audio import AudioFormat
from worker.domain.errors import ConverterFailedError
from worker.domain.loudness import LoudnessTarget
from worker.domain.trimming import TrimSilence
from worker.ports import ConversionProgress, ReadOnceError, SourceAudio

_EARLY = ("plain.wav", "deep.wav", "high.wav", "rf64.wav")
_OTHERS = ("float.wav", "surround.wav", "adpcm_ms.wav")
_MUTATED = "pcm.wav"
_DAMAGES = 8


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "passing"])
@pytest.mark.parametrize("name", _EARLY)
async def test_each_source_ends_as_it_comes_as_when_it_is_there(name: str, is_kept: bool, tmp_path: Path) -> None:
    early, there, kind = await ends(sound(name).read_bytes(), tmp_path, list(SOUND_FORMATS), is_kept=is_kept)

    assert early == there
    assert kind == "right"


@pytest.mark.parametrize("name", sorted({*CONTAINERS, *_OTHERS} - {*_EARLY}))
async def test_a_source_of_which_the_end_has_to_be_known_is_not_converted_early(name: str, tmp_path: Path) -> None:
    data, source = sound(name).read_bytes(), tmp_path / "source"
    incoming = Trickle(source, data)
    await incoming.wait_for_more_than(FRONT_BYTES)

    assert await FfmpegConverter(FFMPEG).predict_from_front(source, incoming) is None


async def passing(directory: Path, data: bytes) -> tuple[Path, Trickle, SourceAudio]:
    """A source that is not kept, and what its front says of it."""
    source = directory / "source"
    incoming = Trickle(source, data, is_kept=False)
    await incoming.wait_for_more_than(FRONT_BYTES)
    audio = await FfmpegConverter(FFMPEG).predict_from_front(source, incoming)
    assert audio is not None
    return source, incoming, audio


@pytest.mark.parametrize(
    "options", [{"loudness": LoudnessTarget(-16.0)}, {"trim_silence": TrimSilence()}], ids=["loudness", "silence"]
)
async def test_a_source_that_is_not_kept_is_refused_at_once_where_it_has_to_be_read_twice(
    options: dict[str, object], tmp_path: Path
) -> None:
    source, incoming, audio = await passing(tmp_path, whole("pcm.wav"))

    with pytest.raises(ReadOnceError):
        await convert_one(
            FfmpegConverter(FFMPEG),
            source,
            tmp_path / "out",
            AudioFormat.MP3,
            audio=audio,
            incoming=incoming,
            options=options,
        )

    assert incoming.read_bytes == 0


async def test_a_converter_that_fails_is_not_run_again_over_a_source_that_is_not_kept(tmp_path: Path) -> None:
    source, incoming, audio = await passing(tmp_path, whole("pcm.wav"))
    runs = tmp_path / "runs"
    failing = tmp_path / "ffmpeg"
    failing.write_text(f"#!/bin/sh\necho run >>{runs}\nexit 1\n")
    failing.chmod(0o755)

    with pytest.raises(ConverterFailedError):
        await convert_one(
            FfmpegConverter(str(failing), sandbox=Sandbox()),
            source,
            tmp_path / "out",
            AudioFormat.MP3,
            audio=audio,
            incoming=incoming,
        )

    assert runs.read_text().splitlines() == ["run"]


async def test_what_is_gone_of_a_source_is_never_read_as_if_it_were_there(tmp_path: Path) -> None:
    source, incoming, audio = await passing(tmp_path, silence(200))
    incoming.read_up_to(FRONT_BYTES)

    with source.open("rb") as file, pytest.raises(ReadOnceError):
        async with as_it_comes(audio, [file.fileno()], incoming) as (_, (read_end,)):
            await wait_until(lambda: select.select([read_end], [], [], 0)[0])  # its end


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_each_damaged_source_ends_as_it_comes_as_when_it_is_there(mutation: str, tmp_path: Path) -> None:
    early, there, _ = await ends(Trial(_MUTATED, mutation, 1).mutant(), tmp_path, [AudioFormat.FLAC])

    assert early == there


@pytest.mark.parametrize("seed", range(_DAMAGES))
async def test_each_damaged_header_ends_as_it_comes_as_when_it_is_there(seed: int, tmp_path: Path) -> None:
    early, there, _ = await ends(damaged_header(_MUTATED, seed), tmp_path, [AudioFormat.FLAC])

    assert early == there


async def test_a_conversion_of_a_source_that_stops_coming_can_be_cancelled(tmp_path: Path) -> None:
    class Stopping(Trickle):
        async def wait_for_more_than(self, written_bytes: int) -> None:
            if written_bytes > self.size_bytes // 2:
                has_stopped.set()
                await asyncio.get_running_loop().create_future()
            await super().wait_for_more_than(written_bytes)

    source, has_stopped, converter = tmp_path / "source", asyncio.Event(), FfmpegConverter(FFMPEG)
    incoming = Stopping(source, whole("pcm.wav"))
    await incoming.wait_for_more_than(FRONT_BYTES)
    audio = await converter.predict_from_front(source, incoming)
    assert audio is not None
    outputs = [(an_output(AudioFormat.MP3), tmp_path / "out.mp3")]
    conversion = asyncio.create_task(
        converter.convert(
            source,
            audio,
            outputs,
            max_duration_seconds=60,
            progress=ConversionProgress(),
            incoming=incoming,
        )
    )
    await has_stopped.wait()

    conversion.cancel()

    with pytest.raises(asyncio.CancelledError):
        await conversion


async def test_what_feeds_a_converter_ends_with_it_where_it_leaves_the_rest_unread(tmp_path: Path) -> None:
    source = tmp_path / "source"
    incoming = Trickle(source, silence(200))  # 3 MB, more than a pipe holds
    await incoming.wait_for_more_than(FRONT_BYTES)
    audio = await FfmpegConverter(FFMPEG).predict_from_front(source, incoming)
    assert audio is not None

    with source.open("rb") as file:
        async with as_it_comes(audio, [file.fileno()], incoming) as (_, (read_end,)):
            await wait_until(lambda: select.select([read_end], [], [], 0)[0])

    assert not incoming.is_complete
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "feeding"]
