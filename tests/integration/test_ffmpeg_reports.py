"""Reports: what they say of a sound is what its samples are, and beside other outputs they change nothing."""

from __future__ import annotations

import json
import random
import shutil
import struct
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TIT2, TPE1, TPE2, TPOS, TRCK, TXXX, USLT
from mutagen.mp4 import MP4

from tests.support.conversions import an_output, converted
from tests.support.reports import a_report, report_on
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import run_ffmpeg, sound
from worker.adapters.ffmpeg.runs import Runs, Task
from worker.domain.audio import AudioFormat
from worker.domain.loudness import LoudnessTarget
from worker.domain.trimming import TrimSilence

_FORMAT_OF = {8: "<B", 16: "<h", 32: "<i"}


def a_wav_of(path: Path, numbers: Sequence[float], channels: int, bits: int, *, is_float: bool = False) -> Path:
    """A WAV of these samples at 48 kHz; whole numbers of the depth (from zero on), or floats."""
    if is_float:
        data = struct.pack(f"<{len(numbers)}f", *numbers)
    elif bits == 24:
        data = b"".join(int(number).to_bytes(3, "little", signed=True) for number in numbers)
    else:
        data = b"".join(struct.pack(_FORMAT_OF[bits], int(number) + 128 * (bits == 8)) for number in numbers)
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", 3 if is_float else 1, channels, RATE_HZ, RATE_HZ * frame, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def around_full_scale(bits: int) -> list[int]:
    """Two channels of a second, most of it below full scale; some of it at it, some just below it."""
    draw, highest = random.Random(bits), 2 ** (bits - 1) - 1
    numbers = [draw.randint(-highest // 2, highest // 2) for _ in range(2 * RATE_HZ)]
    for value, count in ((highest, 300), (-highest, 20), (-highest - 1, 7), (highest - 1, 500), (1 - highest, 400)):
        for _ in range(count):
            numbers[draw.randrange(len(numbers))] = value
    return numbers


@pytest.mark.parametrize("beside", [[], [an_output(AudioFormat.WAV, bits_per_sample=16)]], ids=["alone", "beside 16"])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
async def test_a_sample_is_clipped_where_its_depth_has_no_higher_number(
    bits: int, beside: list[Any], tmp_path: Path
) -> None:
    numbers = around_full_scale(bits)
    source = a_wav_of(tmp_path / "source.wav", numbers, 2, bits)

    found = await report_on(source, tmp_path, *beside)

    highest = 2 ** (bits - 1) - 1
    assert found["clipped_samples"] == sum(abs(number) >= highest for number in numbers) > 300
    assert found["source_audio"]["bits_per_sample"] == bits


async def test_a_float_is_clipped_from_one_on(tmp_path: Path) -> None:
    below = struct.unpack("<f", b"\xff\xff\x7f\x3f")[0]  # the float before 1
    numbers = [0.1, 1.0, -1.0, below, -below, 1.5, -37.0, 0.99] * 6000
    source = a_wav_of(tmp_path / "source.wav", numbers, 1, 32, is_float=True)

    assert (await report_on(source, tmp_path))["clipped_samples"] == 4 * 6000


@pytest.mark.parametrize(("codec", "highest"), [("pcm_mulaw", 32124), ("pcm_alaw", 32256)])
async def test_telephony_is_clipped_at_the_highest_that_its_code_has(codec: str, highest: int, tmp_path: Path) -> None:
    samples = array("h", (max(-32768, min(32767, 5 * value)) for value in tones([440])))
    source = tmp_path / "source.wav"
    run_ffmpeg("-i", str(a_wav(tmp_path / "pcm.wav", samples, 1)), "-c:a", codec, str(source))
    raw = tmp_path / "raw"
    run_ffmpeg("-i", str(source), "-f", "s16le", str(raw))

    expected = sum(abs(value) >= highest for value in array("h", raw.read_bytes()))
    assert (await report_on(source, tmp_path))["clipped_samples"] == expected > 1000


async def test_the_clipped_samples_of_a_lossy_source_are_those_of_its_decoded_sound(tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    run_ffmpeg("-f", "lavfi", "-i", "sine=440:d=2,volume=24dB", "-c:a", "libmp3lame", "-b:a", "64k", str(source))
    raw = tmp_path / "raw"
    run_ffmpeg("-i", str(source), "-f", "f32le", str(raw))

    expected = sum(abs(value) >= 32767 / 32768 for value in array("f", raw.read_bytes()))
    assert (await report_on(source, tmp_path))["clipped_samples"] == expected > 1000


async def test_a_sound_that_reaches_no_full_scale_has_no_clipped_sample(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", array("h", [32766, -32766] * RATE_HZ), 2)

    assert (await report_on(source, tmp_path))["clipped_samples"] == 0


def near(silences: list[list[float]]) -> list[Any]:
    return [pytest.approx(each, abs=1e-6) for each in silences]


def silent_at(*silences: tuple[float, float], seconds: float) -> array[int]:
    """A loud square wave in both channels, at -60 dBFS in these spans; a click in one channel ends none of them."""
    samples = array("h", [9000, -9000, -9000, 9000] * int(seconds * RATE_HZ / 2))
    for begin, end in silences:
        first, last = 2 * round(begin * RATE_HZ), 2 * round(end * RATE_HZ)
        samples[first:last] = array("h", [33, -33] * ((last - first) // 2))
    return samples


async def test_silences_are_found_to_the_sample_and_short_ones_are_none(tmp_path: Path) -> None:
    silences = [(0.0, 0.6), (1.0, 1.499), (2.0, 2.5), (2.6, 4.000125), (4.5, 5.0)]
    source = a_wav(tmp_path / "source.wav", silent_at(*silences, seconds=5.0), 2)

    found = await report_on(source, tmp_path)

    assert found["silences"] == near([[0.0, 0.6], [2.0, 2.5], [2.6, 4.000125], [4.5, 5.0]])


async def test_where_one_channel_sounds_there_is_no_silence(tmp_path: Path) -> None:
    samples = silent_at((0.5, 2.5), seconds=3.0)
    samples[2 * RATE_HZ + 1] = -104  # just above -50 dBFS, in the second channel at 1.0 s
    samples[3 * RATE_HZ] = 103  # just below it, in the first at 1.5 s
    source = a_wav(tmp_path / "source.wav", samples, 2)

    found = await report_on(source, tmp_path)

    assert found["silences"] == near([[0.5, 1.0], [1.0 + 1 / RATE_HZ, 2.5]])
    first = await report_on(source, tmp_path, pick_channel=1)
    assert first["silences"] == near([[0.5, 2.5]])


async def test_a_report_on_a_part_counts_its_seconds_from_the_parts_begin(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", silent_at((1.0, 2.0), (3.0, 5.0), seconds=5.0), 2)

    part = await report_on(source, tmp_path, start_seconds=0.5, end_seconds=4.0)
    trimmed = await report_on(source, tmp_path, trim_silence=TrimSilence(keep_seconds=0.25))

    assert part["silences"] == near([[0.5, 1.5], [2.5, 3.5]])
    assert trimmed["silences"] == near([[1.0, 2.0]])
    assert part["source_audio"]["duration_seconds"] == 5.0


async def test_a_report_on_one_sample_is_a_report(tmp_path: Path) -> None:
    found = await report_on(a_wav(tmp_path / "source.wav", array("h", [32767]), 1), tmp_path)

    assert found["clipped_samples"] == 1
    assert found["loudness"]["integrated_lufs"] is None


async def test_a_report_costs_no_run_of_its_own_and_changes_no_byte_of_the_other_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [an_output(AudioFormat.MP3), an_output(AudioFormat.FLAC), an_output(AudioFormat.WAV)]
    plain = [each.path.read_bytes() for each in await converted(sound("deep.wav"), tmp_path, *others)]
    runs: list[int] = []
    run = Runs.run

    async def counted(self: Runs, task: Task, *how: Any) -> Any:
        runs.append(len(task.outputs))
        return await run(self, task, *how)

    monkeypatch.setattr(Runs, "run", counted)

    report, *beside = await converted(sound("deep.wav"), tmp_path, a_report(), *others)

    assert runs == [4]
    assert [each.path.read_bytes() for each in beside] == plain
    assert report.duration_seconds == beside[0].duration_seconds
    assert report.size_bytes == report.path.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir() if path.stem == "0") == ["0.mp3", "0.report"]


async def test_each_of_several_reports_is_on_its_own_part(tmp_path: Path) -> None:
    samples = array("h", [20000, 32767] * RATE_HZ + [2000, 0] * RATE_HZ)
    source = a_wav(tmp_path / "source.wav", samples, 2)
    specs = [a_report(pick_channel=1), a_report(start_seconds=1), a_report(pick_channel=2, end_seconds=0.5)]

    artifacts = await converted(source, tmp_path, *specs, an_output(AudioFormat.MP3))

    reports = [json.loads(each.path.read_bytes()) for each in artifacts[:3]]
    assert [each["clipped_samples"] for each in reports] == [0, 0, RATE_HZ // 2]
    assert [each.duration_seconds for each in artifacts[:3]] == [2.0, 1.0, 0.5]
    assert len({json.dumps(each["source_audio"]) for each in reports}) == 1


async def test_a_silence_across_a_change_of_the_format_is_one(tmp_path: Path) -> None:
    parts = []
    for rate_hz, gate in ((48_000, "lt(t,1)"), (44_100, "gt(t,1)")):
        part, bare = tmp_path / f"{rate_hz}.mp3", ("-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0")
        run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc='1.5*sin(2*PI*440*t)*{gate}':s={rate_hz}:d=2", *bare, str(part))
        parts.append(part)
    source = tmp_path / "source.mp3"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))

    (artifact,) = await converted(source, tmp_path, a_report())

    found = json.loads(artifact.path.read_bytes())
    ((begin, end),) = found["silences"]
    assert (begin, end) == (pytest.approx(1.0, abs=0.1), pytest.approx(3.1, abs=0.1))
    first, second = [json.loads((await converted(part, tmp_path, a_report()))[0].path.read_bytes()) for part in parts]
    clipped = first["clipped_samples"] + second["clipped_samples"] * 48_000 / 44_100  # at the rate of the first
    assert found["clipped_samples"] == pytest.approx(clipped, rel=0.02)
    assert clipped > 10_000


@pytest.mark.parametrize("name", ["plain.wav", "plain.flac", "plain.mp3", "end.m4a", "plain.ogg", "plain.opus"])
async def test_source_audio_and_tags_are_those_of_the_source(name: str, tmp_path: Path) -> None:
    found = await report_on(sound(name), tmp_path, channels=1, sample_rate_hz=8000)

    assert found["tags"] == {"title": "A title", "artist": "Änne"}
    assert found["source_audio"]["channels"] == 2
    assert found["source_audio"]["sample_rate_hz"] == (48000 if name == "plain.opus" else 44100)
    assert found["source_audio"]["duration_seconds"] == pytest.approx(2.3, abs=0.06)
    assert list(found) == ["source_audio", "tags", "loudness", "clipped_samples", "silences"]


def _in_id3(path: Path) -> None:
    shutil.copyfile(sound("bare.mp3"), path)
    tags = ID3()
    for frame in (
        *(TIT2(text="Ein Stück – 曲"), TPE1(text=["Änne", "Бард"]), TPE2(text="Various"), TRCK(text="3/12")),
        *(TPOS(text="1"), TXXX(desc="My Own Field", text="own"), USLT(text="one\ntwo")),
    ):
        tags.add(frame)
    tags.save(path)


def _in_mp4(path: Path) -> None:
    shutil.copyfile(sound("end.m4a"), path)
    tags = MP4(path)
    tags.delete()
    tags.update({"©nam": ["Ein Stück – 曲"], "©ART": ["Änne", "Бард"], "aART": ["Various"], "trkn": [(3, 12)]})
    tags.update({"disk": [(1, 0)], "----:com.apple.iTunes:My Own Field": [b"own"], "©lyr": ["one\ntwo"]})
    tags.save()


def _in_vorbis_comments(path: Path) -> None:
    shutil.copyfile(sound("plain.flac"), path)
    tags = FLAC(path)
    tags.delete()
    tags.update({"TITLE": "Ein Stück – 曲", "ARTIST": ["Änne", "Бард"], "ALBUMARTIST": "Various"})
    tags.update(
        {"TRACKNUMBER": "3", "TRACKTOTAL": "12", "DISCNUMBER": "1", "My Own Field": "own", "LYRICS": "one\ntwo"}
    )
    tags.save()


@pytest.mark.parametrize(
    ("name", "write"),
    [("source.mp3", _in_id3), ("source.m4a", _in_mp4), ("source.flac", _in_vorbis_comments)],
)
async def test_the_tags_are_those_that_mutagen_has_written(
    name: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / name)

    found = (await report_on(tmp_path / name, tmp_path))["tags"]

    own = next(name for name in found if name.upper() == "MY OWN FIELD")  # of no case in Vorbis comments
    assert found == {
        "title": "Ein Stück – 曲",
        "artist": "Änne; Бард",
        "album_artist": "Various",
        "track": "3/12",
        "disc": "1",
        "lyrics": "one\ntwo",
        own: "own",
    }


async def test_a_report_beside_an_output_with_a_loudness_is_on_the_sound_before(tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([1000, 1000], seconds=2, level=0.5), 2)
    alone = await report_on(source, tmp_path)

    beside = [
        an_output(AudioFormat.OPUS, loudness=LoudnessTarget(-30.0)),
        an_output(AudioFormat.FLAC, trim_silence=TrimSilence()),
    ]

    assert await report_on(source, tmp_path, *beside) == alone
    assert alone["loudness"]["integrated_lufs"] == pytest.approx(-6.0, abs=0.2)
