"""What a job costs is counted for that job alone."""

from __future__ import annotations

import asyncio

from worker import usage


def test_outside_of_a_job_nothing_is_counted_for_one() -> None:
    usage.s3_called()
    usage.dynamodb_called()

    assert usage.log_fields() == {}


def test_calls_and_cpu_time_are_counted_for_the_job_and_memory_by_its_peak() -> None:
    with usage.of_job():
        usage.s3_called()
        usage.s3_called()
        usage.dynamodb_called()
        usage.converter_ended(1.25, 3000)
        usage.converter_ended(0.5, 2000)

        assert usage.log_fields() == {
            "cpu_seconds": 1.75,
            "converter_peak_bytes": 3000,
            "s3_calls": 2,
            "dynamodb_calls": 1,
        }


async def test_jobs_that_run_side_by_side_are_counted_apart_with_the_tasks_that_they_begin() -> None:
    async def job(calls: int) -> object:
        with usage.of_job():
            async with asyncio.TaskGroup() as group:
                for _ in range(calls):
                    group.create_task(call())
            return usage.log_fields()["s3_calls"]

    async def call() -> None:
        await asyncio.sleep(0)
        usage.s3_called()

    assert list(await asyncio.gather(job(1), job(3))) == [1, 3]
