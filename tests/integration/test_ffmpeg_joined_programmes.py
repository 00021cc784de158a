"""Broadcasts that go over to another audio track: a demuxer plays one track, and says nothing of the others."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support.conversions import an_output, converted
from tests.support.pcm import read_wav
from tests.support.sounds import run_ffmpeg
from tests.support.sweep import WHOLE, sweep_wav
from worker.domain.audio import AudioFormat

_PICTURE = ("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=25", "-map", "0:a", "-map", "1:v")
_OTHERS = (AudioFormat.MP3, AudioFormat.M4A, AudioFormat.OPUS, AudioFormat.HLS)
_ADDED_SECONDS = 0.15  # what three encoders put in front and behind


def a_second(directory: Path, number: int, suffix: str, *options: str) -> bytes:
    """The second of that number of the sweep."""
    sweep, path = directory / "sweep.wav", directory / f"{number}.{suffix}"
    sweep.write_bytes(sweep_wav(44_100))
    run_ffmpeg("-ss", str(number), "-t", "1", "-i", str(sweep), *options, str(path))
    return path.read_bytes()


async def assert_all_is_heard(source: Path) -> None:
    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.missing_from(WHOLE, at_least=0.1) == []
    assert outcome.heard.seconds == pytest.approx(3.0, abs=_ADDED_SECONDS)
    assert outcome.repaired == ()


@pytest.mark.parametrize(
    ("codecs", "picture"),
    [
        (("aac", "aac", "aac"), ()),
        (("mp2", "ac3", "aac"), ()),
        (("mp2", "mp2", "mp2"), (*_PICTURE, "-c:v", "mpeg2video")),
    ],
    ids=["same codec", "other codecs", "pictures"],
)
async def test_a_transport_stream_whose_sound_goes_over_to_another_stream_is_heard_to_its_end(
    codecs: Sequence[str], picture: Sequence[str], tmp_path: Path
) -> None:
    programmes = []
    for number, codec in enumerate(codecs):
        numbers = ("-mpegts_start_pid", str(0x100 + 16 * number), "-mpegts_pmt_start_pid", str(0x1000 + number))
        programmes.append(a_second(tmp_path, number, "ts", *picture, "-c:a", codec, *numbers))
    (tmp_path / "joined.ts").write_bytes(b"".join(programmes))

    await assert_all_is_heard(tmp_path / "joined.ts")


@pytest.mark.parametrize("goes_on", [False, True], ids=["clock goes back", "clock goes on"])
async def test_the_bitrate_of_joined_recordings_may_drop(goes_on: bool, tmp_path: Path) -> None:
    """Audio packets hold more frames then, and come less often."""
    recordings = [
        a_second(tmp_path, number, "ts", "-c:a", "ac3", "-b:a", bitrate, "-output_ts_offset", str(number * goes_on))
        for number, bitrate in enumerate(("448k", "192k", "448k"))
    ]
    (tmp_path / "joined.ts").write_bytes(b"".join(recordings))

    await assert_all_is_heard(tmp_path / "joined.ts")


@pytest.mark.parametrize("with_picture", [(0,), (1,), (0, 2)])
async def test_a_number_may_be_that_of_pictures_in_one_of_the_joined_recordings(
    with_picture: Sequence[int], tmp_path: Path
) -> None:
    of_pictures = ("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=25", "-map", "1:v", "-map", "0:a")
    recordings = [
        a_second(tmp_path, number, "ts", *(of_pictures if number in with_picture else ()), "-c:v", "mpeg2video")
        for number in range(3)
    ]
    (tmp_path / "joined.ts").write_bytes(b"".join(recordings))

    await assert_all_is_heard(tmp_path / "joined.ts")


@pytest.mark.parametrize("codecs", [("mp2", "ac3", "mp2"), ("ac3", "mp2", "ac3")])
async def test_a_program_stream_whose_sound_goes_over_to_another_track_is_heard_to_its_end(
    codecs: Sequence[str], tmp_path: Path
) -> None:
    each = [a_second(tmp_path, number, "vob", "-c:a", codec) for number, codec in enumerate(codecs)]
    each[2] = each[2].replace(b"\0\0\1\xc0", b"\0\0\1\xc5")
    (tmp_path / "joined.mpg").write_bytes(b"".join(each))

    await assert_all_is_heard(tmp_path / "joined.mpg")


async def test_another_recording_within_a_transport_stream_whose_clock_goes_on_is_heard(tmp_path: Path) -> None:
    seconds, clocks, pieces = (3, 4, 3), (0, 0, 3), []
    for number, (length, clock) in enumerate(zip(seconds, clocks, strict=True)):
        path, pid = tmp_path / f"{number}.ts", "0x110" if number == 1 else "0x100"
        sound = ("-f", "lavfi", "-i", f"sine={300 * (number + 1)}:duration={length}", "-c:a", "mp2")
        run_ffmpeg(*sound, "-output_ts_offset", str(clock), "-mpegts_start_pid", pid, str(path))
        pieces.append(path.read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(pieces))

    outcome = await convert(tmp_path / "joined.ts")

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(sum(seconds), abs=_ADDED_SECONDS)


@pytest.mark.parametrize("suffix", ["mpg", "vob", "ts"])
async def test_two_tracks_at_once_are_one_part_however_late_their_clock_is(suffix: str, tmp_path: Path) -> None:
    sweep, path = tmp_path / "sweep.wav", tmp_path / f"two.{suffix}"
    sweep.write_bytes(sweep_wav(44_100))
    late = ("-map", "0", "-map", "0", "-c:a", "mp2", "-output_ts_offset", "6000")
    run_ffmpeg("-i", str(sweep), *late, str(path))

    await assert_all_is_heard(path)


@pytest.mark.parametrize("codec", ["ac3", "mp2", "aac", "libmp3lame"])
@pytest.mark.parametrize("formats", [("48000 2", "44100 2", "44100 1"), ("32000 1", "48000 2", "32000 2")])
async def test_recordings_of_other_formats_have_the_samples_that_each_has_alone(
    codec: str, formats: Sequence[str], tmp_path: Path
) -> None:
    recordings = []
    for number, (rate, channels) in enumerate(map(str.split, formats)):
        a_second(tmp_path, number, "ts", "-c:a", codec, "-ar", rate, "-ac", channels)
        recordings.append(tmp_path / f"{number}.ts")
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(recording.read_bytes() for recording in recordings))
    rate_hz, channels_of_first = map(int, formats[0].split())

    wav, *others = await converted(source, tmp_path, *map(an_output, (AudioFormat.WAV, *_OTHERS)))

    samples = array("h")
    for recording in recordings:
        directory = tmp_path / f"alone-{recording.stem}"
        directory.mkdir()
        output = an_output(AudioFormat.WAV, sample_rate_hz=rate_hz, channels=channels_of_first)
        samples += read_wav((await converted(recording, directory, output))[0].path.read_bytes()).channel(0)
    assert read_wav(wav.path.read_bytes()).rate_hz == rate_hz
    heard = read_wav(wav.path.read_bytes()).channel(0)
    assert len(heard) == len(samples)
    assert max(abs(one - other) for one, other in zip(heard, samples, strict=True)) <= 2  # of rounding
    assert [each.duration_seconds for each in others] == [pytest.approx(wav.duration_seconds, abs=0.001)] * len(others)
