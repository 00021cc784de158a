"""A job's progress is read, at any pace; it calls nothing when it changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.support.virtual_time import now, virtual_time
from worker.application.progress.job_progress import JobProgress
from worker.domain.containers.structure import Structure
from worker.domain.meter import Speeds
from worker.domain.progress import Stage
from worker.ports import ConversionProgress, SourceAudio

AUDIO = SourceAudio("wav", "pcm_s16le", 44_100, 2, 16, 100.0, 17_640_044, Structure(44, 17_640_044))


def a_conversion(audio: SourceAudio = AUDIO) -> tuple[JobProgress, ConversionProgress]:
    """The progress of a job that only converts, and what its converter writes."""
    progress, conversion = JobProgress(Speeds()), ConversionProgress()
    progress.meter.expect(Stage.CONVERTING, 10)
    progress.enter(Stage.CONVERTING)
    progress.follow(conversion, audio)
    return progress, conversion


@virtual_time
async def test_how_far_the_converter_is_shows_in_the_next_snapshot() -> None:
    progress, conversion = a_conversion()
    assert progress.snapshot().percent == 0

    conversion.seconds_done = 25.0

    snapshot = progress.snapshot()
    assert (snapshot.stage, snapshot.percent, snapshot.eta_seconds) == (Stage.CONVERTING, 25.0, 7.5)
    assert progress.eta_seconds == 7.5


@virtual_time
async def test_where_the_length_is_not_known_the_bytes_that_were_read_count() -> None:
    progress, conversion = a_conversion(replace(AUDIO, duration_seconds=None, size_bytes=1000))

    conversion.seconds_done = 3.0
    assert progress.snapshot().percent == 0
    conversion.bytes_read = 400

    assert progress.snapshot().percent == 40.0


@virtual_time
async def test_a_converter_moves_the_job_only_when_it_gets_on() -> None:
    progress, conversion = a_conversion()
    began_at = now()
    await asyncio.sleep(5)
    conversion.seconds_done = 1.0
    assert progress.moved_at == began_at + 5

    await asyncio.sleep(60)

    assert progress.moved_at == began_at + 5


@virtual_time
async def test_a_stage_that_is_done_counts_whole_whatever_its_converter_said_last() -> None:
    progress, conversion = a_conversion()
    conversion.seconds_done = 99.0

    await asyncio.sleep(8)

    assert progress.leave() == 8.0
    conversion.seconds_done = 1.0
    assert progress.snapshot().percent == 99.9


@virtual_time
async def test_encoders_side_by_side_shorten_what_the_conversion_is_expected_to_take() -> None:
    progress, conversion = JobProgress(Speeds()), ConversionProgress()
    progress.meter.expect(Stage.CONVERTING, 60.0)
    progress.enter(Stage.CONVERTING)
    progress.follow(conversion, AUDIO)
    assert progress.snapshot().eta_seconds == 60.0

    conversion.encoders = 3
    conversion.seconds_done = 1e-9
    progress.snapshot()
    assert progress.meter.expected_seconds(Stage.CONVERTING) == 20.0
    conversion.encoders = 1.5  # on average, at the end
    progress.leave()

    assert progress.meter.expected_seconds(Stage.CONVERTING) == 40.0
