"""S3 is asked for all the sources of the jobs that failed, and no bucket that they share is a fault of the role."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.fakes.objects import MemoryObjects
from tests.support.virtual_time import virtual_time
from worker.application.consuming.dependencies import S3Access, S3Rights
from worker.application.consuming.pause import Problem
from worker.application.messages.message import parse_job
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import Job, ObjectLocation

_AWAY = DependencyUnavailableError("S3 answers nothing")


def a_job(number: int, *sources: ObjectLocation) -> Job:
    outputs = [{"target": f"s3://out-bucket/{number}", "format": "flac"}]
    parts = [{"source": str(source)} for source in sources]
    return parse_job(json.dumps({"job_id": f"job-{number}", "source": parts, "outputs": outputs}))


def objects_of(sources: Sequence[ObjectLocation]) -> MemoryObjects:
    objects = MemoryObjects(*{source.bucket for source in sources})
    for source in sources:
        objects.put(source, b"sound")
    return objects


@pytest.mark.parametrize("number", range(3))
@virtual_time
async def test_s3_is_away_while_any_source_of_a_job_cannot_be_reached(number: int) -> None:
    sources = [ObjectLocation("in-bucket", f"{each}.wav") for each in range(3)]
    objects = objects_of(sources)
    access = S3Access(objects)
    for each in range(3):
        access.failed(a_job(each, *sources, sources[0]))
    objects.errors[sources[number]].append(_AWAY)

    problem = await access.probe()

    assert problem is not None
    assert problem.text == str(_AWAY)
    assert access.is_suspected
    assert await access.probe() is None
    assert not access.is_suspected


@pytest.mark.parametrize("cause", [S3Access, S3Rights])
@virtual_time
async def test_s3_that_serves_a_job_during_a_pause_ends_it_with_the_next_probe(
    cause: type[S3Access | S3Rights],
) -> None:
    access = cause(MemoryObjects())
    for number in range(10):
        access.failed(a_job(number, ObjectLocation(f"in-{number}", "a.wav")))
    access.begun(Problem(""))

    access.served()  # a job that was running already

    assert await access.probe() is None
    assert not access.is_suspected


@virtual_time
async def test_jobs_that_are_denied_and_share_one_bucket_suspect_no_role() -> None:
    shared, own = ObjectLocation("shared", "intro.wav"), [ObjectLocation(f"in-{each}", "a.wav") for each in range(10)]
    rights = S3Rights(objects_of([shared, *own]))

    for number, source in enumerate(own):
        rights.failed(a_job(number, source, shared))
    assert not rights.is_suspected

    rights.failed(a_job(10, own[0]))
    assert rights.is_suspected


@virtual_time
async def test_rights_are_not_back_while_any_source_of_a_job_is_denied() -> None:
    sources = [ObjectLocation(f"in-{number}", "a.wav") for number in range(2)]
    objects = objects_of(sources)
    rights = S3Rights(objects)
    for number in range(10):
        rights.failed(a_job(number, *sources))
    objects.denied.add("in-1")
    problem = await rights.probe()
    assert problem is not None
    rights.begun(problem)

    assert await rights.probe() is not None
    objects.denied.clear()
    assert await rights.probe() is None
