"""Sources that are encoded in pieces side by side: what comes out, and what stops them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from mutagen.id3 import APIC, CHAP, TIT2
from mutagen.wave import WAVE

from tests.support.conversions import an_output, delivered
from tests.support.events import logged_events
from tests.support.sounds import FFMPEG, run_ffmpeg
from tests.support.splitting import MUSIC_SECONDS, a_pace, convert_one, make_music, splitting
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg import FfmpegConverter
from worker.application.consuming.spare_slots import SpareSlots
from worker.domain.audio import AudioFormat
from worker.domain.errors import ConverterCrashedError
from worker.events import Event
from worker.ports import AudioConverter, ConversionProgress, MispredictedError, OutputLimitError

FLAC_PACE = a_pace(AudioFormat.FLAC, piece_seconds=12)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("music") / "music.wav", "-metadata", "title=Änne")


def is_in_pieces(directory: Path) -> bool:
    return any(directory.glob("*.piece-*"))


@pytest.mark.parametrize("audio_format", [AudioFormat.FLAC, AudioFormat.ALAC])
async def test_a_lossless_output_in_pieces_is_the_file_that_one_encoder_writes(
    audio_format: AudioFormat, music: Path, tmp_path: Path
) -> None:
    pace, progress = a_pace(audio_format, piece_seconds=12), ConversionProgress()

    split = await convert_one(splitting(pace), music, tmp_path / "split", audio_format, progress=progress)
    whole = await convert_one(FfmpegConverter(FFMPEG), music, tmp_path / "whole", audio_format)

    assert delivered(split.artifacts[0]).read_bytes() == delivered(whole.artifacts[0]).read_bytes()
    assert split.artifacts[0].duration_seconds == whole.artifacts[0].duration_seconds
    assert progress.encoders > 1
    assert progress.seconds_done == pytest.approx(MUSIC_SECONDS, abs=0.5)
    assert {path.name for path in tmp_path.iterdir() if "delivered" not in path.name} == {"split", "whole"}


async def test_outputs_whose_pieces_need_different_surroundings_are_split_together(tmp_path: Path) -> None:
    source, slots, progress = tmp_path / "noise.wav", one_spare_slot(), ConversionProgress()
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=110:sample_rate=44100:color=pink:seed=1", str(source))
    formats = (AudioFormat.FLAC, AudioFormat.ALAC, AudioFormat.MP3)
    splits: AudioConverter = splitting(a_pace(AudioFormat.MP3, piece_seconds=60), slots=slots)
    converters = (splits, FfmpegConverter(FFMPEG))

    ours, others = [
        await converter.convert(
            source,
            await converter.probe(source),
            [(an_output(each), tmp_path / f"{number}.{each}") for each in formats],
            max_duration_seconds=1000.0,
            progress=progress if converter is splits else ConversionProgress(),
        )
        for number, converter in enumerate(converters)
    ]

    assert progress.encoders > 1
    for one, other in zip(ours.artifacts[:2], others.artifacts[:2], strict=True):
        assert delivered(one).read_bytes() == delivered(other).read_bytes()
    assert ours.artifacts[2].duration_seconds == others.artifacts[2].duration_seconds


def one_spare_slot() -> SpareSlots:
    slots = SpareSlots(2, lambda: False)
    slots.hold(1)
    return slots


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("deep.wav", ("-c:a", "pcm_s24le")),
        ("rf64.wav", ("-rf64", "always")),
        ("sony.w64", ()),
        ("apple.aiff", ("-c:a", "pcm_s16be")),
        ("deep.aiff", ("-c:a", "pcm_s24be")),
        ("core.caf", ("-c:a", "pcm_s24be")),
        ("sun.au", ("-c:a", "pcm_s16be")),
        ("chunks.wav", ("-metadata", "title=" + "long " * 500)),
    ],
)
async def test_other_plain_samples_are_split_as_well(name: str, options: tuple[str, ...], tmp_path: Path) -> None:
    source, progress = make_music(tmp_path / name, *options, seconds=30), ConversionProgress()
    pace = a_pace(AudioFormat.FLAC, piece_seconds=6)

    split = await convert_one(splitting(pace), source, tmp_path / "split", AudioFormat.FLAC, progress=progress)
    whole = await convert_one(FfmpegConverter(FFMPEG), source, tmp_path / "whole", AudioFormat.FLAC)

    assert progress.encoders > 1
    assert delivered(split.artifacts[0]).read_bytes() == delivered(whole.artifacts[0]).read_bytes()


@pytest.mark.parametrize("audio_format", [AudioFormat.FLAC, AudioFormat.MP3, AudioFormat.OPUS, AudioFormat.ALAC])
async def test_an_output_in_pieces_has_the_tags_the_cover_and_the_chapters_of_a_whole_one(
    audio_format: AudioFormat, tmp_path: Path
) -> None:
    source, progress = make_music(tmp_path / "music.wav"), ConversionProgress()
    cover, file = b"\xff\xd8\xff" + bytes(range(256)) * 300, WAVE(source)
    file.add_tags()
    file.tags.add(TIT2(encoding=3, text="Änne"))
    file.tags.add(APIC(encoding=3, mime="image/jpeg", type=3, data=cover))
    for name, begin in (("a", 0), ("b", 11_500)):
        title = TIT2(encoding=3, text=f"Kapitel {name}")
        times = {"start_time": begin, "end_time": begin + 11_500, "start_offset": 2**32 - 1, "end_offset": 2**32 - 1}
        file.tags.add(CHAP(element_id=name, **times, sub_frames=[title]))
    file.save()
    options = {"tags": {"album": "Ein Album"}}

    split = await convert_one(
        splitting(a_pace(audio_format)),
        source,
        tmp_path / "split",
        audio_format,
        progress=progress,
        options=options,
    )
    whole = await convert_one(FfmpegConverter(FFMPEG), source, tmp_path / "whole", audio_format, options=options)

    assert progress.encoders > 1
    in_front = split.artifacts[0].prefix
    assert in_front == whole.artifacts[0].prefix
    for text in ("Änne", "Ein Album", "Kapitel b"):
        assert text.encode() in in_front
    assert len(in_front) > len(cover)


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.OGG, AudioFormat.M4A])
async def test_what_cannot_be_joined_is_converted_as_a_whole(
    music: Path, audio_format: AudioFormat, tmp_path: Path
) -> None:
    progress = ConversionProgress()

    split = await convert_one(splitting(FLAC_PACE), music, tmp_path / "out", audio_format, progress=progress)

    assert progress.encoders == 1
    assert split.artifacts[0].duration_seconds == pytest.approx(MUSIC_SECONDS, abs=0.001)


@pytest.mark.parametrize("audio_format", [AudioFormat.FLAC, AudioFormat.ALAC])
async def test_a_lossless_output_whose_samples_are_not_those_of_the_source_is_converted_as_a_whole(
    audio_format: AudioFormat, music: Path, tmp_path: Path
) -> None:
    progress = ConversionProgress()

    await convert_one(
        splitting(a_pace(audio_format, piece_seconds=12)),
        music,
        tmp_path / "out",
        audio_format,
        progress=progress,
        options={"sample_rate_hz": 48_000},
    )

    assert progress.encoders == 1


async def test_without_a_spare_slot_nothing_is_split(music: Path, tmp_path: Path) -> None:
    slots, progress = SpareSlots(2, lambda: False), ConversionProgress()
    slots.hold(2)

    await convert_one(splitting(FLAC_PACE, slots=slots), music, tmp_path / "out", AudioFormat.FLAC, progress=progress)

    assert progress.encoders == 1


async def test_a_slot_that_is_called_back_is_free_at_once_and_its_piece_is_encoded_again(
    music: Path, tmp_path: Path
) -> None:
    slots, progress = one_spare_slot(), ConversionProgress()
    pace = a_pace(AudioFormat.MP3, piece_seconds=24)
    converting = convert_one(
        splitting(pace, slots=slots), music, tmp_path / "split", AudioFormat.MP3, progress=progress
    )
    task = asyncio.create_task(converting)
    await wait_until(lambda: progress.encoders == 2)

    slots.hold(2)
    await wait_until(lambda: progress.encoders == 1)
    slots.hold(1)
    split = await task

    whole = await convert_one(FfmpegConverter(FFMPEG), music, tmp_path / "whole", AudioFormat.MP3)
    assert split.artifacts[0].size_bytes == whole.artifacts[0].size_bytes


async def test_a_cancelled_conversion_leaves_no_process_and_no_file(music: Path, tmp_path: Path) -> None:
    pace = a_pace(AudioFormat.MP3)
    slots = SpareSlots(2, lambda: False)
    task = asyncio.create_task(convert_one(splitting(pace, slots=slots), music, tmp_path / "out", AudioFormat.MP3))
    await wait_until(lambda: len(list(tmp_path.glob("*.piece-*"))) == 2)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert list(tmp_path.iterdir()) == []
    assert slots.spare == 2


async def test_an_output_that_becomes_too_large_is_refused_as_without_pieces(music: Path, tmp_path: Path) -> None:
    converter = splitting(FLAC_PACE)

    with pytest.raises(OutputLimitError):
        await convert_one(converter, music, tmp_path / "out", AudioFormat.FLAC, max_file_bytes=1_000_000)

    assert not is_in_pieces(tmp_path)


async def test_a_wrong_prediction_is_noticed_before_anything_is_split(music: Path, tmp_path: Path) -> None:
    converter = splitting(FLAC_PACE)
    audio = await converter.probe(music, may_predict=True)
    assert audio.is_predicted

    with pytest.raises(MispredictedError):
        await convert_one(converter, music, tmp_path / "out", AudioFormat.FLAC, audio=replace(audio, layout="downmix"))


async def test_a_converter_that_crashes_over_a_piece_has_the_source_converted_as_a_whole(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, calls = FfmpegConverter.encode, count()

    async def crash_once(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 3:
            raise ConverterCrashedError("the converter was ended by SIGKILL")
        return await encode(*arguments, **options)

    monkeypatch.setattr(FfmpegConverter, "encode", crash_once)
    progress = ConversionProgress()

    with logged_events() as events:
        split = await convert_one(splitting(FLAC_PACE), music, tmp_path / "split", AudioFormat.FLAC, progress=progress)

    assert events.one(Event.CONVERSION_SPLIT_FAILED)["error"] == "the converter was ended by SIGKILL"
    assert split.artifacts[0].duration_seconds == pytest.approx(MUSIC_SECONDS, abs=0.001)
    assert progress.seconds_done == pytest.approx(MUSIC_SECONDS, abs=0.1)
    assert not is_in_pieces(tmp_path)


async def test_pieces_that_do_not_fit_are_converted_as_a_whole_and_the_log_says_so(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.domain.splitting.mp3._fit", lambda *_: False)
    progress = ConversionProgress()

    with logged_events() as events:
        split = await convert_one(
            splitting(a_pace(AudioFormat.MP3)), music, tmp_path / "split", AudioFormat.MP3, progress=progress
        )
    whole = await convert_one(FfmpegConverter(FFMPEG), music, tmp_path / "whole", AudioFormat.MP3)

    assert events.one(Event.CONVERSION_SPLIT_FAILED)["error"] == "nowhere do the pieces fit together"
    assert delivered(split.artifacts[0]).read_bytes() == delivered(whole.artifacts[0]).read_bytes()
    assert progress.encoders == 1
    assert not is_in_pieces(tmp_path)
