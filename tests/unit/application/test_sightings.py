"""For how long a worker has seen a claim unchanged."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from tests.support.virtual_time import virtual_time
from worker.application.jobs import sightings
from worker.application.jobs.sightings import Sightings
from worker.domain.progress import Record, Stage, Status, Version, first_record


def claim(job_id: str = "job-1", seq: int = 1) -> Record:
    record = first_record(job_id, "s3://in/a.wav", ("s3://out/a.mp3",), datetime(2026, 11, 22, tzinfo=UTC))
    return replace(record, status=Status.RUNNING, stage=Stage.CONVERTING, version=Version(1000, seq))


@virtual_time
async def test_the_time_of_a_claim_counts_from_when_it_was_first_seen() -> None:
    seen = Sightings()

    assert seen.unchanged_seconds(claim()) == 0
    await asyncio.sleep(40)
    assert seen.unchanged_seconds(claim()) == 40
    await asyncio.sleep(30)
    assert seen.unchanged_seconds(claim()) == 70


@virtual_time
async def test_a_claim_that_was_renewed_meanwhile_counts_from_now() -> None:
    seen = Sightings()
    seen.unchanged_seconds(claim(seq=1))
    await asyncio.sleep(40)

    assert seen.unchanged_seconds(claim(seq=2)) == 0


@virtual_time
async def test_a_job_that_nobody_runs_has_no_such_time_and_its_next_claim_counts_from_then() -> None:
    seen = Sightings()
    seen.unchanged_seconds(claim())
    await asyncio.sleep(40)

    assert seen.unchanged_seconds(None) == 0
    assert seen.unchanged_seconds(replace(claim(), status=Status.QUEUED, stage=None)) == 0
    assert seen.unchanged_seconds(claim()) == 0


@virtual_time
async def test_of_too_many_jobs_those_seen_longest_ago_are_forgotten() -> None:
    seen = Sightings()
    for number in range(sightings.MOST + 1):
        seen.unchanged_seconds(claim(f"job-{number}"))
    await asyncio.sleep(40)

    assert seen.unchanged_seconds(claim(f"job-{sightings.MOST}")) == 40
    assert seen.unchanged_seconds(claim("job-0")) == 0
