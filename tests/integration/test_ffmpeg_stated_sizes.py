"""Sources whose headers state another size than they have, through ffmpeg."""

from __future__ import annotations

import math
import random
import struct
import subprocess
from array import array
from pathlib import Path

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import FFMPEG, listen, run_ffmpeg, sound
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError

_RATE_HZ = 24_000


def a_tone(seconds: float) -> bytes:
    return array("h", [int(9000 * math.sin(n / 9)) for n in range(int(_RATE_HZ * seconds))]).tobytes()


def a_wav(data: bytes, stated: int) -> bytes:
    layout = struct.pack("<HHIIHH", 1, 1, _RATE_HZ, 2 * _RATE_HZ, 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", stated)
    return b"RIFF" + struct.pack("<I", min(len(head) + stated, 0xFFFF_FFFF)) + head + data


def piped(*arguments: str) -> bytes:
    """What ffmpeg writes where it cannot go back to its header."""
    return subprocess.run([FFMPEG, "-v", "error", *arguments, "-"], check=True, capture_output=True).stdout


async def samples_of(directory: Path, name: str, content: bytes) -> bytes:
    """What an output in WAV holds."""
    (directory / name).write_bytes(content)
    (artifact,) = await converted(directory / name, directory, an_output(AudioFormat.WAV))
    raw = directory / "raw"
    run_ffmpeg("-i", str(artifact.path), "-f", "s16le", str(raw))
    return raw.read_bytes()


@pytest.mark.parametrize("stated", [0, 48_000, 2_000_000_000, 0xFFFF_FFFF, 777_777_777])
async def test_every_sample_of_a_wav_with_a_wrong_size_comes_out(stated: int, tmp_path: Path) -> None:
    data = a_tone(4)

    assert await samples_of(tmp_path, "source.wav", a_wav(data, stated)) == data


@pytest.mark.parametrize("offset", [3, 2000])
async def test_every_sample_of_an_aiff_comes_out_from_where_it_says_that_they_begin(
    offset: int, tmp_path: Path
) -> None:
    data = a_tone(1)
    big_endian = array("h", data)
    big_endian.byteswap()
    layout = struct.pack(">HIHHQ", 1, _RATE_HZ, 16, 16383 + 63 - 49, _RATE_HZ << 49)
    content = struct.pack(">II", offset, 0) + b"U" * offset + big_endian.tobytes()
    body = b"AIFFCOMM" + struct.pack(">I", 18) + layout + b"SSND" + struct.pack(">I", len(content)) + content

    assert await samples_of(tmp_path, "source.aiff", b"FORM" + struct.pack(">I", len(body)) + body) == data


@pytest.mark.parametrize("stated", [0, 48_000, 0xFFFF_FFFF])
async def test_every_sample_of_an_au_with_a_wrong_size_comes_out(stated: int, tmp_path: Path) -> None:
    data = a_tone(4)
    big_endian = array("h", data)
    big_endian.byteswap()
    header = b".snd" + struct.pack(">IIIII", 24, stated, 3, _RATE_HZ, 1)

    assert await samples_of(tmp_path, "source.au", header + big_endian.tobytes()) == data


@pytest.mark.parametrize("suffix", ["aiff", "w64", "caf", "au", "wav", "rf64"])
async def test_every_sample_of_what_was_written_to_a_pipe_comes_out(suffix: str, tmp_path: Path) -> None:
    data = a_tone(4)
    (tmp_path / "tone.raw").write_bytes(data)
    options = {"rf64": ("-rf64", "always", "-f", "wav")}.get(suffix, ("-f", suffix))
    raw = ("-f", "s16le", "-ar", str(_RATE_HZ), "-ac", "2", "-i", str(tmp_path / "tone.raw"))

    assert await samples_of(tmp_path, f"source.{suffix}", piped(*raw, *options)) == data


@pytest.mark.parametrize("stated", [0, 0xFFFF_FFFF])
async def test_chunks_behind_samples_of_unknown_size_do_not_come_out(stated: int, tmp_path: Path) -> None:
    data, tags = a_tone(4), b"LIST" + struct.pack("<I", 20) + b"INFOINAM" + struct.pack("<I", 8) + b"A title\0"

    assert await samples_of(tmp_path, "source.wav", a_wav(data, stated) + tags + b"TAG" + bytes(125)) == data


async def test_every_sample_of_an_rf64_with_impossible_sizes_comes_out(tmp_path: Path) -> None:
    data = a_tone(4)
    sizes = b"ds64" + struct.pack("<I", 28) + b"\xff" * 24 + bytes(4)
    source = b"RF64\xff\xff\xff\xffWAVE" + sizes + a_wav(data, 0xFFFF_FFFF)[12:]

    assert await samples_of(tmp_path, "source.wav", source) == data


@pytest.mark.parametrize("behind", [bytes(5000), random.Random(3).randbytes(9000), b"TAG" + bytes(125)])
async def test_nothing_behind_the_sound_comes_out(behind: bytes, tmp_path: Path) -> None:
    data = a_tone(4)
    big_endian = array("h", data)
    big_endian.byteswap()
    an_au = b".snd" + struct.pack(">IIIII", 24, len(data), 3, _RATE_HZ, 1) + big_endian.tobytes()

    assert await samples_of(tmp_path, "source.wav", a_wav(data, len(data)) + behind) == data
    assert await samples_of(tmp_path, "source.au", an_au + behind) == data


async def test_tags_between_the_sound_and_padding_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    chunk = b"LIST" + struct.pack("<I", 20) + b"INFOINAM" + struct.pack("<I", 8) + b"A title\0"
    source.write_bytes(a_wav(a_tone(1), 2 * _RATE_HZ) + chunk + bytes(5000))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.FLAC))

    assert "A title" in listen(delivered(artifact)).described


