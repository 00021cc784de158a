"""`worker cancel`: what it says, and how it exits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.clients import a_client
from tests.support.records import NOW, a_record, completed
from worker.cli.cancel import cancel
from worker.client import Jobs
from worker.domain.progress import first_record

Capture = pytest.CaptureFixture[str]
JOB_ID = a_record().job_id


@pytest.fixture(name="table")
def table_fixture() -> FakeJobTable:
    return FakeJobTable()


@pytest.fixture(name="jobs")
async def jobs_fixture(table: FakeJobTable) -> AsyncIterator[Jobs]:
    async with a_client(table, FakeProgressCache()) as jobs:
        yield jobs


async def test_a_queued_job_is_cancelled_and_asking_again_is_no_failure(
    jobs: Jobs, table: FakeJobTable, capsys: Capture
) -> None:
    await table.write_if_unchanged(first_record(JOB_ID, "s3://in/a.wav", (), NOW), None)
    for _ in range(2):
        assert await cancel(jobs, JOB_ID) == 0
        assert capsys.readouterr() == (f"{JOB_ID} is cancelled\n", "")


async def test_a_running_job_is_asked_to_stop(jobs: Jobs, table: FakeJobTable, capsys: Capture) -> None:
    await table.write_if_unchanged(a_record(), None)
    assert await cancel(jobs, JOB_ID) == 0
    assert capsys.readouterr() == (f"{JOB_ID} is running; its worker was asked to stop it\n", "")
    assert await table.cancel_requests([JOB_ID]) == {JOB_ID}


async def test_a_job_that_has_ended_otherwise_is_1(jobs: Jobs, table: FakeJobTable, capsys: Capture) -> None:
    await table.write_if_unchanged(completed(a_record(), 9), None)
    assert await cancel(jobs, JOB_ID) == 1
    assert capsys.readouterr() == ("", f"worker: {JOB_ID} is completed already\n")


async def test_a_job_that_is_not_there_is_4(jobs: Jobs, capsys: Capture) -> None:
    assert await cancel(jobs, "nobody") == 4
    assert capsys.readouterr() == ("", "worker: there is no job nobody\n")
