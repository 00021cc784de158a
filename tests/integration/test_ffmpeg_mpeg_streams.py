"""MPEG transport and program streams through ffmpeg, whose tracks and lengths are known by their packets alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutation.trial import Outcome, convert
from tests.support.sounds import FFMPEG, run_ffmpeg
from worker.adapters.ffmpeg import FfmpegConverter

_TONE = "sine=frequency={hz}:sample_rate=48000:duration={seconds}"


def a_tone(seconds: float, hz: int = 440) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", _TONE.format(hz=hz, seconds=seconds))


async def test_a_program_stream_whose_first_time_stamp_is_wrong_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source.mpg"
    run_ffmpeg(*a_tone(2), "-c:a", "mp2", str(source))
    data = bytearray(source.read_bytes())
    first = re.search(rb"\x00\x00\x01\xc0.{2}\xff*(?:[\x40-\x7f].)?[\x21\x31]", data, re.DOTALL)
    assert first is not None
    data[first.end()] |= 0x3A  # 45 minutes later
    source.write_bytes(data)

    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(2.0, abs=0.03)


async def test_a_video_cd_without_pictures_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source.mpg"
    run_ffmpeg(*a_tone(2), "-ar", "44100", "-ac", "2", "-c:a", "mp2", "-f", "vcd", str(source))

    outcome = await convert(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(2.0, abs=0.03)


def without(packets_of: int, path: Path) -> None:
    """Leave the packets of a stream out of a transport stream."""
    data = path.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    path.write_bytes(b"".join(each for each in packets if (each[1] & 31) << 8 | each[2] != packets_of))


def assert_is_heard(outcome: Outcome, seconds: float) -> None:
    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(seconds, abs=0.06)
    assert outcome.repaired == ()


_PICTURE = ("-f", "lavfi", "-i", "testsrc=duration=2:size=64x64:rate=25")
_CODECS = ("-c:v", "mpeg2video", "-c:a", "mp2")


@pytest.mark.parametrize("has_pictures", [False, True])
@pytest.mark.parametrize("empty", [0, 1])
async def test_a_track_without_packets_is_passed_over(empty: int, has_pictures: bool, tmp_path: Path) -> None:
    source = tmp_path / "source.ts"
    maps = ("-map", "0", "-map", "1", *(("-map", "2") if has_pictures else ()))
    run_ffmpeg(*a_tone(2), *a_tone(2, 880), *_PICTURE, *maps, *_CODECS, str(source))
    without(0x100 + empty, source)

    assert_is_heard(await convert(source), 2.0)


async def test_a_source_whose_only_track_has_no_packets_is_refused_with_that_reason(tmp_path: Path) -> None:
    source = tmp_path / "source.ts"
    run_ffmpeg(*_PICTURE, *a_tone(2), *_CODECS, str(source))
    without(0x101, source)

    outcome = await convert(source)

    assert str(outcome.error) == "no audio track of the source has a known codec and sound in its first 128 MiB"


@pytest.mark.parametrize(("suffix", "late"), [("ts", 0), ("ts", 1), ("mpg", 1)])
async def test_the_first_track_is_converted_where_one_begins_later_than_ffmpeg_looks(
    suffix: str, late: int, tmp_path: Path
) -> None:
    source = tmp_path / f"source.{suffix}"
    inputs = [a_tone(14), a_tone(14, 880)]
    inputs[late] = ("-itsoffset", "10", *a_tone(4, (440, 880)[late]))
    run_ffmpeg(*inputs[0], *inputs[1], "-map", "0", "-map", "1", "-c:a", "mp2", "-b:a", "64k", str(source))

    assert_is_heard(await convert(source), 4.0 if late == 0 else 14.0)


@pytest.mark.parametrize("suffix", ["ts", "mpg", "vob"])
async def test_sound_that_begins_behind_megabytes_of_pictures_is_heard(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"source.{suffix}"
    noise = "nullsrc=duration=7:size=320x240:rate=25,noise=alls=90:allf=t"
    inputs = ("-f", "lavfi", "-i", noise, "-itsoffset", "5", *a_tone(2), "-map", "0", "-map", "1")
    run_ffmpeg(*inputs, "-c:v", "mpeg2video", "-q:v", "2", "-g", "1", "-c:a", "mp2", str(source))
    assert source.stat().st_size > 7_000_000

    audio = await FfmpegConverter(FFMPEG).probe(source)

    assert audio.structure.probe_bytes is not None
    assert 6_000_000 < audio.structure.probe_bytes < source.stat().st_size
    assert_is_heard(await convert(source), 2.0)


async def test_sound_that_ffmpeg_finds_by_itself_is_not_searched_for(tmp_path: Path) -> None:
    source = tmp_path / "source.ts"
    run_ffmpeg(*a_tone(2), "-c:a", "mp2", str(source))

    assert (await FfmpegConverter(FFMPEG).probe(source)).structure.probe_bytes is None