@pytest.mark.parametrize("name", ["plain.wav", "plain.aiff", "plain.w64", "plain.caf", "plain.au"])
async def test_a_source_with_200_mb_of_zeros_behind_it_is_converted_at_once(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(sound(name).read_bytes())
    with source.open("ab") as file:
        file.truncate(source.stat().st_size + (200 << 20))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(2.3, abs=0.001)


async def test_joined_wavs_are_refused_and_not_cut_short(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    source.write_bytes(2 * sound("plain.wav").read_bytes())

    with pytest.raises(UnsupportedAudioError, match="joined"):
        await converted(source, tmp_path, an_output(AudioFormat.WAV))


@pytest.mark.parametrize("frames", [24_001, 24_002, 24_004])
async def test_the_padding_of_a_wave64_is_no_damage(frames: int, tmp_path: Path) -> None:
    source = tmp_path / "source.w64"
    tone = ("-f", "lavfi", "-i", f"sine=sample_rate={_RATE_HZ},atrim=end_sample={frames}")
    run_ffmpeg(*tone, "-ac", "2", "-c:a", "pcm_s24le", str(source))

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    raw = {path: path.with_suffix(".raw") for path in (source, artifact.path)}
    for path, samples in raw.items():
        run_ffmpeg("-i", str(path), "-f", "s24le", str(samples))
    original, output = (samples.read_bytes() for samples in raw.values())
    assert len(output) == frames * 2 * 3
    assert output == original[: len(output)]


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 5])
async def test_a_last_frame_that_lacks_channels_is_no_damage(missing: int, tmp_path: Path) -> None:
    whole = bytes(range(1, 241)) * 600  # frames of 6 bytes
    layout = struct.pack("<HHIIHH", 1, 2, _RATE_HZ, 6 * _RATE_HZ, 6, 24)
    data = whole[: len(whole) - missing]
    head = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(data))
    source = tmp_path / "source.wav"
    source.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    raw = tmp_path / "raw"
    run_ffmpeg("-i", str(artifact.path), "-f", "s24le", str(raw))
    assert raw.read_bytes() == whole[:-6]


async def test_a_wav_with_a_second_chunk_of_samples_is_refused_and_not_cut_short(tmp_path: Path) -> None:
    data, tags = a_tone(4), b"LIST" + struct.pack("<I", 20) + b"INFOINAM" + struct.pack("<I", 8) + b"A title\0"
    second = b"data" + struct.pack("<I", len(data)) + data

    with pytest.raises(UnsupportedAudioError, match="more sound than its header states"):
        await samples_of(tmp_path, "source.wav", a_wav(data, len(data)) + tags + second)


async def test_a_byte_of_padding_that_is_counted_as_gsm_is_no_damage(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    layout = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    data = bytes(65 * 21) + b"\0"  # as sox writes it
    head = b"WAVEfmt " + struct.pack("<I", 20) + layout + b"data" + struct.pack("<I", len(data))
    source.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(21 * 320 / 8000)
