"""Claims whose answer is late, lost or never comes: whose they are, and what counts as a start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.fakes.stores import FakeJobTable
from tests.support.events import logged_events
from tests.support.harness import LEASE_SECONDS, a_harness, two_harnesses
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.disposition import Ack, Forfeit, Retry
from worker.domain.errors import LeaseLostError
from worker.domain.progress import Record, Status, Version
from worker.events import Event
from worker.ports import Conflict, StoreUnavailableError, Written


class SilentTable(FakeJobTable):
    """Applies claims and does not answer them; reads are answered while `reads` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = True
        self.reads = True
        self.asked = 0
        self.lookups = 0

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        self.asked += 1
        result = await super().claim(record, seen, mark, message)
        if self.silent:
            raise StoreUnavailableError("DynamoDB did not answer in time")
        return result

    async def state(self, job_id: str) -> JobState | None:
        self.lookups += 1
        if not self.reads:
            raise StoreUnavailableError("DynamoDB did not answer in time")
        return await super().state(job_id)


@virtual_time
async def test_a_claim_that_is_answered_after_seconds_starts_the_job_as_its_first_attempt(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.table.hangs = True
        handling = asyncio.create_task(harness.handle())
        await asyncio.sleep(3)
        harness.table.works()

        assert await handling == Ack()
        assert harness.record().attempt == 1


@virtual_time
async def test_a_claim_whose_answer_is_lost_is_looked_up_and_known_by_its_token(tmp_path: Path) -> None:
    table = SilentTable()
    async with a_harness(tmp_path, table=table) as harness:
        began_at = now()

        assert await harness.handle() == Ack()
        assert now() - began_at < 1
        assert (harness.record().attempt, table.asked) == (1, 1)


@virtual_time
async def test_a_claim_that_cannot_be_looked_up_either_is_asked_for_again_with_the_same_token(tmp_path: Path) -> None:
    table = SilentTable()
    table.reads = False
    async with a_harness(tmp_path, table=table) as harness:
        handling = asyncio.create_task(harness.handle())
        await wait_until(lambda: table.asked == 2)
        table.silent = False

        assert await handling == Ack()
        assert harness.record().attempt == 1


async def unknown_claim(handle: Callable[[], Awaitable[object]]) -> None:
    """A delivery whose claim is kept, and whose worker never gets the answer."""
    assert isinstance(await handle(), Retry)


@virtual_time
async def test_a_claim_that_started_nothing_is_withdrawn_once_the_table_answers_and_is_no_attempt(
    tmp_path: Path,
) -> None:
    table = SilentTable()
    table.reads = False
    async with two_harnesses(tmp_path, table=table) as (first, second):
        await unknown_claim(first.handle)
        assert first.record().status is Status.RUNNING
        table.reads, table.silent = True, False
        answered_at = now()

        await wait_until(lambda: first.record().status is Status.QUEUED)
        assert now() - answered_at < 2
        assert first.record().attempt == 0
        assert await second.handle(receive_count=2) == Ack()
        assert second.record().attempt == 1
        state = second.table.held_state("ep-1")
        assert state is not None
        assert state.mark is not None
        assert not state.mark.is_suspect


@virtual_time
async def test_the_worker_itself_starts_at_once_over_its_own_claim_that_started_nothing(tmp_path: Path) -> None:
    table = SilentTable()
    table.reads = False
    async with a_harness(tmp_path, table=table) as harness:
        with logged_events() as logged:
            await unknown_claim(harness.handle)
            table.reads, table.silent = True, False

            assert await harness.handle(receive_count=2) == Ack()
        assert len(logged.of(Event.JOB_STARTED)) == 1
        assert harness.record().attempt == 1


@virtual_time
async def test_a_claim_that_is_answered_after_its_lease_was_lost_is_withdrawn_and_is_no_attempt(
    tmp_path: Path,
) -> None:
    async with a_harness(tmp_path) as harness:
        harness.table.hangs = True
        work = harness.work()
        handling = asyncio.create_task(harness.handler.handle(work))
        await asyncio.sleep(1)
        work.stop(LeaseLostError("the receipt handle is dead"))
        with logged_events() as logged:
            harness.table.works()

            assert await handling == Forfeit()
            await wait_until(lambda: harness.record().status is Status.QUEUED)
        assert not logged.of(Event.JOB_STARTED)
        assert harness.record().attempt == 0


@virtual_time
async def test_claims_that_started_nothing_use_up_no_attempt_however_many_there_are(tmp_path: Path) -> None:
    table = SilentTable()
    async with a_harness(tmp_path, table=table) as harness:
        for count in range(1, 9):
            table.reads, table.silent = False, True
            await unknown_claim(lambda count=count: harness.handle(receive_count=count))  # type: ignore[misc]
            table.reads = True
            await asyncio.sleep(LEASE_SECONDS)
        table.silent = False

        assert await harness.handle(receive_count=9) == Ack()
        assert harness.record().attempt == 1


@virtual_time
@pytest.mark.parametrize("receives", [1, 2])
async def test_a_claim_that_the_table_refuses_is_put_off_at_once(tmp_path: Path, receives: int) -> None:
    async with a_harness(tmp_path) as harness:
        harness.table.failure = StoreUnavailableError("DynamoDB answered ThrottlingException", is_refusal=True)
        began_at = now()

        assert isinstance(await harness.handle(receive_count=receives), Retry)

        assert now() - began_at < 0.5


@virtual_time
async def test_a_refusal_after_a_claim_without_an_answer_leaves_that_one_in_doubt(tmp_path: Path) -> None:
    table = SilentTable()
    table.reads = False
    async with a_harness(tmp_path, table=table) as harness:
        handling = asyncio.create_task(harness.handle())
        await wait_until(lambda: table.asked == 1)
        table.failure = StoreUnavailableError("DynamoDB answered ThrottlingException", is_refusal=True)
        assert isinstance(await handling, Retry)
        assert harness.record().status is Status.RUNNING
        table.reads, table.failure = True, None

        await wait_until(lambda: harness.record().status is Status.QUEUED)
        assert harness.record().attempt == 0


@virtual_time
async def test_claims_in_doubt_are_looked_up_gently_while_the_table_is_away(tmp_path: Path) -> None:
    table = SilentTable()
    table.reads = False
    async with a_harness(tmp_path, table=table) as harness:
        assert isinstance(await harness.handle(), Retry)
        table.breaks()
        calls = table.lookups
        await asyncio.sleep(600)

        assert table.lookups - calls < 450


@virtual_time
async def test_a_final_record_that_is_answered_after_seconds_ends_the_job_once(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        handling = await harness.begins()
        await asyncio.sleep(2)
        harness.table.hangs = True
        harness.converter.may_finish.set()
        await asyncio.sleep(4)
        harness.table.works()

        assert await handling == Ack()
        assert [record.status for record in harness.table.writes].count(Status.COMPLETED) == 1
