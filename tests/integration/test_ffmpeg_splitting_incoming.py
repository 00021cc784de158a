"""Sources that are encoded in pieces while they come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.conversions import delivered
from tests.support.events import logged_events
from tests.support.incoming import FRONT_BYTES, Trickle
from tests.support.sounds import FFMPEG
from tests.support.splitting import a_pace, convert_one, make_music, splitting
from worker.adapters.ffmpeg import FfmpegConverter
from worker.domain.audio import AudioFormat
from worker.events import Event
from worker.ports import AudioConverter, ConversionProgress, MispredictedError, SourceAudio

FLAC_PACE = a_pace(AudioFormat.FLAC, piece_seconds=12)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("music") / "music.wav", "-metadata", "title=Änne")


class Coming(Trickle):
    """`least_wanted` is the smallest offset behind the front that somebody waited for.

    With `stops`, no more than half of the source comes: the event is set when somebody waits for more.
    """

    def __init__(self, path: Path, data: bytes, stops: asyncio.Event | None) -> None:
        super().__init__(path, data)
        self.least_wanted = self.size_bytes
        self._stops = stops

    async def wait_for_more_than(self, written_bytes: int) -> None:
        if written_bytes >= FRONT_BYTES:
            self.least_wanted = min(self.least_wanted, written_bytes)
        if self._stops is not None and written_bytes > self.size_bytes // 2:
            self._stops.set()
            await asyncio.get_running_loop().create_future()
        await super().wait_for_more_than(written_bytes)


async def coming(
    music: Path, path: Path, converter: AudioConverter, *, stops: asyncio.Event | None = None
) -> tuple[Path, Coming, SourceAudio]:
    """The music while it comes, and what its front says of it."""
    incoming = Coming(path, music.read_bytes(), stops)
    await incoming.wait_for_more_than(FRONT_BYTES)
    audio = await converter.predict_from_front(path, incoming)
    assert audio is not None
    return path, incoming, audio


@pytest.mark.parametrize("audio_format", [AudioFormat.FLAC, AudioFormat.ALAC, AudioFormat.MP3, AudioFormat.OPUS])
async def test_a_source_is_encoded_in_pieces_as_it_comes(
    audio_format: AudioFormat, music: Path, tmp_path: Path
) -> None:
    converter, progress = splitting(a_pace(audio_format)), ConversionProgress()
    source, incoming, audio = await coming(music, tmp_path / "source", converter)

    early = await convert_one(
        converter, source, tmp_path / "early", audio_format, progress=progress, audio=audio, incoming=incoming
    )
    there = await convert_one(converter, music, tmp_path / "there", audio_format)

    assert incoming.least_wanted < incoming.size_bytes / 2, "pieces had to wait for all"
    assert incoming.is_complete
    assert progress.encoders > 1
    assert delivered(early.artifacts[0]).read_bytes() == delivered(there.artifacts[0]).read_bytes()
    assert early.source_seconds == there.source_seconds


async def test_a_source_that_is_not_kept_is_not_encoded_in_pieces(music: Path, tmp_path: Path) -> None:
    converter, progress = splitting(a_pace(AudioFormat.MP3)), ConversionProgress()
    source = tmp_path / "source"
    incoming = Trickle(source, music.read_bytes(), is_kept=False)
    await incoming.wait_for_more_than(FRONT_BYTES)
    audio = await converter.predict_from_front(source, incoming)

    await convert_one(
        converter, source, tmp_path / "out", AudioFormat.MP3, progress=progress, audio=audio, incoming=incoming
    )

    assert progress.encoders == 1
    assert incoming.read_bytes == incoming.size_bytes


async def test_a_wrong_prediction_is_noticed_when_all_has_come(music: Path, tmp_path: Path) -> None:
    converter = splitting(FLAC_PACE)
    source, incoming, audio = await coming(music, tmp_path / "source", converter)
    wrong = replace(audio, tags={"title": ("another",)})

    with pytest.raises(MispredictedError):
        await convert_one(converter, source, tmp_path / "out", AudioFormat.FLAC, audio=wrong, incoming=incoming)


async def test_what_a_wrong_prediction_has_written_is_replaced(music: Path, tmp_path: Path) -> None:
    converter, target = splitting(FLAC_PACE), tmp_path / "out"
    source, incoming, audio = await coming(music, tmp_path / "source", converter)
    wrong = replace(audio, tags={"title": ("another",)})
    with pytest.raises(MispredictedError):
        await convert_one(converter, source, target, AudioFormat.FLAC, audio=wrong, incoming=incoming)

    again = await convert_one(converter, source, target, AudioFormat.ALAC)

    there = await convert_one(converter, music, tmp_path / "there", AudioFormat.ALAC)
    assert delivered(again.artifacts[0]).read_bytes() == delivered(there.artifacts[0]).read_bytes()


async def test_a_source_whose_pieces_do_not_fit_is_converted_as_a_whole_as_it_comes(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.domain.splitting.mp3._fit", lambda *_: False)
    converter = splitting(a_pace(AudioFormat.MP3))
    source, incoming, audio = await coming(music, tmp_path / "source", converter)

    with logged_events() as events:
        early = await convert_one(
            converter, source, tmp_path / "early", AudioFormat.MP3, audio=audio, incoming=incoming
        )

    whole = await convert_one(FfmpegConverter(FFMPEG), music, tmp_path / "whole", AudioFormat.MP3)
    assert events.one(Event.CONVERSION_SPLIT_FAILED)["error"] == "nowhere do the pieces fit together"
    assert delivered(early.artifacts[0]).read_bytes() == delivered(whole.artifacts[0]).read_bytes()
    assert list(tmp_path.glob("*.piece-*")) == []


async def test_pieces_of_a_source_that_stops_coming_can_be_cancelled(music: Path, tmp_path: Path) -> None:
    converter, has_stopped = splitting(FLAC_PACE), asyncio.Event()
    source, incoming, audio = await coming(music, tmp_path / "source", converter, stops=has_stopped)
    converting = convert_one(converter, source, tmp_path / "out", AudioFormat.FLAC, audio=audio, incoming=incoming)
    task = asyncio.create_task(converting)
    await has_stopped.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert list(tmp_path.iterdir()) == [source]
    assert asyncio.all_tasks() == {asyncio.current_task()}
