"""Benchmarks are run by hand: what they take from the worker's code is kept in step here."""

from __future__ import annotations

from benchmarks import write_cost


async def test_each_way_of_writing_that_is_compared_writes_to_redis() -> None:
    microseconds = await write_cost.overhead(rounds=1, writes=3)

    assert microseconds.keys() == {"redis_py", "adapter", "store"}
    assert min(microseconds.values()) > 0
