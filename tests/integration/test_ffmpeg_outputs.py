"""What the outputs are: tags, depth, layout, rate, index in front, cues, the same bytes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import FFMPEG, SOUND_FORMATS, listen, run_ffmpeg, sound
from worker.adapters.disk import read_artifact
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.containers.mp4 import top_boxes

_LOSSLESS = tuple(name for name, rules in FORMATS.items() if rules.is_lossless)
_WITH_TAGS = tuple(name for name in SOUND_FORMATS if name is not AudioFormat.AAC)  # ADTS has no place for them


@pytest.mark.parametrize("name", ["plain.mp3", "plain.ogg", "plain.opus", "end.m4a", "plain.flac", "plain.webm"])
async def test_title_and_artist_are_kept(name: str, tmp_path: Path) -> None:
    artifacts = await converted(sound(name), tmp_path, *map(an_output, _WITH_TAGS))

    for audio_format, artifact in zip(_WITH_TAGS, artifacts, strict=True):
        described = listen(delivered(artifact)).described
        assert "A title" in described, audio_format
        assert "Änne" in described, audio_format
        assert "SoundHandler" not in described or artifact.prefix, audio_format  # MP4's own word for a track


@pytest.mark.parametrize(("name", "bits"), [("plain.wav", 16), ("deep.wav", 24), ("float.wav", 24), ("plain.mp3", 16)])
async def test_lossless_outputs_have_the_depth_of_the_source(name: str, bits: int, tmp_path: Path) -> None:
    artifacts = await converted(sound(name), tmp_path, *map(an_output, _LOSSLESS))

    for audio_format, artifact in zip(_LOSSLESS, artifacts, strict=True):
        assert ("(24 bit)" in listen(delivered(artifact)).described) == (bits == 24), audio_format


async def test_lossless_outputs_hold_the_very_samples_of_the_source(tmp_path: Path) -> None:
    artifacts = await converted(sound("deep.wav"), tmp_path, *map(an_output, _LOSSLESS))

    digests = {_samples_of(delivered(artifact)) for artifact in artifacts}
    assert digests == {_samples_of(sound("deep.wav"))}


def _samples_of(path: Path) -> str:
    digest = path.with_suffix(".md5")
    run_ffmpeg("-i", str(path), "-map", "0:a:0", "-c:a", "pcm_s24le", "-f", "md5", str(digest))
    return digest.read_text()


@pytest.mark.parametrize(
    ("name", "channels"), [("three.wav", 3), ("four.wav", 4), ("surround.wav", 6), ("eight.wav", 8)]
)
async def test_channels_are_kept_where_the_format_has_them(name: str, channels: int, tmp_path: Path) -> None:
    converter = FfmpegConverter(FFMPEG)
    artifacts = await converted(sound(name), tmp_path, *map(an_output, SOUND_FORMATS))

    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        audio = await converter.probe(delivered(artifact))
        assert audio.channels == min(channels, FORMATS[audio_format].channels.high), audio_format


@pytest.mark.parametrize("samples", [1, 15, 300])
@pytest.mark.parametrize(
    ("suffix", "codec"), [("mov", "pcm_s16le"), ("mka", "pcm_s16le"), ("avi", "pcm_s16le"), ("caf", "alac")]
)
async def test_a_few_samples_are_as_many_at_their_rate_and_as_long_at_another(
    suffix: str, codec: str, samples: int, tmp_path: Path
) -> None:
    source = tmp_path / f"source.{suffix}"
    tone = f"sine=r=8000,aformat=s16,atrim=end_sample={samples}"
    run_ffmpeg("-f", "lavfi", "-i", tone, "-c:a", codec, str(source))

    same, other, opus = await converted(
        source,
        tmp_path,
        an_output(AudioFormat.WAV),
        an_output(AudioFormat.FLAC, sample_rate_hz=48_000),
        an_output(AudioFormat.OPUS, sample_rate_hz=48_000),
    )

    assert same.duration_seconds == samples / 8000
    assert other.duration_seconds == opus.duration_seconds == samples / 8000


async def test_a_rate_that_the_format_lacks_becomes_the_next_above(tmp_path: Path) -> None:
    wanted = {
        AudioFormat.MP3: 48000,
        AudioFormat.M4A: 96000,
        AudioFormat.FLAC: 96000,
        AudioFormat.OPUS: 48000,
        AudioFormat.OGG: 96000,
        AudioFormat.WAV: 96000,
    }
    artifacts = await converted(sound("high.wav"), tmp_path, *map(an_output, wanted))

    assert [listen(delivered(artifact)).rate_hz for artifact in artifacts] == list(wanted.values())


@pytest.mark.parametrize("audio_format", SOUND_FORMATS)
async def test_every_option_that_is_allowed_can_be_fulfilled(audio_format: AudioFormat, tmp_path: Path) -> None:
    rules = FORMATS[audio_format]
    rates = {rules.nearest_rate(1), rules.nearest_rate(22050), rules.nearest_rate(768_000)}
    outputs = [an_output(audio_format, sample_rate_hz=rate, channels=1) for rate in rates]
    outputs += [an_output(audio_format, channels=channels) for channels in range(1, rules.channels.high + 1)]
    if rules.bitrates_kbps is not None:
        outputs += [
            an_output(audio_format, bitrate_kbps=kbps, channels=channels)
            for kbps in (rules.bitrates_kbps.low, rules.bitrates_kbps.high)
            for channels in (1, min(6, rules.channels.high))
        ]

    for begin in range(0, len(outputs), 16):
        for artifact in await converted(sound("plain.wav"), tmp_path, *outputs[begin : begin + 16]):
            assert artifact.duration_seconds == pytest.approx(2.3, abs=0.01)


async def test_a_bitrate_is_what_was_asked_for(tmp_path: Path) -> None:
    formats = (AudioFormat.MP3, AudioFormat.OPUS, AudioFormat.M4A)
    low = await converted(sound("plain.mp3"), tmp_path, *(an_output(name, bitrate_kbps=64) for name in formats))
    low_bytes = [artifact.size_bytes for artifact in low]
    high = await converted(sound("plain.mp3"), tmp_path, *(an_output(name, bitrate_kbps=192) for name in formats))

    assert low_bytes[0] == pytest.approx(2.3 * 64_000 / 8, rel=0.1)
    for few, artifact in zip(low_bytes, high, strict=True):
        assert artifact.size_bytes > few


@pytest.mark.parametrize("audio_format", [AudioFormat.M4A, AudioFormat.ALAC])
async def test_an_mp4_has_its_index_in_front(audio_format: AudioFormat, tmp_path: Path) -> None:
    (artifact,) = await converted(sound("plain.wav"), tmp_path, an_output(audio_format))

    data = delivered(artifact).read_bytes()
    boxes = [box.kind for box in top_boxes(lambda offset, size: data[offset : offset + size], len(data))]
    assert boxes.index(b"moov") == 1
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert _samples_of(delivered(artifact)) == _samples_of(artifact.path)


async def test_a_webm_has_a_length_and_can_be_seeked(tmp_path: Path) -> None:
    (artifact,) = await converted(sound("plain.wav"), tmp_path, an_output(AudioFormat.WEBM))

    assert "Duration: 00:00:02.3" in listen(artifact.path).described
    assert bytes.fromhex("1c53bb6b") in artifact.path.read_bytes()  # Cues


async def test_headers_have_the_lengths_that_only_a_seekable_output_gets(tmp_path: Path) -> None:
    wav, flac, mp3 = await converted(
        sound("plain.wav"), tmp_path, *map(an_output, (AudioFormat.WAV, AudioFormat.FLAC, AudioFormat.MP3))
    )

    assert int.from_bytes(read_artifact(wav, 4, 4), "little") == wav.size_bytes - 8
    assert read_artifact(flac, 26, 16) != bytes(16)  # STREAMINFO's MD5 of the samples
    assert b"Info" in read_artifact(mp3, 0, 1000)


async def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    first = await converted(sound("plain.mp3"), tmp_path, *map(an_output, SOUND_FORMATS))
    contents = [read_artifact(artifact, 0, artifact.size_bytes) for artifact in first]
    second = await converted(sound("plain.mp3"), tmp_path, *map(an_output, SOUND_FORMATS))

    assert [read_artifact(artifact, 0, artifact.size_bytes) for artifact in second] == contents
