"""Sources that are encoded in pieces while they come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.conversions import delivered
from tests.support.incoming import FRONT_BYTES, Trickle
from tests.support.splitting import a_pace, convert_one, make_music, splitting
from worker.domain.audio import AudioFormat
from worker.ports import AudioConverter, ConversionProgress, MispredictedError, SourceAudio

FLAC_PACE = a_pace(AudioFormat.FLAC, piece_seconds=12)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_music(tmp_path_factory.mktemp("music") / "music.wav", "-metadata", "title=Änne")


class Coming(Trickle):
    """Notes the least that was waited for after its front, and stops in its middle where it is told to."""

    def __init__(self, path: Path, data: bytes, stops: asyncio.Event | None) -> None:
        super().__init__(path, data)
        self.least_wanted = self.size_bytes
        self._stops = stops

    async def more_than(self, written_bytes: int) -> None:
        if written_bytes >= FRONT_BYTES:
            self.least_wanted = min(self.least_wanted, written_bytes)
        if self._stops is not None and written_bytes > self.size_bytes // 2:
            self._stops.set()
            await asyncio.get_running_loop().create_future()
        await super().more_than(written_bytes)


async def coming(
    music: Path, path: Path, converter: AudioConverter, *, stops: asyncio.Event | None = None
) -> tuple[Path, Coming, SourceAudio]:
    """The music while it comes, and what its front says of it."""
    incoming = Coming(path, music.read_bytes(), stops)
    await incoming.more_than(FRONT_BYTES)
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


async def test_a_wrong_prediction_is_noticed_when_all_has_come(music: Path, tmp_path: Path) -> None:
    converter = splitting(FLAC_PACE)
    source, incoming, audio = await coming(music, tmp_path / "source", converter)
    wrong = replace(audio, tags={"title": ("another",)})

    with pytest.raises(MispredictedError):
        await convert_one(converter, source, tmp_path / "out", AudioFormat.FLAC, audio=wrong, incoming=incoming)


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
