"""`worker cancel`: what it says, and how it exits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.events import logged_events
from tests.support.handling import a_cancellation
from tests.support.records import NOW, a_record, completed
from worker.application.jobs.cancellation import Cancellation
from worker.cli.cancel import cancel
from worker.domain.progress import first_record

Capture = pytest.CaptureFixture[str]
JOB_ID = a_record().job_id


@pytest.fixture(name="table")
def table_fixture() -> FakeJobTable:
    return FakeJobTable()


@pytest.fixture(name="cancellation")
def cancellation_fixture(table: FakeJobTable) -> Iterator[Cancellation]:
    with logged_events():  # commands write no log
        yield a_cancellation(table, FakeProgressCache(), now=lambda: datetime.now(UTC))


async def test_a_queued_job_is_cancelled_and_asking_again_is_no_failure(
    cancellation: Cancellation, table: FakeJobTable, capsys: Capture
) -> None:
    await table.write_if_unchanged(first_record(JOB_ID, "s3://in/a.wav", (), NOW), None)
    for _ in range(2):
        assert await cancel(cancellation, JOB_ID) == 0
        assert capsys.readouterr() == (f"{JOB_ID} is cancelled\n", "")


async def test_a_running_job_is_asked_to_stop(
    cancellation: Cancellation, table: FakeJobTable, capsys: Capture
) -> None:
    await table.write_if_unchanged(a_record(), None)
    assert await cancel(cancellation, JOB_ID) == 0
    assert capsys.readouterr() == (f"{JOB_ID} is running; its worker was asked to stop it\n", "")
    assert await table.cancel_requests([JOB_ID]) == {JOB_ID}


async def test_a_job_that_has_ended_otherwise_is_1(
    cancellation: Cancellation, table: FakeJobTable, capsys: Capture
) -> None:
    await table.write_if_unchanged(completed(a_record(), 9), None)
    assert await cancel(cancellation, JOB_ID) == 1
    assert capsys.readouterr() == ("", f"worker: {JOB_ID} is completed already\n")


async def test_a_job_that_is_not_there_is_4(cancellation: Cancellation, capsys: Capture) -> None:
    assert await cancel(cancellation, "nobody") == 4
    assert capsys.readouterr() == ("", "worker: there is no job nobody\n")
