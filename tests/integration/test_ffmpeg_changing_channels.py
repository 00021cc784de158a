"""Sources whose channels change on the way: each part is whole, at its place, in every output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.conversions import an_output, channels_of, converted, delivered
from tests.support.pcm import read_wav
from tests.support.samples import level_of, samples_of
from tests.support.sounds import FFMPEG, SOUND_FORMATS, run_ffmpeg
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat

_STEREO, _SURROUND = "0.3*sin(2764*t)|0.3*sin(3455*t)", "0.3*sin(2764*t)|0.3*sin(3455*t)|0|0|0|0"
_PARTS = {"mono": "0.3*sin(2764*t)", "stereo": _STEREO, "5.0": _SURROUND[:-2], "5.1": _SURROUND}


def a_changing_source(directory: Path, layouts: Sequence[str], suffix: str, seconds: int = 1) -> Path:
    """A second, or more, of each layout, of which the front has sound."""
    parts = []
    for layout in layouts:
        part = directory / f"{layout}.{suffix}"
        tone = f"aevalsrc=exprs={_PARTS[layout]}:s=48000:d={seconds}:c={layout}"
        run_ffmpeg("-f", "lavfi", "-i", tone, *_ENCODED[suffix], str(part))
        parts.append(part.read_bytes())
    source = directory / f"joined.{suffix}"
    source.write_bytes(b"".join(parts))
    return source


_ENCODED = {
    "mp3": ("-c:a", "libmp3lame", "-write_xing", "0", "-id3v2_version", "0"),
    "aac": ("-c:a", "aac"),
    "ac3": ("-c:a", "ac3"),
    "eac3": ("-c:a", "eac3"),
    "dts": ("-c:a", "dca", "-strict", "-2"),
    "tagged.mp3": ("-c:a", "libmp3lame"),
    "mp2": ("-c:a", "mp2"),
    "ts": ("-c:a", "ac3"),
    "mpg": ("-c:a", "ac3", "-f", "vob"),
}


@pytest.mark.parametrize(
    ("layouts", "suffix"),
    [(("mono", "stereo"), "aac"), (("stereo", "mono"), "mp3"), (("5.1", "stereo"), "ac3"), (("stereo", "5.1"), "ts")],
)
async def test_an_output_of_a_source_whose_channels_change_is_the_same_beside_any_other(
    layouts: Sequence[str], suffix: str, tmp_path: Path
) -> None:
    source = a_changing_source(tmp_path, layouts, suffix)
    stereo = an_output(AudioFormat.WAV, channels=min(2, len(_PARTS[layouts[0]].split("|"))))

    (alone,) = await converted(source, tmp_path, stereo)
    expected = alone.path.read_bytes()

    for other in (an_output(AudioFormat.FLAC), an_output(AudioFormat.FLAC, end_seconds=0.5)):
        beside, _ = await converted(source, tmp_path, stereo, other)
        assert beside.path.read_bytes() == expected


@pytest.mark.parametrize(
    ("layouts", "suffix"),
    [
        *((("stereo", "mono"), "mp3"), (("mono", "stereo"), "mp3"), (("mono", "stereo"), "ac3")),
        *((("5.0", "5.1"), "ac3"), (("5.1", "5.0"), "ac3")),
        *((("5.1", "stereo"), suffix) for suffix in ("ac3", "eac3", "dts")),
        *((("stereo", "5.1"), suffix) for suffix in ("ac3", "eac3", "dts")),
    ],
)
async def test_a_raw_stream_keeps_the_channels_that_it_begins_with(
    layouts: Sequence[str], suffix: str, tmp_path: Path
) -> None:
    source = a_changing_source(tmp_path, layouts, suffix)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert await channels_of(artifact.path) == len(_PARTS[layouts[0]].split("|"))
    assert artifact.duration_seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("layouts", [("stereo", "mono"), ("mono", "stereo")])
@pytest.mark.parametrize("suffix", ["mp3", "tagged.mp3", "mp2"])
async def test_mpeg_audio_has_the_samples_that_each_part_has_alone(
    layouts: Sequence[str], suffix: str, tmp_path: Path
) -> None:
    source = a_changing_source(tmp_path, layouts, suffix)
    like_first = an_output(AudioFormat.WAV, channels=len(_PARTS[layouts[0]].split("|")))

    (both,) = await converted(source, tmp_path, like_first)

    alone = []
    for layout in layouts:
        (tmp_path / layout).mkdir()
        (artifact,) = await converted(tmp_path / f"{layout}.{suffix}", tmp_path / layout, like_first)
        alone.append(read_wav(artifact.path.read_bytes()))
    heard = read_wav(both.path.read_bytes())
    for channel in range(len(_PARTS[layouts[0]].split("|"))):
        expected = alone[0].channel(channel) + alone[1].channel(channel)
        assert max(abs(a - b) for a, b in zip(heard.channel(channel), expected, strict=True)) <= 1


@pytest.mark.parametrize("suffix", ["ac3", "eac3", "dts"])
async def test_sound_in_5_1_that_goes_over_to_stereo_or_mono_is_whole_in_every_format(
    suffix: str, tmp_path: Path
) -> None:
    source = a_changing_source(tmp_path, ("5.1", "stereo", "mono"), suffix, seconds=4)
    formats = [each for each in SOUND_FORMATS if each is not AudioFormat.MP3]

    artifacts = await converted(source, tmp_path, *map(an_output, formats))

    for audio_format, artifact in zip(formats, artifacts, strict=True):
        assert artifact.duration_seconds == pytest.approx(12.0, abs=0.1)
        left, right, centre, *_ = samples_of(delivered(artifact), 6)
        for each, begin, frequency in ((left, 12_000, 440), (left, 204_000, 440), (right, 204_000, 550)):
            assert level_of(each[begin : begin + 24_000], frequency) == pytest.approx(0.3, rel=0.1), audio_format
        assert level_of(centre[396_000:420_000], 440) == pytest.approx(0.3, rel=0.15), audio_format


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
@pytest.mark.parametrize("layouts", [("stereo", "5.1"), ("5.1", "stereo")])
async def test_a_file_states_all_of_its_length_where_the_channels_of_a_recording_change(
    layouts: Sequence[str], suffix: str, tmp_path: Path
) -> None:
    """In a program stream, the clock goes back at the joint by a frame less than the first recording has."""
    source = a_changing_source(tmp_path, layouts, suffix, seconds=4)
    formats = (AudioFormat.M4A, AudioFormat.ALAC, AudioFormat.OGG, AudioFormat.OPUS, AudioFormat.WEBM)

    *artifacts, stream = await converted(source, tmp_path, *map(an_output, (*formats, AudioFormat.HLS)))

    assert stream.duration_seconds == pytest.approx(8.0)
    for artifact in artifacts:
        stated = await FfmpegConverter(FFMPEG).probe(delivered(artifact))
        assert stated.duration_seconds == pytest.approx(8.0, abs=0.011), artifact.path.suffix


@pytest.mark.parametrize(("suffix", "frames_more"), [("ts", 0), ("mpg", 1)])
async def test_a_cut_may_lie_across_the_place_where_the_channels_of_a_recording_change(
    suffix: str, frames_more: int, tmp_path: Path
) -> None:
    """In a program stream one decoder plays both recordings: the clock goes back there by a frame of AC-3."""
    source = a_changing_source(tmp_path, ("stereo", "5.1"), suffix, seconds=2)

    across, behind = await converted(
        source,
        tmp_path,
        an_output(AudioFormat.OPUS, start_seconds=1, end_seconds=3),
        an_output(AudioFormat.WAV, start_seconds=2.5, end_seconds=3.5),
    )

    assert across.duration_seconds == pytest.approx(2.0 + frames_more * 1536 / 48_000, abs=0.001)
    assert behind.duration_seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("layouts", "suffix"),
    [(("5.1", "stereo"), "ac3"), (("stereo", "5.1"), "ts"), (("stereo", "mono"), "mp3"), (("mono", "stereo"), "aac")],
)
async def test_a_channel_that_is_picked_is_that_of_an_output_with_all_of_them_where_the_layout_changes(
    layouts: Sequence[str], suffix: str, tmp_path: Path
) -> None:
    source = a_changing_source(tmp_path, layouts, suffix)
    channels = await channels_of(source)
    picks = [an_output(AudioFormat.WAV, pick_channel=number + 1) for number in range(channels)]

    for_all, *picked = await converted(source, tmp_path, an_output(AudioFormat.WAV), *picks)
    (tmp_path / "alone").mkdir()
    (alone,) = await converted(source, tmp_path / "alone", picks[-1])

    kept = samples_of(for_all.path, channels)
    assert any(kept[0][60_000:])
    for number, artifact in enumerate(picked):
        (samples,) = samples_of(artifact.path, 1)
        assert max(abs(a - b) for a, b in zip(samples, kept[number], strict=True)) <= 1, number
    assert alone.path.read_bytes() == picked[-1].path.read_bytes()
