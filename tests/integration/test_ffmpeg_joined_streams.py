"""Files of several streams in a row: each is decoded by itself, and all are heard, to the sample."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support.conversions import an_output, converted, delivered
from tests.support.ogg import split
from tests.support.pcm import Pcm, level_db, read_wav
from tests.support.sounds import SOUND_FORMATS, listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError
from worker.domain.trimming import TrimSilence

_SECONDS = 0.5
_INEXACT_SECONDS = 0.03  # ffmpeg's, at the end of a stream of Vorbis that has one page
_HEARD_DB = -30.0
_ADDED_SECONDS = 0.025  # where one decoder plays several streams


def a_stream(directory: Path, *options: str) -> Path:
    """Half a second of a tone that rises in both channels."""
    path = directory / f"{'_'.join(options)}.ogg"
    tone = "aevalsrc=exprs='0.3*sin(440*t*(1+t))|0.2*sin(660*t*(1+t))':s=44100:d=0.5:c=stereo"
    run_ffmpeg("-f", "lavfi", "-i", tone, *options, "-fflags", "+bitexact", str(path))
    return path


async def samples_of(source: Path, directory: Path) -> Pcm:
    directory.mkdir()
    (artifact,) = await converted(source, directory, an_output(AudioFormat.WAV))
    return read_wav(artifact.path.read_bytes())


def joined(directory: Path, *streams: Path) -> Path:
    path = directory / "joined.ogg"
    path.write_bytes(b"".join(stream.read_bytes() for stream in streams))
    return path


_FLAC_FILE = ("-c:a", "flac", "-sample_fmt", "s16", "-f", "flac")
_VORBIS, _OPUS, _FLAC = ("-c:a", "libvorbis"), ("-c:a", "libopus"), ("-c:a", "flac", "-sample_fmt", "s16")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_VORBIS, _VORBIS),
        (_VORBIS, (*_VORBIS, "-q:a", "9")),
        (_OPUS, _OPUS),
        (_FLAC, (*_FLAC, "-sample_fmt", "s32")),
        (_OPUS, (*_VORBIS, "-ar", "48000")),
        ((*_FLAC, "-ar", "48000"), _OPUS),
    ],
    ids=["alike", "codebooks", "Opus", "depth", "Opus and Vorbis", "FLAC and Opus"],
)
async def test_joined_streams_have_the_samples_that_each_has_alone(
    one: Sequence[str], other: Sequence[str], tmp_path: Path
) -> None:
    first, second = a_stream(tmp_path, *one), a_stream(tmp_path, *other)

    both = await samples_of(joined(tmp_path, first, second, first), tmp_path / "both")

    alone = [await samples_of(stream, tmp_path / f"alone{number}") for number, stream in enumerate((first, second))]
    for channel in range(2):
        expected = array("h")
        for pcm in (*alone, alone[0]):
            expected += pcm.channel(channel)
        assert both.channel(channel) == expected


@pytest.mark.parametrize(
    ("one", "other", "channels"),
    [
        ((*_VORBIS, "-ac", "1"), _VORBIS, 1),
        (_VORBIS, (*_VORBIS, "-ac", "1"), 2),
        (_OPUS, (*_OPUS, "-ac", "6"), 2),
        ((*_OPUS, "-ac", "6"), _OPUS, 6),
        (_VORBIS, (*_VORBIS, "-ar", "32000"), 2),
        ((*_FLAC, "-ac", "1"), (*_OPUS,), 1),
        ((*_FLAC, "-ar", "96000"), (*_FLAC, "-ac", "1", "-ar", "8000"), 2),
    ],
)
async def test_streams_of_other_channels_and_rates_follow_the_first_in_every_format(
    one: Sequence[str], other: Sequence[str], channels: int, tmp_path: Path
) -> None:
    source = joined(tmp_path, a_stream(tmp_path, *one), a_stream(tmp_path, *other))

    artifacts = await converted(source, tmp_path, *map(an_output, SOUND_FORMATS))

    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        assert artifact.duration_seconds == pytest.approx(2 * _SECONDS, abs=2 * _INEXACT_SECONDS), audio_format
        assert listen(delivered(artifact)).seconds == pytest.approx(artifact.duration_seconds, abs=0.06), audio_format
    pcm = read_wav(artifacts[list(SOUND_FORMATS).index(AudioFormat.WAV)].path.read_bytes())
    assert pcm.channels == channels
    half = pcm.samples // 2
    for number in range(min(2, channels)):
        heard = pcm.channel(number)
        assert min(level_db(heard[:half]), level_db(heard[half:])) > _HEARD_DB


@pytest.mark.parametrize("others", [("-ac", "1", "-ar", "8000"), ("-sample_fmt", "s32"), ()])
async def test_joined_flac_files_have_the_samples_that_each_has_alone(others: Sequence[str], tmp_path: Path) -> None:
    first, second = a_stream(tmp_path, *_FLAC_FILE), a_stream(tmp_path, *_FLAC_FILE, "-t", "0.4", *others)

    artifacts = await converted(joined(tmp_path, first, second), tmp_path, *map(an_output, SOUND_FORMATS))

    for audio_format, artifact in zip(SOUND_FORMATS, artifacts, strict=True):
        assert artifact.duration_seconds == pytest.approx(0.9, abs=0.002), audio_format
        assert listen(delivered(artifact)).seconds == pytest.approx(0.9, abs=0.06), audio_format
    if "8000" not in others:
        both = read_wav(artifacts[list(SOUND_FORMATS).index(AudioFormat.WAV)].path.read_bytes())
        alone = [await samples_of(each, tmp_path / f"alone{number}") for number, each in enumerate((first, second))]
        assert both.channel(0) == alone[0].channel(0) + alone[1].channel(0)


async def test_flac_whose_last_frame_is_damaged_in_its_header_is_refused(tmp_path: Path) -> None:
    source = a_stream(tmp_path, *_FLAC_FILE)
    data = bytearray(source.read_bytes())
    data[data.rindex(b"\xff\xf8") + 1] ^= 0x10
    source.write_bytes(data)

    with pytest.raises(UnsupportedAudioError, match="behind the last whole frame"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV))


async def test_a_file_of_many_streams_that_are_alike_is_heard_to_its_end(tmp_path: Path) -> None:
    stream = a_stream(tmp_path, *_VORBIS)

    (artifact,) = await converted(joined(tmp_path, *[stream] * 40), tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(40 * _SECONDS, abs=40 * _ADDED_SECONDS)


async def test_as_many_streams_as_are_joined_and_as_many_outputs_as_a_job_may_have_are_converted(
    tmp_path: Path,
) -> None:
    streams = [a_stream(tmp_path, *_OPUS), a_stream(tmp_path, *_VORBIS, "-ac", "1")] * 16

    artifacts = await converted(joined(tmp_path, *streams), tmp_path, *[an_output(AudioFormat.MP3)] * 16)

    assert [artifact.duration_seconds for artifact in artifacts] == pytest.approx(
        [32 * _SECONDS] * 16, abs=32 * _INEXACT_SECONDS
    )


async def test_more_streams_that_differ_are_refused_and_not_cut_short(tmp_path: Path) -> None:
    streams = [sound("plain.ogg"), sound("plain.opus")] * 17

    with pytest.raises(UnsupportedAudioError, match="more than 32 Ogg streams in a row"):
        await converted(joined(tmp_path, *streams), tmp_path, an_output(AudioFormat.WAV))


@pytest.mark.parametrize(("one", "other"), [(("-ar", "32000", "-ac", "1"), ("-ar", "48000")), (("-ar", "48000"), ())])
async def test_adts_whose_rate_changes_is_heard_without_gaps(
    one: Sequence[str], other: Sequence[str], tmp_path: Path
) -> None:
    streams = [a_stream(tmp_path, "-c:a", "aac", *options, "-f", "adts") for options in (one, other, one)]
    source = joined(tmp_path, *streams)

    artifacts = await converted(source, tmp_path, an_output(AudioFormat.WAV), an_output(AudioFormat.M4A))

    alone = [await samples_of(each, tmp_path / f"alone{number}") for number, each in enumerate(streams)]
    seconds, quiet = sum(pcm.seconds for pcm in alone), sum(map(_quiet_seconds, alone))
    assert [each.duration_seconds for each in artifacts] == [pytest.approx(seconds, abs=0.002)] * 2
    assert _quiet_seconds(read_wav(artifacts[0].path.read_bytes())) == pytest.approx(quiet, abs=0.01)
    assert set(_steps_of_packets(delivered(artifacts[1]))) == {1024}


def _steps_of_packets(path: Path) -> list[int]:
    """The times between the packets, in samples."""
    printed = path.with_suffix(".txt")
    run_ffmpeg("-i", str(path), "-c", "copy", "-f", "framecrc", str(printed))
    lines = [line.split(",") for line in printed.read_text().splitlines() if not line.startswith("#")]
    times = [int(line[2]) for line in lines]
    return [after - before for before, after in pairwise(times)]


def _quiet_seconds(pcm: Pcm) -> float:
    """How much of it is silence, in steps of 2 ms."""
    heard, step = pcm.channel(0), pcm.rate_hz // 500
    return sum(not any(heard[at : at + step]) for at in range(0, len(heard), step)) * step / pcm.rate_hz


_BARE_MP3 = ("-c:a", "libmp3lame", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3")


_RATES_OF_MP3 = [(16_000, 48_000), (8_000, 22_050), (11_025, 44_100), (44_100, 22_050), (48_000, 8_000)]
_TAGGED_MP3 = ("-c:a", "libmp3lame", "-f", "mp3")


@pytest.mark.parametrize(("one", "other"), _RATES_OF_MP3)
@pytest.mark.parametrize("options", [_BARE_MP3, _TAGGED_MP3], ids=["bare", "tagged"])
async def test_mp3_whose_rate_changes_has_the_samples_that_each_stretch_has_alone(
    one: int, other: int, options: Sequence[str], tmp_path: Path
) -> None:
    streams = [a_stream(tmp_path, *options, "-ar", str(rate), "-ac", "2") for rate in (one, other)]

    both = await samples_of(joined(tmp_path, *streams), tmp_path / "both")

    alone = []
    for number, stream in enumerate(streams):
        output = an_output(AudioFormat.WAV, sample_rate_hz=one)
        (tmp_path / f"alone{number}").mkdir()
        (artifact,) = await converted(stream, tmp_path / f"alone{number}", output)
        alone.append(read_wav(artifact.path.read_bytes()))
    assert both.rate_hz == one
    for channel in range(2):
        assert both.channel(channel) == alone[0].channel(channel) + alone[1].channel(channel)


@pytest.mark.parametrize(("one", "other"), [(44_100, 22_050), (22_050, 44_100), (8_000, 22_050)])
async def test_mp3_whose_rate_and_channels_change_is_converted_to_all_formats_at_once(
    one: int, other: int, tmp_path: Path
) -> None:
    formats = [*SOUND_FORMATS, AudioFormat.HLS]
    tone = [
        a_stream(tmp_path, *_TAGGED_MP3, "-ar", str(rate), "-ac", str(ch)) for rate in (one, other) for ch in (1, 2)
    ]

    artifacts = await converted(
        joined(tmp_path, *tone),
        tmp_path,
        *map(an_output, formats),
        an_output(AudioFormat.FLAC, fade_out_seconds=0.5),
        an_output(AudioFormat.FLAC, start_seconds=0.25, end_seconds=1.5),
        an_output(AudioFormat.FLAC, trim_silence=TrimSilence()),
    )

    seconds = [each.duration_seconds for each in artifacts]
    assert seconds[:-2] == [pytest.approx(4 * _SECONDS, abs=0.002)] * (len(formats) + 1)
    assert seconds[-2] == pytest.approx(1.25, abs=0.001)
    assert seconds[-1] == pytest.approx(4 * _SECONDS, abs=0.05)


@pytest.mark.parametrize(("one", "other"), [(44_100, 48_000), (48_000, 44_100)])
async def test_the_times_of_mp3_whose_rate_changes_soon_never_go_back(one: int, other: int, tmp_path: Path) -> None:
    source = joined(tmp_path, *(a_stream(tmp_path, *_BARE_MP3, "-ar", str(rate)) for rate in (one, other, one)))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.OPUS))

    ends = [_end_of_page(page) for page in split(delivered(artifact).read_bytes())[2:]]
    assert ends[0][0] >= ends[0][1]
    assert [later >= earlier for (earlier, _), (later, _) in pairwise(ends)] == [True] * (len(ends) - 1)


def _end_of_page(page: bytes) -> tuple[int, int]:
    """What a page of Opus states as its end, and how many samples its packets of 20 ms have."""
    lacing = page[27 : 27 + page[26]]
    return int.from_bytes(page[6:14], "little"), 960 * sum(length < 255 for length in lacing)


async def test_sound_that_begins_late_and_changes_has_no_silence_added_at_each_change(tmp_path: Path) -> None:
    streams = [a_stream(tmp_path, *_BARE_MP3, "-ac", str(channels)) for channels in (1, 2, 1)]
    source = tmp_path / "late.mka"
    run_ffmpeg("-itsoffset", "2", "-i", str(joined(tmp_path, *streams)), "-c", "copy", str(source))

    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(3 * _SECONDS, abs=0.15)
    assert len(outcome.repaired) == 1
    assert outcome.repaired[0].startswith("the sound begins 2.00 s late on the source's clock")


@pytest.mark.parametrize("suffix", ["mp4", "mka", "flv"])
async def test_aac_that_goes_over_to_stereo_where_no_header_says_so_is_refused(suffix: str, tmp_path: Path) -> None:
    streams = [a_stream(tmp_path, "-c:a", "aac", "-ac", str(channels), "-f", "adts") for channels in (2, 1, 2)]
    source = tmp_path / f"copied.{suffix}"
    run_ffmpeg("-i", str(joined(tmp_path, *streams)), "-c", "copy", str(source))

    outcome = await convert(source)

    assert str(outcome.error).startswith("the source is damaged: its AAC changes its channels")
    assert (await convert(joined(tmp_path, *streams))).error is None
