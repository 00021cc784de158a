"""What every job table does, the fake included: claims, and what is kept beside a record."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.support.records import a_record, completed, queued
from worker.domain.claim import ClaimMark, JobState
from worker.domain.outcome import Cancelled, record_of
from worker.domain.progress import Version, first_record
from worker.ports import Conflict, JobTable, WriteResult, Written

FENCE = 1_795_000_000_000_001  # 51 bits, as real ones have


async def test_only_one_of_many_claims_is_kept(job_table: JobTable) -> None:
    claims = [a_record(FENCE + number, 1, worker=f"worker-{number}") for number in range(8)]
    results = await asyncio.gather(*(job_table.write_if_unchanged(claim, None) for claim in claims))
    assert results.count(Written()) == 1
    held = await job_table.read("ep-0142")
    assert held == claims[results.index(Written())]


async def test_a_claim_needs_the_version_that_was_seen(job_table: JobTable) -> None:
    first = a_record(FENCE, 1)
    assert await job_table.write_if_unchanged(first, None) == Written()
    await job_table.write(a_record(FENCE, 2))
    assert isinstance(await job_table.write_if_unchanged(a_record(FENCE + 1, 1, worker="b"), first.version), Conflict)
    assert isinstance(await job_table.write_if_unchanged(a_record(FENCE + 1, 1, worker="b"), None), Conflict)
    assert await job_table.write_if_unchanged(a_record(FENCE + 1, 1, worker="b"), Version(FENCE, 2)) == Written()


async def test_a_claim_that_got_through_unnoticed_is_kept(job_table: JobTable) -> None:
    first = a_record(FENCE, 1)
    assert await job_table.write_if_unchanged(first, None) == Written()
    assert await job_table.write_if_unchanged(first, None) == Written()
    assert isinstance(await job_table.write_if_unchanged(replace(first, worker="worker-b:1"), None), Conflict)


async def test_within_a_fence_only_the_claims_worker_may_write(job_table: JobTable) -> None:
    await job_table.write_if_unchanged(a_record(FENCE, 1, worker="a"), None)
    assert await job_table.write(a_record(FENCE, 1, worker="b")) is WriteResult.STALE
    assert await job_table.write(a_record(FENCE, 5, worker="b")) is WriteResult.STALE
    assert await job_table.write(a_record(FENCE, 2, worker="a")) is WriteResult.APPLIED


async def test_a_record_of_the_same_version_that_says_something_else_is_not_ones_own(job_table: JobTable) -> None:
    running = a_record(FENCE, 2)
    cancelled = record_of(Cancelled(), running, running.version, running.updated_at)
    assert await job_table.write_if_unchanged(cancelled, None) == Written()
    assert isinstance(await job_table.write_if_unchanged(running, None), Conflict)
    assert isinstance(await job_table.write_if_unchanged(running, Version(FENCE, 1)), Conflict)
    assert await job_table.write(running) is WriteResult.STALE
    assert await job_table.read(running.job_id) == cancelled


async def test_the_first_record_of_another_job_under_the_same_id_is_a_conflict(job_table: JobTable) -> None:
    first, other = (
        first_record("ep-0142", source, ("s3://out/a.mp3",), a_record(FENCE, 1).created_at)
        for source in ("s3://in/a.wav", "s3://in/b.wav")
    )
    assert await job_table.write_if_unchanged(first, None) == Written()

    assert await job_table.write_if_unchanged(other, None) == Conflict(JobState(first))


# --- what is kept beside a record ----------------------------------------------------------------------------------


async def test_a_job_that_was_never_written_has_no_state(job_table: JobTable) -> None:
    assert await job_table.state("nobody") is None
    assert not await job_table.request_cancel("nobody")
    assert await job_table.cancel_requests(["nobody"]) == frozenset()


async def test_a_request_to_cancel_is_left_with_a_running_job_only(job_table: JobTable) -> None:
    record = a_record(FENCE, 1)
    await job_table.write_if_unchanged(first_record(record.job_id, record.source, (), record.created_at), None)
    assert not await job_table.request_cancel(record.job_id)
    await job_table.write_if_unchanged(record, Version(0, 1))
    assert await job_table.request_cancel(record.job_id)
    assert await job_table.cancel_requests([record.job_id, "nobody"]) == {record.job_id}
    await job_table.write(completed(record, 2))
    assert not await job_table.request_cancel(record.job_id)


async def test_a_request_to_cancel_outlives_whatever_is_written(job_table: JobTable) -> None:
    record = a_record(FENCE, 1)
    await job_table.claim(record, None, ClaimMark("first"))
    await job_table.request_cancel(record.job_id)
    await job_table.write(a_record(FENCE, 2))
    await job_table.commit(queued(record, 3))
    await job_table.claim(a_record(FENCE + 1, 1), Version(FENCE, 3), ClaimMark("second"))
    assert await job_table.state(record.job_id) == JobState(
        a_record(FENCE + 1, 1), ClaimMark("second"), is_cancel_requested=True
    )
    assert await job_table.cancel_requests([record.job_id]) == {record.job_id}


async def test_a_probe_of_the_job_table_changes_nothing(job_table: JobTable) -> None:
    await job_table.write_if_unchanged(a_record(FENCE, 1), None)
    await job_table.probe()
    await job_table.probe()
    assert await job_table.read("ep-0142") == a_record(FENCE, 1)
    assert await job_table.read("/probe") is None


async def test_of_many_running_jobs_those_that_were_asked_for_are_found(job_table: JobTable) -> None:
    names = [f"job-{number}" for number in range(120)]  # more than one call's worth
    for name in ("job-7", "job-119"):
        await job_table.write_if_unchanged(a_record(FENCE, 1, job_id=name), None)
        await job_table.request_cancel(name)
    assert await job_table.cancel_requests(names) == {"job-7", "job-119"}
    assert await job_table.cancel_requests([]) == frozenset()


async def test_a_claim_that_is_refused_shows_what_stands_in_its_way(job_table: JobTable) -> None:
    await job_table.claim(a_record(FENCE, 1), None, ClaimMark("first"))
    await job_table.request_cancel("ep-0142")
    refused = await job_table.claim(a_record(FENCE + 1, 1, worker="b"), None, ClaimMark("second"))
    state = await job_table.state("ep-0142")
    assert state == JobState(a_record(FENCE, 1), ClaimMark("first"), is_cancel_requested=True)
    assert refused == Conflict(state)


async def test_what_a_claim_leaves_beside_the_record_stays_until_the_next_claim(job_table: JobTable) -> None:
    mark = ClaimMark("first", is_suspect=True, deaths_alone=2)

    async def held() -> ClaimMark | None:
        state = await job_table.state("ep-0142")
        assert state is not None
        return state.mark

    await job_table.write_if_unchanged(first_record("ep-0142", None, (), a_record(FENCE, 1).created_at), None)
    assert await held() is None
    await job_table.claim(a_record(FENCE, 1), Version(0, 1), mark)
    assert await held() == mark
    await job_table.write(a_record(FENCE, 2))
    await job_table.commit(queued(a_record(FENCE, 1), 3))
    assert await held() == mark
    await job_table.claim(a_record(FENCE + 1, 1), Version(FENCE, 3), ClaimMark("second"))
    assert await held() == ClaimMark("second")
    await job_table.commit(completed(a_record(FENCE + 1, 1), 2))
    assert await held() == ClaimMark("second")


async def test_a_claim_is_known_by_its_token_however_often_it_is_asked_for(job_table: JobTable) -> None:
    claim, mark = a_record(FENCE, 1), ClaimMark("mine")
    assert await job_table.claim(claim, None, mark) == Written()
    assert await job_table.claim(claim, None, mark) == Written()
    assert isinstance(await job_table.claim(claim, None, ClaimMark("theirs")), Conflict)


async def test_a_claim_that_was_withdrawn_or_ended_meanwhile_is_not_known_by_its_token(job_table: JobTable) -> None:
    claim, mark = a_record(FENCE, 1), ClaimMark("mine")
    await job_table.claim(claim, None, mark)
    await job_table.commit(queued(claim, 2))
    assert isinstance(await job_table.claim(claim, None, mark), Conflict)


async def test_a_record_that_a_job_waits_for_is_kept_by_the_rules_of_all_records(job_table: JobTable) -> None:
    await job_table.claim(a_record(FENCE, 1), None, ClaimMark("mine"))
    assert await job_table.commit(a_record(FENCE, 2)) is WriteResult.APPLIED
    assert await job_table.commit(a_record(FENCE, 2)) is WriteResult.SAME
    assert await job_table.commit(a_record(FENCE, 1)) is WriteResult.STALE
