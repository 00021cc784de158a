"""How an attempt's records end: in order, once, and with the final one even after a cancelled write."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.stores import FakeJobTable
from tests.support.failover import Stores, stores
from tests.support.records import a_record
from tests.support.reporting import CLAIM, OUTPUTS, Reporting, a_reporter, reporting
from tests.support.virtual_time import now, virtual_time
from tests.support.waiting import wait_until
from worker.domain.errors import DependencyUnavailableError, InternalError, LeaseLostError
from worker.domain.outcome import Cancelled, Completed, Failed, RecordedOutcome, Released, WillRetry
from worker.domain.progress import Record, Stage, Status
from worker.ports import StoreUnavailableError, WriteResult, Written


@virtual_time
async def test_a_checkpoint_before_the_upload_waits_for_dynamodb_and_no_longer_than_a_minute() -> None:
    async with stores() as it, reporting(it) as job:
        it.table.breaks()
        asyncio.get_running_loop().call_later(20, it.table.works)
        await job.reporter.checkpoint()
        assert 20 < now() - 1000 < 26
        it.table.hangs = True
        began_at = now()
        with pytest.raises(DependencyUnavailableError):
            await job.reporter.checkpoint()
        assert now() - began_at == pytest.approx(60, abs=0.01)


@virtual_time
async def test_a_checkpoint_before_the_upload_stops_a_job_that_is_not_ours() -> None:
    async with stores() as it, reporting(it) as job:
        it.table.held.clear()
        await it.table.write(a_record(2000, 1))
        with pytest.raises(LeaseLostError):
            await job.reporter.checkpoint()


@virtual_time
async def test_the_end_is_the_last_record_and_has_the_outputs() -> None:
    async with stores() as it, reporting(it) as job:
        await job.work(3)
        await job.reporter.end(Completed(OUTPUTS))
        job.progress.set(Stage.UPLOADING, 99.0, 1.0)
        await asyncio.sleep(60)
        for held in (it.redis.held["ep-0142"], it.table.held["ep-0142"]):
            assert (held.status, held.percent, held.stage, held.outputs) == (Status.COMPLETED, 100, None, OUTPUTS)
        assert it.redis.writes[-1].status is Status.COMPLETED


@virtual_time
async def test_the_end_is_tried_until_it_is_kept_and_a_lost_acknowledgement_is_an_answer() -> None:
    async with stores() as it, reporting(it) as job:
        it.table.breaks()
        asyncio.get_running_loop().call_later(40, it.table.works)
        it.table.acks_lost = 1
        await job.reporter.end(Completed(OUTPUTS))
        assert [record.status for record in it.table.writes] == [Status.RUNNING, Status.COMPLETED]


@virtual_time
async def test_an_end_of_a_job_that_is_not_ours_is_not_recorded() -> None:
    async with stores() as it, reporting(it) as job:
        await it.table.write(a_record(2000, 1))
        with pytest.raises(LeaseLostError):
            await job.reporter.end(Completed(OUTPUTS))
        assert not it.redis.held["ep-0142"].is_final


@virtual_time
@pytest.mark.parametrize("counted", [True, False])
async def test_a_job_that_waits_for_another_attempt_is_queued(counted: bool) -> None:
    async with stores() as it, reporting(it) as job:
        await job.work(3, until_percent=40)
        await job.reporter.end(WillRetry(InternalError(), 5.0) if counted else Released())
        held = it.table.held["ep-0142"]
        assert (held.status, held.stage, held.attempt) == (Status.QUEUED, None, int(counted))
        assert held.percent == (pytest.approx(40, abs=3) if counted else 0)
        assert (held.error is not None) == counted


@virtual_time
async def test_a_failed_job_keeps_its_percent_and_says_why() -> None:
    async with stores() as it, reporting(it) as job:
        await job.work(3, until_percent=40)
        await job.reporter.end(Cancelled())
        held = it.table.held["ep-0142"]
        assert held.status is Status.CANCELLED
        assert held.percent == pytest.approx(40, abs=3)


@virtual_time
@pytest.mark.parametrize("where", ["redis", "table"])
@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (Failed(InternalError(), 1), Status.FAILED),
        (WillRetry(InternalError(), 5.0), Status.QUEUED),
        (Completed(OUTPUTS), Status.COMPLETED),
    ],
    ids=["failed", "will retry", "completed"],
)
async def test_a_tick_that_is_cancelled_under_way_leaves_room_for_the_end(
    where: str, ending: RecordedOutcome, status: Status
) -> None:
    async with stores() as it:
        assert isinstance(await it.store.write_if_unchanged(CLAIM, None), Written)
        job = Reporting(*a_reporter(it))
        running = asyncio.create_task(job.reporter.run())
        if where == "table":
            await it.trip()
        getattr(it, where).hangs = True
        job.progress.set(Stage.CONVERTING, 10.0, 1.0)
        await asyncio.sleep(2.6 if where == "table" else 0.3)
        running.cancel()
        await asyncio.wait([running])
        it.redis.works()
        it.table.works()
        final = (await job.reporter.end(ending)).record
        assert it.table.held["ep-0142"] == final
        assert final.status is status


@virtual_time
async def test_an_end_that_is_cancelled_may_still_be_another_one() -> None:
    async with stores() as it, reporting(it) as job:
        it.table.hangs = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await job.reporter.end(Completed(OUTPUTS))
        it.table.works()
        await job.reporter.end(Released())
        held = it.table.held["ep-0142"]
        assert (held.status, held.percent, held.outputs) == (Status.QUEUED, 0, CLAIM.outputs)


@virtual_time
@pytest.mark.parametrize("later", [Released(), WillRetry(InternalError(), 5.0), Failed(InternalError(), 1)])
async def test_an_end_that_was_kept_without_an_answer_is_the_end_whatever_is_tried_later(
    later: RecordedOutcome,
) -> None:
    async with stores() as it, reporting(it) as job:
        await a_lost_answer(it, job)

        ended = await job.reporter.end(later)

        assert ended.outcome == Completed(OUTPUTS)
        assert ended.record == it.table.held["ep-0142"] == it.redis.held["ep-0142"]


@virtual_time
async def test_an_end_in_doubt_is_looked_up_until_the_table_answers() -> None:
    async with stores() as it, reporting(it) as job:
        await a_lost_answer(it, job)
        it.table.breaks()
        asyncio.get_running_loop().call_later(40, it.table.works)

        kept = await job.reporter.kept_end()

        assert kept is not None
        assert kept.outcome == Completed(OUTPUTS)


@virtual_time
async def test_an_end_in_doubt_that_another_worker_was_faster_than_is_a_loss() -> None:
    async with stores() as it, reporting(it) as job:
        it.table.hangs = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await job.reporter.end(Completed(OUTPUTS))
        it.table.works()
        await it.table.write(a_record(2000, 1))

        with pytest.raises(LeaseLostError):
            await job.reporter.end(Released())


async def a_lost_answer(it: Stores, job: Reporting) -> None:
    """The job is completed in the table, and the reporter was cut off before it knew."""
    it.table.acks_lost = 1
    ending = asyncio.create_task(job.reporter.end(Completed(OUTPUTS)))
    await wait_until(lambda: it.table.held["ep-0142"].is_final)
    it.table.hangs = True
    ending.cancel()
    await asyncio.wait([ending])
    it.table.works()


class AnsweredTooLate(FakeJobTable):
    """Applies each commit, and answers none within its budget."""

    async def commit(self, record: Record) -> WriteResult:
        await super().commit(record)
        raise StoreUnavailableError("DynamoDB did not answer in time")


@virtual_time
async def test_what_is_kept_and_never_answered_is_looked_up() -> None:
    async with stores(table=AnsweredTooLate()) as it, reporting(it) as job:
        began_at = now()

        await job.reporter.checkpoint()
        await job.reporter.end(Completed(OUTPUTS))

        assert now() - began_at < 1
        assert it.table.held["ep-0142"].status is it.redis.held["ep-0142"].status is Status.COMPLETED
