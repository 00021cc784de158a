"""A job with several sources: all are downloaded and joined, and what is wrong with one is said with its name."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.converter import FakeConverter
from tests.support.harness import TARGET, Harness, a_harness
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.domain.disposition import Ack, Reject
from worker.domain.errors import UnsupportedAudioError
from worker.domain.job import ObjectLocation
from worker.domain.joining import SourcePart
from worker.domain.progress import Record, Status
from worker.ports import JoinedSources

_INTRO, _EPISODE = ObjectLocation("in-bucket", "intro.wav"), ObjectLocation("in-bucket", "episode.wav")


def _body(*sources: dict[str, Any], **more: Any) -> str:
    outputs = [{"target": str(TARGET), "format": "flac"}]
    return json.dumps({"job_id": "ep-1", "source": list(sources), "outputs": outputs, **more})


def _two(**more: Any) -> str:
    return _body({"source": str(_INTRO)}, {"source": str(_EPISODE)}, **more)


def _put(harness: Harness, *, intro: float = 1, episode: float = 20) -> None:
    harness.objects.put(_INTRO, silence(intro))
    harness.objects.put(_EPISODE, silence(episode))


def _error(harness: Harness) -> tuple[str, str]:
    error = harness.record().error
    assert error is not None
    return error.code, error.message


@virtual_time
async def test_sources_are_joined_and_converted_as_one(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)

        assert await harness.handle(_two(crossfade_seconds=0.5)) == Ack()

        record = harness.record()
        assert record.status is Status.COMPLETED
        assert record.source == (str(_INTRO), str(_EPISODE))
        assert record.source_audio is not None
        assert record.source_audio.duration_seconds == record.outputs[0].duration_seconds == 20.5
        assert harness.converter.joined == [[SourcePart(_INTRO), SourcePart(_EPISODE)]]
        assert not harness.files()


@virtual_time
async def test_a_source_that_is_joined_twice_is_downloaded_and_probed_once(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)
        jingle = {"source": str(_INTRO)}

        assert await harness.handle(_body(jingle, {"source": str(_EPISODE)}, jingle)) == Ack()

        assert harness.converter.probes == 2
        assert harness.record().outputs[0].duration_seconds == 22


@virtual_time
async def test_a_list_of_one_without_a_cut_is_that_source(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)

        assert await harness.handle(_body({"source": str(_INTRO)})) == Ack()

        assert harness.record().source == str(_INTRO)
        assert harness.converter.joined == []


@virtual_time
async def test_a_list_of_one_with_a_cut_is_cut(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)

        assert await harness.handle(_body({"source": str(_EPISODE), "start_seconds": 5, "end_seconds": 8})) == Ack()

        assert harness.record().source == (str(_EPISODE),)
        assert harness.record().outputs[0].duration_seconds == 3


@virtual_time
async def test_a_missing_source_is_found_before_anything_is_downloaded(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.put(_INTRO, silence(1))

        assert isinstance(await harness.handle(_two()), Reject)

        assert _error(harness) == ("source_not_found", f"{_EPISODE} does not exist")
        assert not harness.objects.half_done[_INTRO].is_set()


@virtual_time
async def test_what_is_no_audio_is_named_by_its_address(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)
        harness.objects.put(_EPISODE, b"these words are no sound")

        assert isinstance(await harness.handle(_two()), Reject)

        assert _error(harness) == (
            "unsupported_audio",
            f"{_EPISODE}: the source is not audio of a format that can be read",
        )
        assert harness.converter.joined == []


@virtual_time
async def test_a_source_that_cannot_be_decoded_is_named_by_its_address(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)
        harness.converter.join_error = UnsupportedAudioError("the source is damaged")

        assert isinstance(await harness.handle(_two()), Reject)

        assert _error(harness) == ("unsupported_audio", f"{_EPISODE}: the source is damaged")


@virtual_time
async def test_the_limit_of_bytes_is_for_all_sources_together(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness, intro=35, episode=35)

        assert isinstance(await harness.handle(_two()), Reject)

        size_bytes = 2 * len(silence(35))
        assert _error(harness) == (
            "source_too_large",
            f"the list of sources has {size_bytes} bytes; the limit is {1 << 20}",
        )


@virtual_time
async def test_the_limit_of_the_length_is_for_all_sources_together_as_they_are_uncut(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.put(_EPISODE, _silence_of_250_seconds())
        part = {"source": str(_EPISODE), "end_seconds": 1}

        assert await harness.handle(_body(*[part] * 14)) == Ack()

    async with a_harness(tmp_path) as harness:
        harness.objects.put(_EPISODE, _silence_of_250_seconds())

        assert isinstance(await harness.handle(_body(*[part] * 15)), Reject)

        assert _error(harness) == (
            "duration_too_long",
            "the sources together play for 3750 s; the limit is 3600 s",
        )


class _Longer(FakeConverter):
    """What it joins turns out to be longer than the sources state."""

    async def join(self, *given: Any, **more: Any) -> JoinedSources:
        sound = await super().join(*given, **more)
        return replace(sound, audio=replace(sound.audio, duration_seconds=4000.0))


@virtual_time
async def test_a_joined_sound_that_turns_out_to_be_too_long_is_that_of_all_sources(tmp_path: Path) -> None:
    async with a_harness(tmp_path, converter=_Longer()) as harness:
        _put(harness)

        assert isinstance(await harness.handle(_two()), Reject)

        assert _error(harness) == ("duration_too_long", "the sources together play for 4000 s; the limit is 3600 s")


def _silence_of_250_seconds() -> bytes:
    """In half a megabyte."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1000)
        file.writeframes(bytes(2 * 250 * 1000))
    return buffer.getvalue()


@virtual_time
async def test_progress_never_falls_from_the_first_download_to_the_last_upload(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)
        harness.converter.may_finish.clear()
        handling = asyncio.create_task(harness.handle(_two()))
        await wait_until(lambda: harness.converter.joined)
        await asyncio.sleep(15)
        joining = harness.record()
        harness.converter.may_finish.set()
        assert await handling == Ack()

        assert joining.stage is not None
        assert joining.stage.value == "converting"
        assert 0 < joining.percent < 100
        assert joining.eta_seconds is not None
        assert joining.source_audio is not None
        assert joining.source_audio.duration_seconds == 21
        assert harness.record().percent == 100


@virtual_time
async def test_what_was_repaired_of_the_sources_is_in_the_record_once(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)
        harness.converter.repaired = ("something was repaired",)

        assert await harness.handle(_two()) == Ack()

        # The fake says it of the sources that are joined, and of the sound that they become.
        assert harness.record().repaired == ("something was repaired",) * 2


@virtual_time
async def test_a_record_with_several_sources_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        _put(harness)

        assert await harness.handle(_two()) == Ack()

        text = harness.record().to_json()
        assert json.loads(text)["source"] == [str(_INTRO), str(_EPISODE)]
        assert Record.from_json(text) == harness.record()
