"""Sources that are damaged, state false sizes, or attack the converter."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversions import an_output, converted, delivered
from tests.support.sounds import FFMPEG, SOUND_FORMATS, listen, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.errors import (
    ConverterCrashedError,
    DurationTooLongError,
    NoAudioError,
    UnsupportedAudioError,
)
from worker.ports import Artifact


async def convert(source: Path, *formats: AudioFormat, **how: Any) -> list[Artifact]:
    outputs = map(an_output, formats or (AudioFormat.WAV,))
    return await converted(source, source.parent, *outputs, **how)


def a_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def a_wav(path: Path, *, rate_hz: int = 8000, channels: int = 1, tag: int = 1, data: bytes = bytes(16_000)) -> Path:
    layout = struct.pack("<HHIIHH", tag, channels, rate_hz, 2 * rate_hz * channels, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(data)) + data
    return a_file(path, b"RIFF" + struct.pack("<I", len(body)) + body)


# --- playlists ---------------------------------------------------------------------------------------------------

_PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{victim}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {name}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?>\n<MPD><Period><BaseURL>{name}</BaseURL></Period></MPD>\n',
}


@pytest.mark.parametrize("suffix", ["mp3", "itself"])
@pytest.mark.parametrize("kind", _PLAYLISTS)
async def test_a_playlist_reads_nothing_but_itself(kind: str, suffix: str, tmp_path: Path) -> None:
    victim = a_wav(tmp_path / "neighbour.wav")
    text = _PLAYLISTS[kind].format(victim=victim, name=victim.name)
    source = a_file(tmp_path / f"source.{kind if suffix == 'itself' else suffix}", text.encode())

    with pytest.raises(UnsupportedAudioError, match=r"a playlist.*, not audio"):
        await convert(source)


async def test_a_playlist_behind_a_tag_reads_nothing_but_itself(tmp_path: Path) -> None:
    source = a_file(tmp_path / "source.mp3", b"ID3\x04\0\0\0\0\0\x08" + bytes(8) + b"#EXTM3U\n/etc/passwd\n")

    with pytest.raises(UnsupportedAudioError, match="playlist"):
        await convert(source)


# --- bombs and false headers -------------------------------------------------------------------------------------


async def test_hours_of_silence_in_a_small_file_are_too_long_by_its_header(tmp_path: Path) -> None:
    with pytest.raises(DurationTooLongError):
        await convert(sound("long-silence.flac"), max_seconds=3600)


async def test_hours_of_silence_without_a_length_in_the_header_are_too_long_by_their_frames(tmp_path: Path) -> None:
    bomb = bytearray(sound("long-silence.flac").read_bytes())
    bomb[21] &= 0xF0  # STREAMINFO's number of samples: 36 bits, 0 for not known
    bomb[22:26] = bytes(4)
    source = a_file(tmp_path / "bomb.flac", bytes(bomb))
    began = time.monotonic()

    with pytest.raises(DurationTooLongError):
        await convert(source, max_seconds=60)

    assert time.monotonic() - began < 10


async def test_a_source_that_states_no_length_is_too_long_once_the_limit_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(DurationTooLongError):
        await convert(sound("plain.aac"), max_seconds=1)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "reason"),
    [
        (1, 1, "the source is damaged: its header states 1 Hz"),
        (2_000_000_000, 1, "the source is damaged: its header states 2000000000 Hz"),
        (8000, 9999, "the source is damaged: its header states 9999 channels"),
        (3999, 1, "a sample rate of 3999 Hz is not supported"),
        (8000, 20, "20 channels are not supported"),
    ],
)
async def test_a_header_with_absurd_numbers_is_unsupported(
    rate_hz: int, channels: int, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedAudioError, match=reason):
        await convert(a_wav(tmp_path / "source.wav", rate_hz=rate_hz, channels=channels))


async def test_an_unknown_codec_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudioError, match="codec"):
        await convert(a_wav(tmp_path / "source.wav", tag=0x7777))


@pytest.mark.parametrize("boxes", [["stsd"], ["stbl"], ["mp4a", "esds"]])
async def test_a_damaged_description_of_the_sound_is_no_fault_of_the_converter(
    boxes: list[str], tmp_path: Path
) -> None:
    source = tmp_path / "source.m4a"
    run_ffmpeg("-i", str(sound("plain.wav")), "-movflags", "+frag_keyframe+empty_moov", str(source))
    data = source.read_bytes()
    for box in boxes:
        data = data.replace(box.encode(), b"junk", 1)

    with pytest.raises(UnsupportedAudioError, match=r"the source is damaged|codec"):
        await convert(a_file(source, data))


async def test_a_video_codec_is_never_decoded_as_sound(tmp_path: Path) -> None:
    converter = FfmpegConverter(FFMPEG)
    with pytest.raises(NoAudioError):
        await converter.probe(sound("silent.mp4"))


async def test_a_source_without_a_single_sample_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudioError, match="no sound"):
        await convert(a_wav(tmp_path / "source.wav", data=b""))


async def test_a_converter_without_memory_ends_that_job_alone(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav")
    with pytest.raises(ConverterCrashedError):
        await convert(source, *SOUND_FORMATS, converter=FfmpegConverter(FFMPEG, memory_bytes=256 * 1024 * 1024))

    assert await convert(source)


# --- damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain.mp3", "plain.aac", "plain.ogg", "plain.opus", "plain.flac", "front.m4a"])
async def test_a_source_that_is_noise_from_the_middle_on_is_unsupported(name: str, tmp_path: Path) -> None:
    data = bytearray(sound(name).read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = random.Random(7).randbytes(third)

    with pytest.raises(UnsupportedAudioError):
        await convert(a_file(tmp_path / name, bytes(data)))


async def test_one_damaged_frame_of_a_lossy_source_is_played_over(tmp_path: Path) -> None:
    data = bytearray(sound("plain.mp3").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)

    (artifact,) = await convert(a_file(tmp_path / "source.mp3", bytes(data)))

    assert artifact.duration_seconds == pytest.approx(2.3, abs=0.06)


async def test_one_damaged_frame_of_a_lossless_source_is_refused(tmp_path: Path) -> None:
    data = bytearray(sound("plain.flac").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)

    with pytest.raises(UnsupportedAudioError):
        await convert(a_file(tmp_path / "source.flac", bytes(data)))


@pytest.mark.parametrize("cut", [65, 500, 2000])
@pytest.mark.parametrize("name", ["plain.wav", "plain.flac", "plain.mp3", "bare.mp3", "end.m4a", "plain.ogg"])
async def test_a_source_that_lacks_its_last_bytes_is_refused(name: str, cut: int, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudioError):
        await convert(a_file(tmp_path / name, sound(name).read_bytes()[:-cut]))


async def test_bytes_that_were_flipped_anywhere_end_in_one_of_our_errors_or_in_sound(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    for name in ("plain.mp3", "end.m4a", "plain.ogg", "plain.webm", "plain.wma", "plain.aiff"):
        for number in range(4):
            data = bytearray(sound(name).read_bytes())
            for _ in range(30):
                data[chance.randrange(len(data))] = chance.randrange(256)
            directory = tmp_path / f"{name}-{number}"
            await asyncio.to_thread(directory.mkdir)
            with suppress(UnsupportedAudioError, DurationTooLongError, NoAudioError):
                assert await convert(a_file(directory / name, bytes(data)))


# --- unusual, but valid ------------------------------------------------------------------------------------------


async def test_a_cover_larger_than_the_sound_is_skipped(tmp_path: Path) -> None:
    picture = random.Random(1).randbytes(3_000_000)
    body = b"\0image/png\0\3\0" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body  # ID3v2.3
    size = len(frame)
    head = b"ID3\x03\0\0" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0))
    source = a_file(tmp_path / "source.mp3", head + frame + sound("bare.mp3").read_bytes())

    (artifact,) = await convert(source)

    assert artifact.duration_seconds == pytest.approx(2.3, abs=0.1)


@pytest.mark.parametrize("name", ["cover.mp3", "cover.m4a", "cover.flac"])
async def test_a_cover_is_no_obstacle_to_any_format(name: str, tmp_path: Path) -> None:
    source = a_file(tmp_path / name, sound(name).read_bytes())

    artifacts = await convert(source, *SOUND_FORMATS)

    seconds = listen(source).seconds
    assert all(artifact.duration_seconds == pytest.approx(seconds, abs=0.001) for artifact in artifacts)
    with_picture = [listen(delivered(artifact)).has_picture for artifact in artifacts]
    assert with_picture == [FORMATS[output_format].holds_cover for output_format in SOUND_FORMATS]


async def test_tags_behind_the_sound_are_no_missing_frame(tmp_path: Path) -> None:
    id3v1 = b"TAG" + bytes(125)
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 1, 0x80000000) + bytes(8)
    for name in ("bare.mp3", "plain.aac"):
        data = sound(name).read_bytes() + ape[:8] + bytes(24) + bytes(1968) + ape + id3v1
        assert await convert(a_file(tmp_path / name, data))


async def test_a_wav_from_a_pipe_that_never_knew_its_length_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    a_wav(source)
    data = bytearray(source.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"

    (artifact,) = await convert(a_file(source, bytes(data)))

    assert artifact.duration_seconds == pytest.approx(1.0)


async def test_a_pause_in_the_clock_is_silence_in_its_place(tmp_path: Path) -> None:
    source = tmp_path / "source.mka"
    run_ffmpeg("-i", str(sound("plain.opus")), "-c", "copy", "-bsf:a", "setts=ts=TS+gt(N\\,50)*20000", str(source))

    (artifact,) = await convert(source, AudioFormat.WEBM, max_seconds=10)

    assert artifact.duration_seconds == pytest.approx(2.3 + 20_000 / 48_000, abs=0.02)
