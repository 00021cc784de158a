"""Long outputs are sent while they are converted, and seen when the claim has been confirmed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.harness import SECOND, SOURCE, TARGET, a_body, a_harness
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.domain.disposition import Ack
from worker.domain.errors import (
    ConverterCrashedError,
    DependencyUnavailableError,
    JobCancelledError,
    JobError,
    LeaseLostError,
    ShutdownError,
    StalledError,
    UnsupportedAudioError,
)
from worker.ports import OutputLimitError


@virtual_time
async def test_lossless_outputs_are_sent_while_they_are_converted_and_not_seen(tmp_path: Path) -> None:
    outputs = [{"target": str(TARGET), "format": "flac"}, {"target": str(SECOND), "format": "mp3"}]
    body = json.dumps({"job_id": "ep-1", "source": str(SOURCE), "outputs": outputs})
    async with a_harness(tmp_path) as harness:
        handling = await harness.begins(harness.work(body))

        assert harness.objects.ahead == [TARGET]
        assert harness.objects.get(TARGET) is None

        harness.converter.may_finish.set()
        assert await handling == Ack()
        assert harness.objects.get(TARGET) is not None
        assert harness.objects.get(SECOND) is not None


@pytest.mark.parametrize(
    "reason",
    [JobCancelledError(), LeaseLostError("its message is gone"), ShutdownError(10.0), StalledError(300)],
    ids=lambda reason: type(reason).__name__,
)
@virtual_time
async def test_whatever_stops_a_conversion_its_early_upload_is_dropped(reason: JobError, tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        work = harness.work()
        handling = await harness.begins(work)

        work.stop(reason)
        await handling

        assert harness.objects.ahead == []
        assert harness.objects.get(TARGET) is None


@pytest.mark.parametrize(
    "error",
    [ConverterCrashedError("it crashed"), UnsupportedAudioError("no audio"), OutputLimitError("too large")],
    ids=lambda error: type(error).__name__,
)
@virtual_time
async def test_the_early_upload_of_a_conversion_that_fails_is_dropped(error: Exception, tmp_path: Path) -> None:
    async with a_harness(tmp_path, output_limit_bytes=100_000) as harness:
        harness.converter.convert_error = error  # type: ignore[assignment]

        await harness.handle()

        assert harness.objects.ahead == []
        assert harness.objects.get(TARGET) is None


@virtual_time
async def test_an_early_upload_is_completed_by_the_holder_of_the_claim_only(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        handling = await harness.begins()
        await asyncio.sleep(2)  # a claim that is younger needs no confirmation
        harness.table.breaks()

        harness.converter.may_finish.set()
        await wait_until(lambda: not harness.converter.running)
        await asyncio.sleep(5)

        assert harness.objects.ahead == [TARGET]
        assert harness.objects.get(TARGET) is None

        harness.table.works()
        assert await handling == Ack()


@virtual_time
async def test_an_early_upload_that_fails_at_its_end_is_repeated_from_the_beginning(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.errors[TARGET] = [DependencyUnavailableError("S3", "is away")]

        assert await harness.handle(a_body()) == Ack()

        assert harness.converter.conversions == 1
        assert harness.objects.get(TARGET) is not None
