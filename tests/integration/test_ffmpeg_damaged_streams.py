"""Raw streams with damage, junk and padding, through ffmpeg: what comes out has the length of what went in."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted
from tests.support.sounds import run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.containers import adts, mp3
from worker.domain.errors import DurationTooLongError, UnsupportedAudioError

NOISE = random.Random(5).randbytes(100_000).replace(b"\xff", b"\xfe")
ID3V1 = b"TAG" + bytes(125)


async def samples_of(directory: Path, name: str, content: bytes) -> array[int]:
    """What an output in WAV holds: 16 bits, two channels."""
    (directory / name).write_bytes(content)
    (artifact,) = await converted(directory / name, directory, an_output(AudioFormat.WAV))
    raw = directory / "raw"
    run_ffmpeg("-i", str(artifact.path), "-f", "s16le", str(raw))
    return array("h", raw.read_bytes())


@pytest.mark.parametrize("name", ["bare.mp3", "plain.mp3", "vbr.mp3", "plain.aac"])
@pytest.mark.parametrize("front", [bytes(100_000), NOISE, b""], ids=["zeros", "noise", "nothing"])
@pytest.mark.parametrize("behind", [bytes(5000), ID3V1, b"\r\n"], ids=["zeros", "id3v1", "newline"])
async def test_junk_around_a_stream_changes_no_sample(name: str, front: bytes, behind: bytes, tmp_path: Path) -> None:
    data = sound(name).read_bytes()
    alone = await samples_of(tmp_path, f"alone-{name}", data)

    if front:
        data = data[data.index(b"\xff\xfb") :] if name.endswith(".mp3") else data
    assert await samples_of(tmp_path, name, front + data + behind) == alone


@pytest.mark.parametrize("name", ["bare.mp3", "plain.aac"])
async def test_damaged_frames_are_silence_and_the_rest_stays_where_it_was(name: str, tmp_path: Path) -> None:
    data = bytearray(sound(name).read_bytes())
    whole = await samples_of(tmp_path, f"whole-{name}", bytes(data))
    middle = len(data) // 2
    data[middle : middle + 900] = bytes(900)

    mended = await samples_of(tmp_path, name, bytes(data))

    assert len(mended) == pytest.approx(len(whole), abs=2 * 2048)
    assert min(max(map(abs, mended[at : at + 400])) for at in range(80_000, 120_000, 400)) < 50
    assert mended[-50_000:] == pytest.approx(whole[-50_000:], abs=2) or len(mended) != len(whole)
    assert not list(tmp_path.glob("*.mended"))


@pytest.mark.parametrize("junk_bytes", [1, 3, 7, 60])
@pytest.mark.parametrize("name", ["bare.mp3", "plain.aac"])
async def test_junk_between_two_frames_changes_no_sample(name: str, junk_bytes: int, tmp_path: Path) -> None:
    data = sound(name).read_bytes()
    alone = await samples_of(tmp_path, f"alone-{name}", data)
    kind = adts.KIND if name.endswith("aac") else mp3.KIND
    frame = data.index(b"\xff\xf1" if name.endswith("aac") else b"\xff\xfb")
    while frame < len(data) // 2:
        measured = kind.measure(data, frame)
        assert measured is not None
        frame += measured[0]

    assert await samples_of(tmp_path, name, data[:frame] + NOISE[:junk_bytes] + data[frame:]) == alone


@pytest.mark.parametrize("name", ["bare.mp3", "plain.aac"])
async def test_half_a_stream_of_damage_is_refused(name: str, tmp_path: Path) -> None:
    data = bytearray(sound(name).read_bytes())
    quarter = len(data) // 4
    data[quarter : 3 * quarter] = bytes(2 * quarter)

    with pytest.raises(UnsupportedAudioError, match="damaged"):
        await samples_of(tmp_path, name, bytes(data))


async def test_a_last_frame_that_lacks_some_bytes_is_played(tmp_path: Path) -> None:
    data = sound("plain.mp3").read_bytes()

    assert len(await samples_of(tmp_path, "source.mp3", data[:-20])) == pytest.approx(2 * 2.3 * 44_100, abs=2)


async def test_junk_between_a_tag_and_the_first_frame_costs_no_frame(tmp_path: Path) -> None:
    data = sound("bare.mp3").read_bytes()
    tag = b"ID3\x04\0\0\0\0\0\x08" + bytes(8)

    alone = await samples_of(tmp_path, "alone.mp3", data)

    assert await samples_of(tmp_path, "source.mp3", tag + NOISE + data + NOISE[:500] + ID3V1) == alone


async def test_joined_mp3s_are_played_one_after_the_other(tmp_path: Path) -> None:
    data = sound("bare.mp3").read_bytes()
    tag = b"ID3\x04\0\0\0\0\0\x08" + bytes(8)

    alone = await samples_of(tmp_path, "alone.mp3", data)
    joined = await samples_of(tmp_path, "joined.mp3", data + ID3V1 + tag + data)

    assert len(joined) == 2 * len(alone)


async def test_a_hostile_amr_file_of_frames_without_data_is_too_long_at_once(tmp_path: Path) -> None:
    source = tmp_path / "source.amr"
    source.write_bytes(b"#!AMR\n" + b"\x7c" * 1_000_000)

    with pytest.raises(DurationTooLongError):
        await converted(source, tmp_path, an_output(AudioFormat.WAV), max_seconds=3600)
