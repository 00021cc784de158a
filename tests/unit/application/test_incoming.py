"""A long source is converted while it is downloaded, and the job ends as if it had been there before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.events import logged_events
from tests.support.harness import SOURCE, TARGET, Harness, a_harness
from tests.support.sounds import silence
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.application.jobs.incoming import Incoming
from worker.domain.disposition import Ack, Disposition, Reject, Retry
from worker.domain.errors import DependencyUnavailableError, JobCancelledError, UnsupportedAudioError
from worker.domain.progress import Stage, Status
from worker.events import Event


@asynccontextmanager
async def converted_early(root: Path) -> AsyncIterator[tuple[Harness, asyncio.Task[Disposition]]]:
    """A job that is converted while half of its source is there."""
    async with a_harness(root, early_bytes=1) as harness:
        harness.converter.predicts_from_front = True
        harness.objects.may_finish[SOURCE] = asyncio.Event()
        handling = asyncio.create_task(harness.handle())
        await wait_until(lambda: harness.converter.running)
        yield harness, handling


@virtual_time
async def test_a_long_source_is_converted_while_it_is_downloaded(tmp_path: Path) -> None:
    async with converted_early(tmp_path) as (harness, handling):
        harness.objects.may_finish[SOURCE].set()

        assert await handling == Ack()
        assert (harness.converter.conversions, harness.converter.probes) == (1, 0)
        assert harness.objects.get(TARGET) is not None
        assert harness.record().status is Status.COMPLETED


@virtual_time
async def test_nothing_can_be_seen_before_all_of_the_source_has_come(tmp_path: Path) -> None:
    async with converted_early(tmp_path) as (harness, handling):
        await asyncio.sleep(30)

        assert harness.objects.get(TARGET) is None
        assert harness.record().stage is Stage.CONVERTING

        harness.objects.may_finish[SOURCE].set()
        assert await handling == Ack()


@virtual_time
async def test_a_source_that_is_replaced_during_an_early_conversion_is_converted_anew(tmp_path: Path) -> None:
    async with converted_early(tmp_path) as (harness, handling):
        harness.objects.put(SOURCE, silence(2))
        harness.objects.may_finish[SOURCE].set()

        assert isinstance(await handling, Retry)
        assert harness.converter.running == 0
        assert harness.objects.get(TARGET) is None

        assert await harness.handle(receive_count=2) == Ack()
        assert harness.record().outputs[0].duration_seconds == pytest.approx(2.0)


@virtual_time
async def test_a_conversion_that_fails_as_the_source_comes_is_judged_by_all_of_it(tmp_path: Path) -> None:
    with logged_events() as logged:
        async with converted_early(tmp_path) as (harness, handling):
            harness.converter.convert_error = UnsupportedAudioError("it is damaged")
            harness.objects.may_finish[SOURCE].set()

            assert isinstance(await handling, Reject)
            assert harness.converter.conversions == 2

    assert len(logged.of(Event.CONVERSION_EARLY_FAILED)) == 1


@virtual_time
async def test_a_source_that_is_predicted_wrongly_from_its_front_is_converted_when_it_is_there(tmp_path: Path) -> None:
    async with converted_early(tmp_path) as (harness, handling):
        harness.converter.prediction_error_seconds = 5.0
        with logged_events() as logged:
            harness.objects.may_finish[SOURCE].set()

            assert await handling == Ack()
        assert harness.converter.probes == 1
        assert harness.record().outputs[0].duration_seconds == pytest.approx(1.0)
        error = logged.one(Event.CONVERSION_EARLY_FAILED)["error"]
        assert error == "the source is not known to be what was predicted of it"


@virtual_time
async def test_a_job_that_is_cancelled_leaves_neither_a_converter_nor_a_download(tmp_path: Path) -> None:
    async with a_harness(tmp_path, early_bytes=1) as harness:
        harness.converter.predicts_from_front = True
        harness.objects.may_finish[SOURCE] = asyncio.Event()
        work = harness.work()
        handling = asyncio.create_task(harness.handler.handle(work))
        await wait_until(lambda: harness.converter.running)

        work.stop(JobCancelledError())
        await handling

        assert harness.converter.running == 0
        assert harness.files() == []
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "download"]


@pytest.mark.parametrize(
    ("early_bytes", "is_predicted"), [(1, False), (1 << 24, True)], ids=["nothing is predicted", "it is short"]
)
@virtual_time
async def test_a_source_is_not_converted_early_unless_it_is_long_and_predicted(
    early_bytes: int, is_predicted: bool, tmp_path: Path
) -> None:
    async with a_harness(tmp_path, early_bytes=early_bytes) as harness:
        harness.converter.predicts_from_front = is_predicted
        may_come = harness.objects.may_finish[SOURCE] = asyncio.Event()
        handling = asyncio.create_task(harness.handle())
        await harness.objects.half_done[SOURCE].wait()
        await asyncio.sleep(5)

        assert harness.converter.conversions == 0

        may_come.set()
        assert await handling == Ack()


@virtual_time
async def test_what_waits_for_a_download_that_fails_is_cancelled_and_its_error_is_raised(tmp_path: Path) -> None:
    incoming, waited = Incoming(tmp_path / "source"), list[bool]()

    async def download() -> None:
        await asyncio.sleep(1)
        raise DependencyUnavailableError("S3", "is away")

    async def wait() -> None:
        async with incoming.downloaded_by(download):
            await incoming.wait_until_complete()
            waited.append(True)

    with pytest.raises(DependencyUnavailableError):
        await wait()

    assert waited == []
    assert not incoming.is_complete
