"""Benchmarks are run by hand: what they take from the worker's code is kept in step here."""

from __future__ import annotations

from benchmarks import client_start, scaling, write_cost


async def test_each_way_of_writing_that_is_compared_writes_to_redis() -> None:
    microseconds = await write_cost.overhead(rounds=1, writes=3)

    assert microseconds.keys() == {"redis_py", "adapter", "store"}
    assert min(microseconds.values()) > 0


def test_the_import_of_the_client_is_measured_after_that_of_the_sdk() -> None:
    milliseconds = client_start.cpu_milliseconds(repetitions=1)

    sdk, client, *_ = milliseconds.values()
    assert 0 < client < sdk


def test_the_model_of_more_cores_is_bounded_by_each_of_its_parts() -> None:
    model = scaling.Model("mp3", minutes=60, converters_seconds=30.0, own_seconds=2.0)

    assert model.wall_seconds(1) == 32.0
    assert model.wall_seconds(2) == 16.0
    assert model.wall_seconds(64) == 2.0  # one core of the worker's own
    assert model.wall_seconds(64, bytes_per_second=100e6) > 3600 * 44_100 * 4 / 100e6
