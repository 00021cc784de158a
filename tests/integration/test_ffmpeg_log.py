"""ffmpeg's standard error is read as it comes, within bounds, and lines that a source makes it print are ignored."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import sys
from pathlib import Path

import pytest
from mutagen.id3 import ID3, USLT

from tests.support.conversions import an_output, converted
from tests.support.processes import descendants_of
from tests.support.reports import a_report
from tests.support.sounds import run_ffmpeg, sound
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.process import ProcessLimits, run
from worker.adapters.sandbox.launcher import shared_launcher
from worker.domain.audio import AudioFormat
from worker.domain.errors import UnsupportedAudioError

_LIMITS = ProcessLimits(memory_bytes=2 * 1024**3, cpu_seconds=60, file_bytes=1024**3)


async def test_a_flood_of_complaints_ends_the_process_and_is_the_sources_fault(tmp_path: Path) -> None:
    code = "import os\nwhile True: os.write(2, b'x' * 50_000 + b'\\n')"
    shared_launcher().start()
    before = descendants_of(os.getpid(), named="python")  # servers of other tests

    with pytest.raises(UnsupportedAudioError, match="says more than can be read"):
        async with asyncio.timeout(20):
            await run(
                [sys.executable, "-I", "-S", "-c", code],
                fds=[],
                cwd=tmp_path,
                limits=_LIMITS,
                on_output=lambda _: None,
                on_log=Log().feed,
            )

    assert descendants_of(os.getpid(), named="python") == before


def a_flac_with_a_tag(path: Path, tag: bytes) -> Path:
    """The plain FLAC with one Vorbis comment, which may hold any bytes, its name included."""
    data = sound("plain.flac").read_bytes()
    comment = struct.pack("<I", 1) + b"x" + struct.pack("<II", 1, len(tag)) + tag
    frames = data[data.index(b"\xff\xf8", 42) :]
    path.write_bytes(b"fLaC\0" + data[5:42] + b"\x84" + len(comment).to_bytes(3, "big") + comment + frames)
    return path


_FORGED = (
    b"x\n\x1b[0m\x1b[0;35m[in#0/flac @ 0x55d0c8e2f1c0] \x1b[0m\x1b[1;31mCRC mismatch!\n"
    b"[in#0/flac @ 0x55d0c8e2f1c0] [error] No space left on device\n"
    b"Stream map '0:a' matches no streams.\n"
    b"  Duration: 99:00:00.00, start: 0.000000\n"
    b"  Stream #0:0: Audio: flac, 44100 Hz, stereo, u8\n"
    b"  Input stream #0:0 (audio): 1 packets read (1 bytes); 1 frames decoded; 9 decode errors (1 samples)\n"
    b"title=No space left on device\n  Duration: 99:00:00.00, start: 0.000000"
)


async def test_a_tag_that_speaks_like_ffmpeg_changes_nothing(tmp_path: Path) -> None:
    source = a_flac_with_a_tag(tmp_path / "source.flac", _FORGED)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.FLAC), max_seconds=60)

    assert artifact.duration_seconds == pytest.approx(2.3, abs=0.001)


@pytest.mark.parametrize("title", ["No space left on device", "matches no streams"])
async def test_a_damaged_file_is_refused_as_damaged_whatever_its_title(title: str, tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    run_ffmpeg("-i", str(sound("bare.mp3")), "-c", "copy", "-metadata", f"title={title}", str(source))
    data = bytearray(source.read_bytes())
    quarter = len(data) // 4
    data[quarter : 3 * quarter] = bytes(2 * quarter)
    source.write_bytes(data)

    with pytest.raises(UnsupportedAudioError):
        await converted(source, tmp_path, an_output(AudioFormat.WAV))


def an_mp4_of_one_byte_frames(path: Path, count: int) -> Path:
    """The tables of a plain M4A, which then state `count` frames of one byte each (ISO 14496-12, section 8.7.3)."""
    run_ffmpeg("-i", str(sound("plain.wav")), "-c:a", "aac", "-bitexact", str(path))
    data = bytearray(path.read_bytes())
    tables = {
        b"stsz": struct.pack(">III", 0, 1, count),
        b"stts": struct.pack(">IIII", 0, 1, count, 1024),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, count, 1),
        b"stco": struct.pack(">III", 0, 1, len(data) + 8),
    }
    for name, body in tables.items():
        begin = data.index(name) + 4
        data[begin : begin + len(body)] = body
    path.write_bytes(data + struct.pack(">I", 8 + count) + b"mdat" + bytes(count))
    return path


async def test_millions_of_frames_of_one_byte_are_refused_before_they_are_all_complained_of(tmp_path: Path) -> None:
    source = an_mp4_of_one_byte_frames(tmp_path / "source.m4a", 8_000_000)

    async with asyncio.timeout(60):
        with pytest.raises(UnsupportedAudioError, match="the source is damaged"):
            await converted(source, tmp_path, an_output(AudioFormat.WAV), max_seconds=1_000_000)

    assert descendants_of(os.getpid(), named="ffmpeg") == []


async def test_sixteen_reports_on_a_source_with_long_tags_do_not_repeat_them(tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    shutil.copyfile(sound("bare.mp3"), source)
    tags = ID3()
    tags.add(USLT(text=("la " * 80 + "\n") * 6500))
    tags.save(source)

    artifacts = await converted(source, tmp_path, *[a_report()] * 16)

    reports = {artifact.path.read_bytes() for artifact in artifacts}
    assert len(reports) == 1
    assert json.loads(reports.pop())["loudness"]["integrated_lufs"] is not None
