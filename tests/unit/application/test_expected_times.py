"""What is expected and learned of times, above all where a source is converted while it is downloaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.converter import FakeConverter
from tests.fakes.objects import MemoryObjects
from tests.fakes.volume import FakeVolume
from tests.support.events import logged_events
from tests.support.harness import SOURCE, a_body
from tests.support.records import a_record
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.adapters.disk import LocalVolume
from worker.application.jobs.conversion import Conversion, ConversionLimits
from worker.application.jobs.conversion_state import NoSpaceError
from worker.application.jobs.workspace import open_workspace
from worker.application.messages.message import parse_job
from worker.application.progress.job_progress import JobProgress
from worker.domain.disk_space import SpaceNeed
from worker.domain.meter import Speeds
from worker.domain.outcome import Completed
from worker.domain.progress import Stage
from worker.events import Event
from worker.ports import Converted, SourceAudio, Volume

_DATA = silence(150)
_WINDOW_BYTES = 1 << 18
_DEFAULT = Speeds().download_bytes_per_second
_OF_100_SECONDS = _DEFAULT + 0.3 * (len(_DATA) / 100 - _DEFAULT)  # learned of one download that takes so long


@dataclass
class _Running:
    """A job of which half of the source is there, and the rest comes when `may_come` is set."""

    progress: JobProgress
    may_come: asyncio.Event
    ending: asyncio.Task[Completed]


async def _is_ours() -> None:
    """The claim is confirmed."""


@asynccontextmanager
async def a_conversion(
    root: Path, converter: FakeConverter, speeds: Speeds, *, volume: Volume | None = None, body: str | None = None
) -> AsyncIterator[_Running]:
    objects = MemoryObjects("in-bucket", "out-bucket")
    objects.put(SOURCE, _DATA)
    may_come = objects.may_finish[SOURCE] = asyncio.Event()
    limits = ConversionLimits(1 << 30, 3600, early_bytes=1, window_bytes=_WINDOW_BYTES)
    job, progress = parse_job(body or a_body()), JobProgress(speeds)
    with open_workspace(root, volume or LocalVolume()) as workspace:
        conversion = Conversion(objects, converter, workspace, limits, random=lambda: 0.5)
        running = conversion.run(job, progress, before_upload=_is_ours, claimed=a_record(job_id=job.job_id))
        ending = asyncio.create_task(running)
        await objects.half_done[SOURCE].wait()
        yield _Running(progress, may_come, ending)
        await ending


def a_converter() -> FakeConverter:
    converter = FakeConverter()
    converter.predicts_from_front = True
    return converter


class _FindingNoSpace(FakeConverter):
    """Begins while the source is downloaded and finds no space; after that it waits for the whole source."""

    async def predict_from_front(self, *arguments: Any) -> SourceAudio | None:
        await asyncio.sleep(0.05)
        return await super().predict_from_front(*arguments)

    async def convert(self, *arguments: Any, **more: Any) -> Converted:
        if self.predicts_from_front:
            self.predicts_from_front = False
            raise NoSpaceError(SpaceNeed(1, 1))
        return await super().convert(*arguments, **more)


@virtual_time
async def test_the_speed_of_a_download_is_learned_while_its_source_is_converted(tmp_path: Path) -> None:
    speeds = Speeds()
    async with a_conversion(tmp_path, a_converter(), speeds) as it:
        await asyncio.sleep(100)
        it.may_come.set()

    assert speeds.download_bytes_per_second == pytest.approx(_OF_100_SECONDS)
    assert speeds.conversion_slowness == Speeds().conversion_slowness  # the conversion waited for the download


@virtual_time
async def test_the_speed_of_a_conversion_is_learned_where_its_source_was_there_before(tmp_path: Path) -> None:
    speeds, converter = Speeds(), FakeConverter()
    converter.may_finish.clear()
    async with a_conversion(tmp_path, converter, speeds) as it:
        it.may_come.set()
        await wait_until(lambda: converter.running)
        await asyncio.sleep(100)
        converter.may_finish.set()

    assert speeds.conversion_slowness > Speeds().conversion_slowness


@virtual_time
async def test_nothing_is_learned_of_a_download_that_waits_for_the_converter(tmp_path: Path) -> None:
    speeds, volume = Speeds(), FakeVolume(tmp_path, 3 * len(_DATA) // 2)
    with logged_events() as logged:
        async with a_conversion(
            tmp_path, a_converter(), speeds, volume=volume, body=a_body().replace('"flac"', '"wav"')
        ) as it:
            await asyncio.sleep(100)
            it.may_come.set()

    assert logged.one(Event.SOURCE_NOT_KEPT)
    assert speeds.download_bytes_per_second == Speeds().download_bytes_per_second


@virtual_time
async def test_a_download_that_is_done_again_is_measured_by_its_own_time(tmp_path: Path) -> None:
    speeds, converter = Speeds(), _FindingNoSpace()
    converter.predicts_from_front = True
    async with a_conversion(tmp_path, converter, speeds) as it:
        await wait_until(lambda: not converter.predicts_from_front)
        await asyncio.sleep(100)
        it.may_come.set()

    assert speeds.download_bytes_per_second == pytest.approx(_OF_100_SECONDS, rel=1e-3)


@virtual_time
async def test_the_rest_of_a_slow_download_is_expected_while_its_source_is_converted(tmp_path: Path) -> None:
    speeds = Speeds(download_bytes_per_second=10_000)
    async with a_conversion(tmp_path, a_converter(), speeds) as it:
        await wait_until(lambda: it.progress.source_codec)

        expected_seconds = it.progress.meter.expected_seconds(Stage.CONVERTING)
        assert len(_DATA) * 0.8 / 10_000 < expected_seconds < len(_DATA) / 10_000  # it began behind the source's front
        assert it.progress.snapshot().eta_seconds == pytest.approx(expected_seconds / 2, rel=0.01)  # half is converted

        it.may_come.set()


@virtual_time
async def test_a_conversion_that_takes_longer_than_the_rest_of_the_download_is_expected_to(tmp_path: Path) -> None:
    speeds = Speeds(conversion_slowness=1000)
    async with a_conversion(tmp_path, a_converter(), speeds) as it:
        await wait_until(lambda: it.progress.source_codec)

        alone = speeds.expected_conversion(150, parse_job(a_body()).outputs)
        assert it.progress.meter.expected_seconds(Stage.CONVERTING) == pytest.approx(alone)

        it.may_come.set()
