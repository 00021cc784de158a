"""Ogg, Matroska, FLAC, FLV, AVI and MPEG streams through ffmpeg: whole ones come out whole, the rest is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutation.trial import convert as convert_to_wav
from tests.support.adts import flipped, frames_of
from tests.support.conversions import an_output, converted
from tests.support.ogg import joined_late, later, page, split, without_last_mark
from tests.support.pcm import read_wav
from tests.support.sounds import FFMPEG, SECONDS, run_ffmpeg, sound
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.domain.containers.flac_frames import frame_header
from worker.domain.errors import UnsupportedAudioError


async def seconds_of(directory: Path, name: str, content: bytes) -> float:
    """How long an output in WAV is."""
    source = directory / f"source-{name}"
    source.write_bytes(content)
    (artifact,) = await converted(source, directory, an_output(AudioFormat.WAV))
    return artifact.duration_seconds


@pytest.mark.parametrize(
    "name", ["plain.flv", "video.flv", "plain.avi", "video.avi", "video.mpg", "video.vob", "plain.ts", "flac.oga"]
)
async def test_the_sound_of_each_container_comes_out_in_full_length(name: str, tmp_path: Path) -> None:
    assert await seconds_of(tmp_path, name, sound(name).read_bytes()) == pytest.approx(SECONDS, abs=0.06)


async def test_sound_that_begins_late_in_an_avi_comes_out_and_the_start_is_told(tmp_path: Path) -> None:
    source = tmp_path / "late.avi"
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=s=32x32:d=4", "-itsoffset", "0.5", "-i", str(sound("plain.mp3"))),
        *("-map", "0", "-map", "1:a", "-c:v", "mpeg4", "-c:a", "mp2", str(source)),
    )

    assert await seconds_of(tmp_path, "late.avi", source.read_bytes()) == pytest.approx(SECONDS, abs=0.06)
    outcome = await convert_to_wav(source)
    assert any("empty chunks" in repair for repair in outcome.repaired)


_LONG_FRAMES = {
    "dts": ("-c:a", "dca", "-strict", "-2"),
    "eac3": ("-c:a", "eac3"),
    "vorbis": ("-c:a", "libvorbis"),
    "flac of six channels": ("-ac", "6", "-c:a", "flac"),
    "mp3 of 1440 bytes": ("-ar", "32000", "-c:a", "libmp3lame", "-b:a", "320k"),
}


@pytest.mark.parametrize("codec", _LONG_FRAMES)
async def test_frames_in_an_avi_may_be_longer_than_its_header_states(codec: str, tmp_path: Path) -> None:
    """FFmpeg counts such a frame as several, with silence between them."""
    source = tmp_path / "source.avi"
    run_ffmpeg("-i", str(sound("plain.flac")), *_LONG_FRAMES[codec], str(source))

    outcome = await convert_to_wav(source)

    assert outcome.heard is not None, outcome.error
    assert outcome.heard.seconds == pytest.approx(SECONDS, abs=0.06)
    assert outcome.repaired == ()


async def test_vorbis_that_begins_late_in_an_avi_comes_out_at_its_time(tmp_path: Path) -> None:
    source = tmp_path / "late.avi"
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=s=32x32:d=4", "-itsoffset", "0.5", "-i", str(sound("plain.mp3"))),
        *("-map", "0", "-map", "1:a", "-c:v", "mpeg4", "-c:a", "libvorbis", str(source)),
    )

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    assert artifact.duration_seconds == pytest.approx(SECONDS + 0.5, abs=0.06)
    pcm = read_wav(artifact.path.read_bytes())
    first = next(number for number, sample in enumerate(pcm.channel(0)) if sample)
    assert first / pcm.rate_hz == pytest.approx(0.5, abs=0.03)


async def test_flac_in_an_avi_is_whole_and_refused_where_it_is_damaged(tmp_path: Path) -> None:
    """The header of an AVI counts its frames, of which the last is shorter, and one that is empty."""
    source = tmp_path / "flac.avi"
    run_ffmpeg("-i", str(sound("plain.flac")), "-c:a", "flac", str(source))
    content = bytearray(source.read_bytes())

    assert await seconds_of(tmp_path, "flac.avi", bytes(content)) == pytest.approx(SECONDS, abs=0.001)
    content[len(content) // 2] ^= 1
    with pytest.raises(UnsupportedAudioError, match="damaged"):
        await seconds_of(tmp_path, "flac.avi", bytes(content))


@pytest.mark.parametrize("name", ["plain.flac", "plain.ogg", "plain.webm", "plain.flv", "plain.avi", "plain.ts"])
async def test_junk_in_front_and_behind_is_no_sound(name: str, tmp_path: Path) -> None:
    content = b"\xffjunk" * 99 + sound(name).read_bytes() + bytes(70_000)

    assert await seconds_of(tmp_path, name, content) == pytest.approx(SECONDS, abs=0.06)


@pytest.mark.parametrize("name", ["plain.ogg", "plain.opus"])
async def test_a_recording_without_an_end_of_stream_flag_is_whole(name: str, tmp_path: Path) -> None:
    content = without_last_mark(sound(name).read_bytes())

    assert await seconds_of(tmp_path, name, content) == pytest.approx(SECONDS, abs=0.06)


async def test_opus_that_begins_late_has_the_length_of_its_sound(tmp_path: Path) -> None:
    late = tmp_path / "late.opus"
    run_ffmpeg("-i", str(sound("plain.opus")), "-c", "copy", "-bsf:a", "setts=ts=TS+48000*1000", str(late))

    assert await seconds_of(tmp_path, "late.opus", late.read_bytes()) == pytest.approx(SECONDS, abs=0.02)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 5000.0])
async def test_vorbis_that_begins_late_has_the_length_of_its_sound(seconds: float, tmp_path: Path) -> None:
    content = later(sound("plain.ogg").read_bytes(), round(seconds * 44_100))

    assert await seconds_of(tmp_path, "late.ogg", content) == pytest.approx(SECONDS, abs=0.001)


async def test_vorbis_with_a_page_for_each_packet_has_the_length_of_its_sound(tmp_path: Path) -> None:
    paged = tmp_path / "paged.ogg"
    run_ffmpeg("-i", str(sound("plain.wav")), "-c:a", "libvorbis", "-page_duration", "1", str(paged))

    audio = await FfmpegConverter(FFMPEG).probe(paged)
    assert audio.duration_seconds == pytest.approx(SECONDS, abs=0.0001)


@pytest.mark.parametrize(("codec", "suffix", "seconds"), [("libvorbis", "ogg", 2.0898), ("libopus", "opus", 2.1)])
async def test_a_live_stream_that_was_joined_a_moment_late_is_whole(
    codec: str, suffix: str, seconds: float, tmp_path: Path
) -> None:
    whole = tmp_path / f"whole.{suffix}"
    run_ffmpeg("-i", str(sound("plain.wav")), "-c:a", codec, "-page_duration", "200000", str(whole))
    content = joined_late(whole.read_bytes(), 1)

    assert await seconds_of(tmp_path, f"late.{suffix}", content) == pytest.approx(seconds, abs=0.02)


async def test_a_part_of_a_flac_with_the_header_of_all_of_it_is_whole(tmp_path: Path) -> None:
    part = tmp_path / "part.flac"
    run_ffmpeg("-ss", "0.5", "-i", str(sound("plain.flac")), "-t", "1", "-c", "copy", str(part))

    assert await seconds_of(tmp_path, "part.flac", part.read_bytes()) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", ["plain.ogg", "plain.opus", "flac.oga"])
async def test_a_missing_page_of_ogg_is_refused(name: str, tmp_path: Path) -> None:
    whole = split(sound(name).read_bytes())
    middle = len(whole) // 2

    with pytest.raises(UnsupportedAudioError, match="damaged: pages of the Ogg file are missing"):
        await seconds_of(tmp_path, name, b"".join(whole[:middle] + whole[middle + 1 :]))


async def test_one_flipped_bit_in_the_name_of_a_cluster_is_refused(tmp_path: Path) -> None:
    data = bytearray(sound("plain.webm").read_bytes())
    data[data.index(b"\x1f\x43\xb6\x75")] ^= 0x20

    with pytest.raises(UnsupportedAudioError, match="damaged: the elements of the Matroska file"):
        await seconds_of(tmp_path, "plain.webm", bytes(data))


async def test_a_cluster_that_is_missing_in_a_live_recording_is_silence_and_said(tmp_path: Path) -> None:
    whole = tmp_path / "whole.webm"
    live = ("-c:a", "libopus", "-live", "1", "-cluster_time_limit", "400")
    run_ffmpeg("-i", str(sound("plain.wav")), *live, "-fflags", "+bitexact", str(whole))
    clusters = whole.read_bytes().split(b"\x1f\x43\xb6\x75")
    source = tmp_path / "source.webm"
    source.write_bytes(b"\x1f\x43\xb6\x75".join(clusters[:3] + clusters[4:]))

    outcome = await convert_to_wav(source)

    assert outcome.heard is not None
    assert outcome.heard.seconds == pytest.approx(SECONDS, abs=0.03)
    (sentence,) = outcome.repaired
    assert re.fullmatch(r"the source's clock has 0\.4\d s without sound; silence took their place", sentence)


async def test_frames_of_flac_in_another_order_are_refused(tmp_path: Path) -> None:
    data = sound("plain.flac").read_bytes()
    found = [at for at in range(len(data) - 16) if frame_header(data[at : at + 16])]
    begin, middle, behind = found[10], found[20], found[30]

    with pytest.raises(UnsupportedAudioError, match="damaged"):
        await seconds_of(
            tmp_path, "plain.flac", data[:begin] + data[middle:behind] + data[begin:middle] + data[behind:]
        )


async def test_missing_packets_of_a_transport_stream_are_refused(tmp_path: Path) -> None:
    data = sound("video.ts").read_bytes()
    middle = len(data) // 188 // 2 * 188

    with pytest.raises(UnsupportedAudioError, match="damaged: packets of the MPEG transport stream are missing"):
        await seconds_of(tmp_path, "video.ts", data[:middle] + data[middle + 40 * 188 :])


async def test_a_last_page_without_its_flag_and_half_of_another_is_a_cut(tmp_path: Path) -> None:
    half = page(bytes(200), number=99)[:100]

    with pytest.raises(UnsupportedAudioError, match="cut off"):
        await seconds_of(tmp_path, "plain.ogg", without_last_mark(sound("plain.ogg").read_bytes()) + half)


@pytest.mark.parametrize("length", [1100, 2048])
async def test_an_mp4_whose_index_makes_its_frames_too_long_is_heard_without_pauses(
    length: int, tmp_path: Path
) -> None:
    data = sound("end.m4a").read_bytes()
    frame = data.index(b"stts") + 16
    changed = data[:frame] + length.to_bytes(4, "big") + data[frame + 4 :]

    outputs = []
    for name, content in (("changed", changed), ("right", data)):
        (tmp_path / name).mkdir()
        source = tmp_path / f"{name}.m4a"
        source.write_bytes(content)
        (artifact,) = await converted(source, tmp_path / name, an_output(AudioFormat.WAV))
        outputs.append(artifact.path.read_bytes())

    assert outputs[0] == outputs[1]


def _box(data: bytearray, kind: bytes) -> int:
    """Where what is in the box begins."""
    return data.index(kind) + 4


def _scaled(data: bytearray, offset: int, factor: float) -> None:
    number = int.from_bytes(data[offset : offset + 4], "big") * factor
    data[offset : offset + 4] = round(number).to_bytes(4, "big")


@pytest.mark.parametrize(("ticks", "longer"), [(44_100, 1100 / 1024), (44_100, 2), (1000, 1.1), (1000, 2), (600, 2)])
async def test_an_mp4_whose_index_agrees_with_its_frames_that_are_too_long_is_heard_to_its_end(
    ticks: int, longer: float, tmp_path: Path
) -> None:
    source, made = tmp_path / "source.m4a", tmp_path / "made.m4a"
    run_ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=60", "-c:a", "aac", str(made))
    data = bytearray(made.read_bytes())
    header, edit = _box(data, b"mdhd"), _box(data, b"elst")
    frame = _box(data, b"stts") + 12
    for offset in (header + 12, header + 16, edit + 12, frame, frame + 8):
        _scaled(data, offset, ticks / 44_100)
    for offset in (frame, frame + 8, header + 16, _box(data, b"mvhd") + 16, edit + 8):
        _scaled(data, offset, longer)
    source.write_bytes(data)

    audio = await FfmpegConverter(FFMPEG).probe(source)
    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV), max_seconds=62.0)

    assert artifact.duration_seconds == pytest.approx(60.0, abs=0.25)
    assert audio.duration_seconds == pytest.approx(60.0, abs=0.05)


async def test_adts_with_one_frame_whose_header_states_another_rate_is_heard(tmp_path: Path) -> None:
    frames = frames_of(sound("plain.aac").read_bytes())
    frames[30] = flipped(frames[30], 19)

    seconds = await seconds_of(tmp_path, "plain.aac", b"".join(frames))

    assert seconds == pytest.approx(len(frames) * 1024 / 44_100, abs=0.001)
