"""Frames that cannot be decoded: silence takes their place, the rest keeps its time, and the record says how much."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.conversions import an_output
from tests.support.pcm import read_wav
from tests.support.sounds import FFMPEG, run_ffmpeg
from tests.support.sweep import sweep_wav
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError
from worker.ports import ConversionProgress, Converted

_RATE_HZ = 44_100


async def heard_of(source: Path, audio_format: AudioFormat = AudioFormat.WAV) -> tuple[list[int], Converted]:
    """The samples of the first channel of an output in WAV, and the conversion."""
    converter, target = FfmpegConverter(FFMPEG), source.with_suffix(".out.wav")
    converted = await converter.convert(
        source,
        await converter.probe(source),
        [(an_output(audio_format), target)],
        max_duration_seconds=60,
        progress=ConversionProgress(),
    )
    return list(read_wav(target.read_bytes()).channel(0)), converted


def a_sweep(path: Path, *options: str) -> bytes:
    made = path.with_name("made.wav")
    made.write_bytes(sweep_wav(_RATE_HZ))
    run_ffmpeg("-i", str(made), *options, str(path))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "in_front_of_a_frame", "frame_samples"),
    [
        ("source.m4a", b"", 1024),
        ("source.flv", b"\xaf\x01", 1024),
        ("source.ac3", b"", 1536),
        ("source.eac3", b"", 1536),
    ],
)
async def test_a_frame_that_cannot_be_decoded_is_silence_of_its_length(
    name: str, in_front_of_a_frame: bytes, frame_samples: int, tmp_path: Path
) -> None:
    source = tmp_path / name
    data = bytearray(a_sweep(source, *(["-c:a", "aac"] if name.endswith("flv") else [])))
    whole, _ = await heard_of(source)
    middle = data.index(in_front_of_a_frame, len(data) // 2) + len(in_front_of_a_frame)
    data[middle : middle + 2] = bytes(each ^ 0xFF for each in data[middle : middle + 2])
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    (sentence,) = conversion.repaired
    assert sentence.endswith("s of sound could not be decoded (damaged frames: 1); silence took its place")
    assert float(sentence.partition(" ")[0]) == pytest.approx(frame_samples / _RATE_HZ, abs=0.006)
    assert len(samples) == pytest.approx(len(whole), abs=0.001 * _RATE_HZ)  # clocks count in milliseconds
    assert samples[-_RATE_HZ:-2048] == pytest.approx(whole[-_RATE_HZ:-2048], abs=200)


async def test_first_frames_that_cannot_be_decoded_are_silence_and_the_rest_keeps_its_time(tmp_path: Path) -> None:
    source, frames, frame_bytes = tmp_path / "source.mp4", 6, 768
    data = bytearray(a_sweep(source, "-c:a", "ac3", "-b:a", "192k", "-ar", "48000"))
    whole, _ = await heard_of(source)
    first = data.index(b"\x0b\x77")
    for number in range(frames):
        data[first + number * frame_bytes + 200] ^= 0xFF
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    (sentence,) = conversion.repaired
    assert sentence.endswith("(damaged frames: 6); silence took its place")
    assert len(samples) == pytest.approx(len(whole), abs=100)
    assert not any(samples[: frames * 1536 - 100])
    assert samples[_RATE_HZ : 2 * _RATE_HZ] == pytest.approx(whole[_RATE_HZ : 2 * _RATE_HZ], abs=200)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("at", "bit"), [(2, 0x01), (3, 0x80), (3, 0x40), (1, 0x10)])
async def test_a_frame_of_aac_whose_header_is_damaged_is_silence(
    at: int, bit: int, channels: int, tmp_path: Path
) -> None:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    source = tmp_path / "source.aac"
    data = bytearray(a_sweep(source, "-af", f"pan={layout}|c0=c0"))
    whole, _ = await heard_of(source)
    middle = data.index(data[:3], len(data) // 2)
    data[middle + at] ^= bit
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    assert conversion.repaired == ("0.02 s of sound were damaged; silence took its place",)
    assert len(samples) == len(whole)
    assert samples[-_RATE_HZ:] == pytest.approx(whole[-_RATE_HZ:], abs=200)


@pytest.mark.parametrize(
    ("name", "rate_hz", "sync"),
    [
        ("source.aac", 22_050, b"\xff\xf1"),
        ("source.aac", 16_000, b"\xff\xf1"),
        ("source.ac3", 44_100, b"\x0b\x77"),
        ("source.eac3", 44_100, b"\x0b\x77"),
    ],
)
async def test_a_last_frame_that_cannot_be_decoded_is_silence_too(
    name: str, rate_hz: int, sync: bytes, tmp_path: Path
) -> None:
    source = tmp_path / name
    data = bytearray(a_sweep(source, "-ar", str(rate_hz)))
    whole, _ = await heard_of(source)
    last = data.rindex(sync) + 7
    data[last:] = bytes(each ^ 0xFF for each in data[last:])
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    (sentence,) = conversion.repaired
    assert sentence.endswith("s of sound could not be decoded (damaged frames: 1); silence took its place")
    assert len(samples) == pytest.approx(len(whole), abs=0.001 * rate_hz)


@pytest.mark.parametrize(
    ("name", "options", "in_front_of_a_frame"),
    [
        ("source.avi", ("-c:a", "libmp3lame"), rb"00wb"),
        ("source.avi", ("-c:a", "mp2"), rb"00wb"),
        ("source.avi", ("-c:a", "dca", "-strict", "-2"), rb"00wb"),
        ("source.mka", ("-c:a", "libmp3lame", "-write_crc32", "0"), rb"\xa3[\x40-\x4f].\x81..\x80"),
        ("source.webm", ("-c:a", "libopus"), rb"\xa3[\x40-\x4f].\x81..\x80"),
    ],
)
async def test_a_frame_of_zeros_is_silence_where_a_decoder_passes_over_it(
    name: str, options: tuple[str, ...], in_front_of_a_frame: bytes, tmp_path: Path
) -> None:
    source = tmp_path / name
    data = bytearray(a_sweep(source, *options))
    whole, _ = await heard_of(source)
    frames = list(re.finditer(in_front_of_a_frame, data[: data.rfind(b"idx1")], re.DOTALL))
    at = len(frames) // 2
    begin = frames[at].end() + 4 * name.endswith("avi")
    data[begin : frames[at + 1].start()] = bytes(frames[at + 1].start() - begin)
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    assert conversion.repaired == (
        "zeros stand in the place of some of its sound (damaged frames: 1); silence took their place",
    )
    assert len(samples) == pytest.approx(len(whole), abs=0.0015 * _RATE_HZ)  # clocks count in milliseconds
    assert samples[-_RATE_HZ:-2048] == pytest.approx(whole[-_RATE_HZ:-2048], abs=200)


_BARE = ("-write_xing", "0", "-id3v2_version", "0")


@pytest.mark.parametrize(
    ("name", "options", "is_silence"),
    [
        ("source.mp3", _BARE, True),
        ("source.mp3", (*_BARE, "-q:a", "4"), True),
        ("source.mp2", (), True),
        ("source.aac", (), True),
        ("source.ac3", (), False),
        ("source.eac3", (), False),
        ("source.dts", ("-c:a", "dca", "-strict", "-2"), False),
    ],
)
async def test_a_first_frame_whose_header_is_damaged_keeps_its_place(
    name: str, options: Sequence[str], *, is_silence: bool, tmp_path: Path
) -> None:
    source = tmp_path / name
    data = bytearray(a_sweep(source, *options))
    whole, _ = await heard_of(source)
    data[1] ^= 0x10
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    (sentence,) = conversion.repaired
    assert len(samples) == len(whole)
    if is_silence:
        assert sentence.endswith("s of sound were damaged; silence took its place")
        assert samples[-_RATE_HZ:] == pytest.approx(whole[-_RATE_HZ:], abs=200)
    else:
        assert sentence.endswith("s of sound had damaged headers, which were put right")
        assert samples == whole


# What stands before a frame of the sound; in an MP4 nothing does, and the last bytes are those of the last frames.
_IN_FRONT = {
    "source.m4a": rb"(?=.{1000}\Z)",
    "source.flv": rb"\x08.{10}\xaf\x01",
    "source.avi": rb"00wb....(?=.*idx1)",
}


@pytest.mark.parametrize("name", _IN_FRONT)
async def test_silence_stands_for_the_last_frames_in_a_container_that_states_its_length(
    name: str, tmp_path: Path
) -> None:
    source, codec = tmp_path / name, "mp3" if name.endswith("avi") else "aac"
    data = bytearray(a_sweep(source, "-c:a", codec, *(["-movflags", "+faststart"] if name.endswith("m4a") else [])))
    whole, _ = await heard_of(source)
    lost_bytes = 1000 if name.endswith("m4a") else 4
    for frame in list(re.finditer(_IN_FRONT[name], data, re.DOTALL))[-5:]:
        data[frame.end() : frame.end() + lost_bytes] = b"\x55" * lost_bytes
    source.write_bytes(data)

    samples, conversion = await heard_of(source)

    assert conversion.repaired[0].endswith("silence took its place")
    assert len(samples) == pytest.approx(len(whole), abs=0.002 * _RATE_HZ)


@pytest.mark.parametrize("damage", [b"\0" * 32, b"\xff" * 32, b"\x04", b"\x44"], ids=["zeros", "ones", "13 B", "6 B"])
async def test_damaged_packets_of_amr_in_an_mp4_do_not_make_it_longer(damage: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source.3gp"
    amr = ("-ac", "1", "-ar", "8000", "-c:a", "libopencore_amrnb", "-b:a", "12.2k", "-movflags", "+faststart")
    data = bytearray(a_sweep(source, *amr))
    whole, _ = await heard_of(source)
    frame = data.index(b"mdat") + 4 + 32 * 50
    data[frame : frame + len(damage)] = damage
    source.write_bytes(data)

    assert len(whole) == pytest.approx(3 * 8000, abs=0.03 * 8000)
    with pytest.raises(UnsupportedAudioError, match="more frames of sound than others"):
        await heard_of(source)


def crc_of(data: bytes) -> int:
    """ISO 11172-3, section 2.4.3.1: of 16 bits, with the polynomial 0x8005, from ones."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def a_protected_frame(*, flipped_bit: int | None = None) -> bytes:
    """A silent stereo frame of layer III, whose checksum covers half its header and the side information."""
    header, side = b"\xff\xfa\x90\x04", bytearray(32)
    crc = crc_of(header[2:] + side)
    if flipped_bit is not None:
        side[flipped_bit // 8] ^= 0x80 >> flipped_bit % 8
    return (header + crc.to_bytes(2, "big") + side).ljust(417, b"\0")


@pytest.mark.parametrize("flipped_bit", [0, 20, 50, 255])
async def test_a_flipped_bit_under_the_checksum_of_an_mp3_is_noticed(flipped_bit: int, tmp_path: Path) -> None:
    source, whole = tmp_path / "source.mp3", [a_protected_frame()] * 80
    source.write_bytes(b"".join(whole))
    samples, conversion = await heard_of(source)
    assert (len(samples), conversion.repaired) == (80 * 1152, ())
    whole[40] = a_protected_frame(flipped_bit=flipped_bit)
    source.write_bytes(b"".join(whole))

    samples, conversion = await heard_of(source)

    assert len(samples) == 80 * 1152
    assert [sentence.partition(" s ")[0] for sentence in conversion.repaired] == ["0.03"]


async def test_a_frame_that_cannot_be_decoded_may_stand_in_a_source_with_a_long_pause(tmp_path: Path) -> None:
    """ffmpeg says in several lines that are alike that it puts silence in the pause, and each counts."""
    source = tmp_path / "source.flv"
    tone = "sine=d=12:r=44100,aselect='not(between(t,3,8))'"
    run_ffmpeg("-f", "lavfi", "-i", tone, "-c:a", "aac", str(source))
    data = bytearray(source.read_bytes())
    middle = data.index(b"\xaf\x01", len(data) * 3 // 4) + 2
    data[middle : middle + 2] = bytes(each ^ 0xFF for each in data[middle : middle + 2])
    source.write_bytes(data)

    samples, converted = await heard_of(source)

    assert len(samples) / _RATE_HZ == pytest.approx(12, abs=0.1)
    assert not any(samples[4 * _RATE_HZ : 7 * _RATE_HZ])
    assert any("could not be decoded" in sentence for sentence in converted.repaired)
