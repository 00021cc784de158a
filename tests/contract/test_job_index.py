"""What every list of jobs promises, the fake included: by status, the newest first, each as it is now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.operations import FakeJobIndex
from tests.fakes.stores import FakeJobTable
from tests.support.aws import an_indexed_table
from tests.support.records import NOW, a_record
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.job_index import DynamoJobIndex
from worker.adapters.dynamodb.job_table import DynamoJobTable
from worker.application.operations.listing import newest_jobs, positions_after
from worker.domain.claim import ClaimMark
from worker.domain.errors import NoAudioError
from worker.domain.outcome import Failed, record_of
from worker.domain.progress import Record, Status, Version, first_record, next_run
from worker.ports import JobIndex, JobTable, ListedJob

FENCE = 1_795_000_000_000_001


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@dataclass
class Subject:
    """A table and its index."""

    table: JobTable
    index: JobIndex

    async def submitted(self, name: str, seconds: float) -> Record:
        record = first_record(name, None, (), at(seconds))
        await self.table.submit(record, None)
        return record

    async def running(self, name: str, seconds: float) -> Record:
        record = a_record(FENCE, 1, job_id=name, updated_at=at(seconds))
        await self.table.claim(record, None, ClaimMark(name))
        return record

    async def failed(self, name: str, seconds: float) -> Record:
        running = await self.running(name, seconds - 1)
        record = record_of(Failed(NoAudioError(), 1), running, Version(FENCE, 9), at(seconds))
        await self.table.commit(record)
        return record

    async def names(self, status: Status, *, since: datetime | None = None, limit: int = 100) -> list[str]:
        return [job.record.job_id for job in await self.index.newest(status, since, limit)]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def dynamodb_subject(dynamodb_client: Any, unique: Callable[[str], str]) -> Subject:
    name = unique("table")
    await dynamodb_client.create_table(**an_indexed_table(name))
    table = DynamoJobTable(dynamodb_client, name, now=now, budgets=Budgets(20, 20))
    return Subject(table, DynamoJobIndex(dynamodb_client, name, now=now))


@pytest.fixture(params=["fake", "dynamodb"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        table = FakeJobTable()
        return Subject(table, FakeJobIndex(table))
    found: Subject = request.getfixturevalue("dynamodb_subject")
    return found


async def test_jobs_of_a_status_are_listed_the_newest_first(subject: Subject) -> None:
    for name, seconds in (("b", 20), ("c", 30), ("a", 10)):
        await subject.failed(name, seconds)
    running = await subject.running("r", 40)

    assert await subject.names(Status.FAILED) == ["c", "b", "a"]
    assert await subject.index.newest(Status.RUNNING, None, 9) == [ListedJob(running, at(40))]
    assert await subject.names(Status.COMPLETED) == []


async def test_a_list_begins_where_it_is_asked_to_and_is_no_longer_than_asked_for(subject: Subject) -> None:
    for number in range(5):
        await subject.failed(f"job-{number}", number)

    assert await subject.names(Status.FAILED, since=at(2)) == ["job-4", "job-3", "job-2"]
    assert await subject.names(Status.FAILED, limit=2) == ["job-4", "job-3"]
    assert await subject.names(Status.FAILED, since=at(2.5), limit=1) == ["job-4"]


async def test_progress_does_not_move_a_running_job_in_the_list(subject: Subject) -> None:
    await subject.running("first", 10)
    await subject.running("second", 20)
    tick = a_record(FENCE, 5, job_id="first", updated_at=at(30))
    await subject.table.write(tick)
    await subject.table.commit(replace(tick, version=Version(FENCE, 6), updated_at=at(40)))

    listed = await subject.index.newest(Status.RUNNING, None, 9)

    assert [(job.record.job_id, job.status_at) for job in listed] == [("second", at(20)), ("first", at(10))]
    assert listed[1].record.version.seq == 6


async def test_a_job_is_listed_under_the_status_that_it_has_now(subject: Subject) -> None:
    last = await subject.failed("again", 10)
    await subject.submitted("new", 15)
    begun = next_run(last, at(20))
    await subject.table.begin_run(begun, last.version)

    assert await subject.names(Status.FAILED) == []
    assert await subject.names(Status.QUEUED) == ["again", "new"]


async def test_more_jobs_than_one_answer_holds_are_listed(subject: Subject) -> None:
    for number in range(130):
        await subject.submitted(f"job-{number}", number)

    assert await subject.names(Status.QUEUED, limit=120) == [f"job-{number}" for number in range(129, 9, -1)]


async def test_lists_of_several_statuses_are_merged(subject: Subject) -> None:
    await subject.failed("f", 10)
    await subject.running("r", 20)
    await subject.submitted("q", 5)

    found = await newest_jobs(subject.index, tuple(Status), since=None, limit=2)

    assert [job.record.job_id for job in found] == ["r", "f"]


async def test_a_long_list_is_read_in_pages_that_repeat_and_leave_out_nothing(subject: Subject) -> None:
    for number in range(7):  # three at a time came at the same moment
        await subject.failed(f"f-{number}", number // 3)
        await subject.submitted(f"q-{number}", number // 3)
    pages = [await newest_jobs(subject.index, tuple(Status), since=None, limit=4)]
    positions = positions_after(pages[0])

    while pages[-1]:
        pages.append(await newest_jobs(subject.index, tuple(Status), since=None, limit=4, after=positions))
        positions = positions_after(pages[-1], positions)

    assert [len(page) for page in pages] == [4, 4, 4, 2, 0]
    listed = [job for page in pages for job in page]
    assert sorted(job.record.job_id for job in listed) == [f"{kind}-{number}" for kind in "fq" for number in range(7)]
    assert [job.status_at for job in listed] == sorted((job.status_at for job in listed), reverse=True)


async def test_a_page_goes_on_behind_a_job_that_has_another_status_by_now(subject: Subject) -> None:
    last = [await subject.failed(name, seconds) for name, seconds in (("a", 10), ("b", 20), ("c", 30))][1]
    page = await subject.index.newest(Status.FAILED, None, 2)
    assert [job.record.job_id for job in page] == ["c", "b"]
    await subject.table.begin_run(next_run(last, at(40)), last.version)

    rest = await subject.index.newest(Status.FAILED, None, 2, after=page[-1].position)

    assert [job.record.job_id for job in rest] == ["a"]
