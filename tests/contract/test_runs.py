"""What every store does with the runs of a job, the fakes included: only the next run replaces an end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.records import NOW, a_record, completed
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.errors import NoAudioError
from worker.domain.outcome import Cancelled, Failed, record_of
from worker.domain.progress import Record, Version, first_record, next_run
from worker.ports import Conflict, JobTable, ProgressStore, WriteResult, Written

FENCE = 1_795_000_000_000_001  # 51 bits, as real ones have
MESSAGE = JobMessage('{"job_id": "ep-0142"}', "podcasts")


def ended(end: str, seq: int = 8) -> Record:
    ending = Cancelled() if end == "cancelled" else Failed(NoAudioError(), 1)
    return record_of(ending, a_record(FENCE, 7), Version(FENCE, seq), NOW)


# --- what replaces what --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_the_next_run_replaces_the_end_of_the_last(store: ProgressStore, end: str) -> None:
    last = ended(end)
    begun = next_run(last, NOW)
    running = a_record(FENCE + 7000, 1, run=2)
    await store.write(last)

    assert await store.write(begun) is WriteResult.APPLIED
    assert await store.read("ep-0142") == begun
    assert await store.write(running) is WriteResult.APPLIED
    assert await store.write(a_record(FENCE + 7000, 2, run=2)) is WriteResult.APPLIED
    assert await store.read("ep-0142") == a_record(FENCE + 7000, 2, run=2)


async def test_a_running_record_of_the_next_run_replaces_the_end_of_the_last(store: ProgressStore) -> None:
    """As in a cache that has missed the beginning of the run."""
    await store.write(ended("failed"))
    assert await store.write(a_record(FENCE + 7000, 3, run=2)) is WriteResult.APPLIED


async def test_nothing_of_the_last_run_replaces_anything_of_the_next(store: ProgressStore) -> None:
    last = ended("failed")
    begun = next_run(last, NOW)
    await store.write(begun)
    for late in (a_record(FENCE, 7), last, completed(a_record(FENCE, 1), 9)):
        assert await store.write(late) is WriteResult.STALE
    assert await store.read("ep-0142") == begun


async def test_a_plain_record_with_a_higher_fence_replaces_no_end(store: ProgressStore) -> None:
    last = ended("failed")
    await store.write(last)
    assert await store.write(a_record(FENCE + 7000, 1)) is WriteResult.STALE
    assert await store.read("ep-0142") == last


async def test_a_later_run_with_a_lower_fence_replaces_no_end(store: ProgressStore) -> None:
    last = ended("failed")
    await store.write(last)
    for fence in (FENCE - 1, FENCE):
        assert await store.write(a_record(fence, 99, run=2)) is WriteResult.STALE
    assert await store.read("ep-0142") == last


async def test_nothing_follows_a_completed_job(store: ProgressStore) -> None:
    done = completed(a_record(FENCE, 1), 8)
    await store.write(done)
    for run in (1, 2, 9):
        assert await store.write(a_record(FENCE + 7000, 1, run=run)) is WriteResult.STALE
    assert await store.read("ep-0142") == done


async def test_the_end_of_the_second_run_gives_way_to_the_third(store: ProgressStore) -> None:
    first = ended("failed")
    second = replace(ended("cancelled"), version=Version(FENCE + 7000, 4), run=2)
    third = next_run(second, NOW)
    for record in (first, next_run(first, NOW), second):
        assert await store.write(record) is WriteResult.APPLIED
    assert await store.write(a_record(FENCE + 9000, 1, run=2)) is WriteResult.STALE
    assert await store.write(third) is WriteResult.APPLIED
    assert await store.read("ep-0142") == third


# --- the job table -------------------------------------------------------------------------------------------------


async def failed_after_a_start(table: JobTable) -> Record:
    """A job that was asked to be cancelled and failed before that, whose worker had died once."""
    await table.claim(a_record(FENCE, 1), None, ClaimMark("first", is_suspect=True, deaths_alone=2), MESSAGE)
    await table.request_cancel("ep-0142")
    last = ended("failed")
    await table.commit(last)
    return last


async def test_a_run_begins_without_the_requests_and_deaths_of_the_last(job_table: JobTable) -> None:
    last = await failed_after_a_start(job_table)
    begun = next_run(last, NOW)

    assert await job_table.begin_run(begun, last.version) == Written()

    assert await job_table.state("ep-0142") == JobState(begun, ClaimMark("first", is_suspect=True), False, MESSAGE)
    assert await job_table.cancel_requests(["ep-0142"]) == frozenset()


async def test_a_run_that_others_begin_as_well_is_begun_once(job_table: JobTable) -> None:
    last = await failed_after_a_start(job_table)
    begun = next_run(last, NOW)

    assert [await job_table.begin_run(begun, last.version) for _ in range(3)] == [Written()] * 3

    claim = a_record(FENCE + 7000, 1, run=2)
    await job_table.claim(claim, begun.version, ClaimMark("second"), MESSAGE)
    assert await job_table.begin_run(begun, last.version) == Conflict(
        JobState(claim, ClaimMark("second"), False, MESSAGE)
    )


async def test_a_run_begins_also_where_nothing_was_ever_claimed(job_table: JobTable) -> None:
    refused = replace(ended("failed"), attempt=0)
    await job_table.write_if_unchanged(refused, None)

    begun = next_run(refused, NOW)

    assert await job_table.begin_run(begun, refused.version) == Written()
    assert await job_table.state("ep-0142") == JobState(begun)


async def test_a_message_is_kept_from_the_submission_or_the_claim_on(job_table: JobTable) -> None:
    first = first_record("ep-0142", None, (), NOW)
    own = JobMessage('{"job_id": "ep-0142", "n": 2}')

    async def kept() -> JobMessage | None:
        state = await job_table.state("ep-0142")
        assert state is not None
        return state.message

    assert await job_table.submit(first, MESSAGE) == Written()
    assert await kept() == MESSAGE
    assert await job_table.submit(first, MESSAGE) == Written()
    await job_table.claim(a_record(FENCE, 1), first.version, ClaimMark("first"), own)
    assert await kept() == own
    await job_table.write(a_record(FENCE, 2))
    await job_table.commit(ended("failed"))
    assert await kept() == own
    assert isinstance(await job_table.submit(first, MESSAGE), Conflict)
    assert await kept() == own


async def test_a_message_that_may_not_be_kept_replaces_the_one_that_is(job_table: JobTable) -> None:
    await job_table.submit(first_record("ep-0142", None, (), NOW), MESSAGE)
    await job_table.claim(a_record(FENCE, 1), Version(0, 1), ClaimMark("first"), None)
    state = await job_table.state("ep-0142")
    assert state is not None
    assert state.message is None
