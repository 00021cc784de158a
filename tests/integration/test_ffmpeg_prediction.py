"""A source whose headers are read here is converted, or refused, exactly as if ffmpeg had been asked before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.mutation.mutations import MUTATIONS
from tests.mutation.sources import whole
from tests.mutation.trial import Trial
from tests.support.conversions import an_output
from tests.support.predictions import ends
from tests.support.sounds import CONTAINERS, FFMPEG, SOUND_FORMATS, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.ports import ConversionProgress, MispredictedError, SourceAudio

# Those whose headers say all. What is in other containers, or has more channels, is probed.
_PREDICTED = {
    *("plain.wav", "deep.wav", "float.wav", "high.wav", "rf64.wav", "plain.flac", "plain.mp3", "vbr.mp3", "bare.mp3"),
    *("end.m4a", "front.m4a", "alac.m4a", "plain.ogg", "plain.opus", "cover.mp3", "cover.m4a", "cover.flac"),
}
_OTHERS = {"surround.wav", "adpcm_ms.wav"}
_MUTATED = ("pcm.wav", "plain.flac", "plain.mp3", "end.m4a", "vorbis.ogg", "opus.ogg")
_HEADER_BYTES = {"end.m4a": 1200}  # its index, which is at the end; of the others, what lies in front
_DAMAGES = 8


@pytest.mark.parametrize("name", sorted(_PREDICTED))
async def test_each_source_ends_with_a_prediction_as_with_a_probe(name: str) -> None:
    predicted, probed, kind = await ends(sound(name), list(SOUND_FORMATS))

    assert predicted == probed
    assert kind == "right"


@pytest.mark.parametrize("name", sorted({*CONTAINERS, *_OTHERS} - _PREDICTED))
async def test_a_source_whose_headers_do_not_say_all_is_probed(name: str) -> None:
    audio = await FfmpegConverter(FFMPEG).probe(sound(name), may_predict=True)

    assert not audio.is_predicted


@pytest.mark.parametrize("name", _MUTATED)
@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_each_damaged_source_ends_with_a_prediction_as_with_a_probe(
    name: str, mutation: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(Trial(name, mutation, 1).mutant())

    predicted, probed, _ = await ends(path, [AudioFormat.FLAC])

    assert predicted == probed


@pytest.mark.parametrize("name", _MUTATED)
@pytest.mark.parametrize("seed", range(_DAMAGES))
async def test_each_damaged_header_ends_with_a_prediction_as_with_a_probe(
    name: str, seed: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(damaged_header(name, seed))

    predicted, probed, _ = await ends(path, [AudioFormat.FLAC])

    assert predicted == probed


def damaged_header(name: str, seed: int) -> bytes:
    """One byte of the header is another one."""
    random, data = Random(f"{name}:{seed}"), bytearray(whole(name))
    length = _HEADER_BYTES.get(name, 80)
    at = random.randrange(length)
    data[at - length if name in _HEADER_BYTES else at] = random.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("samples", [1, 88, 600])
async def test_vorbis_of_a_few_samples_does_not_seem_to_play_for_a_day(samples: int, tmp_path: Path) -> None:
    """The only packet of its sound has a negative duration, which ffmpeg takes for one of 27 hours."""
    path = tmp_path / "short.ogg"
    run_ffmpeg(
        *("-f", "lavfi", "-i", "sine=r=44100", "-af", f"atrim=end_sample={samples}"),
        *("-c:a", "libvorbis", str(path)),
    )

    predicted, probed, _ = await ends(path, [AudioFormat.FLAC])

    assert predicted == probed
    assert predicted.refusal == ""


_WRONG: dict[str, Callable[[SourceAudio], SourceAudio]] = {
    "codec": lambda audio: replace(audio, codec="pcm_s24le"),
    "rate": lambda audio: replace(audio, sample_rate_hz=48_000),
    "channels": lambda audio: replace(audio, channels=1, layout="mono"),
    "depth": lambda audio: replace(audio, bits_per_sample=24),
    "begin": lambda audio: replace(audio, starts_at_seconds=0.5),
    "tags": lambda audio: replace(audio, tags={}),
}


@pytest.mark.parametrize("what", _WRONG)
async def test_a_prediction_that_ffmpeg_contradicts_is_no_conversion(what: str, tmp_path: Path) -> None:
    converter = FfmpegConverter(FFMPEG)
    audio = _WRONG[what](await converter.probe(sound("plain.wav"), may_predict=True))

    with pytest.raises(MispredictedError):
        await converter.convert(
            sound("plain.wav"),
            audio,
            [(an_output(AudioFormat.MP3), tmp_path / "out.mp3")],
            max_duration_seconds=60,
            progress=ConversionProgress(),
        )


async def test_a_contradiction_ends_a_long_conversion_at_its_first_progress(tmp_path: Path) -> None:
    class Watched(ConversionProgress):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            positions.append(self.seconds_done)

    converter, positions = FfmpegConverter(FFMPEG), list[float]()
    audio = await converter.probe(sound("long-silence.flac"), may_predict=True)

    with pytest.raises(MispredictedError):
        await converter.convert(
            sound("long-silence.flac"),
            replace(audio, channels=2, layout="stereo"),
            [(an_output(AudioFormat.MP3), tmp_path / "out.mp3")],
            max_duration_seconds=20_000,
            progress=Watched(),
        )

    assert max(positions) == 0.0


async def test_progress_is_shown_of_a_predicted_source_whose_tags_are_longer_than_what_is_kept(tmp_path: Path) -> None:
    class Watched(ConversionProgress):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            seen.append(self.seconds_done)

    lyrics = tmp_path / "lyrics"
    lines = "\n".join(f"lyrics{number}={'la ' * 100}" for number in range(600))
    lyrics.write_text(f";FFMETADATA1\n{lines}\n", encoding="utf-8")
    source, seen = tmp_path / "source.flac", list[float]()
    run_ffmpeg(
        *("-i", str(sound("long-silence.flac")), "-i", str(lyrics), "-map_metadata", "1"),
        *("-t", "3000", "-c:a", "flac", str(source)),
    )
    converter = FfmpegConverter(FFMPEG)
    audio = await converter.probe(source, may_predict=True)
    assert audio.is_predicted

    await converter.convert(
        source,
        audio,
        [(an_output(AudioFormat.MP3), tmp_path / "out.mp3")],
        max_duration_seconds=20_000,
        progress=Watched(),
    )

    assert any(0 < seconds < 2_000 for seconds in seen)
