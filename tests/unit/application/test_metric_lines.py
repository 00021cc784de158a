"""The metrics for CloudWatch: one line a minute, whatever happens in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tests.support.emf import Datum, data_of
from tests.support.events import logged_events
from tests.support.virtual_time import virtual_time
from tests.unit.test_http import RUNNING, Parts
from worker import metrics
from worker.application.operations.health import HealthMonitor
from worker.application.operations.metric_lines import NAMESPACE, MetricLines
from worker.application.progress.guarded_cache import CacheState
from worker.events import Event

NOW = datetime(2026, 11, 22, 20, 1, 30, tzinfo=UTC)
HALF_BUSY = replace(RUNNING, jobs=1, slots=2)


@dataclass
class Worker(Parts):
    cache_state: CacheState = "connected"

    def status(self) -> Any:
        return HALF_BUSY


async def lines(
    seconds: float, cache_state: CacheState = "connected", happens: Callable[[], None] = lambda: None
) -> list[dict[str, Datum]]:
    """The data of each line, by name."""
    parts = Worker(cache_state)
    monitor = HealthMonitor(parts, parts)
    metric_lines = MetricLines(monitor, environment="staging", now=lambda: NOW)
    with logged_events() as logged:
        tasks = [asyncio.create_task(body()) for body in (monitor.run, metric_lines.run)]
        await asyncio.sleep(1)
        happens()
        await asyncio.sleep(seconds - 1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    reported = [{"service": "audio-conversion-worker", **line} for line in logged.of(Event.METRICS_REPORTED)]
    return [{datum.name: datum for datum in data_of(line)} for line in reported]


@virtual_time
async def test_a_line_comes_once_a_minute_and_one_at_the_end() -> None:
    assert len(await lines(185)) == 4


@virtual_time
async def test_the_dimensions_are_service_and_environment_and_nothing_else() -> None:
    (line, _) = await lines(61)

    for datum in line.values():
        assert datum.namespace == NAMESPACE
        assert datum.dimensions == {"service": "audio-conversion-worker", "environment": "staging"}
        assert datum.at == NOW.timestamp()


@virtual_time
async def test_jobs_are_counted_by_status_and_code_once_each() -> None:
    def happens() -> None:
        metrics.count_ending("completed")
        metrics.count_ending("completed")
        metrics.count_ending("failed", "source_not_found")
        metrics.count_ending("retried", "stalled")

    first, last = await lines(61, happens=happens)

    assert first["JobsCompleted"].values == [2]
    assert (first["JobsFailed"].values, first["JobsFailedSourceNotFound"].values) == ([1], [1])
    assert first["JobsRetriedStalled"].values == [1]
    assert (last["JobsCompleted"].values, last["JobsFailed"].values) == ([0], [0])
    assert "JobsFailedSourceNotFound" not in last  # each name is billed


@virtual_time
async def test_times_are_single_values_and_of_very_many_a_sample_with_both_ends() -> None:
    def happens() -> None:
        for number in range(1000):
            metrics.observe_waiting(float(number))
        metrics.observe_conversion(["mp3"], 2.5)

    first, last = await lines(61, happens=happens)

    waiting = first["WaitingSeconds"].values
    assert (len(waiting), waiting[0], waiting[-1]) == (64, 0.0, 999.0)
    assert abs(waiting[32] - 500) < 20
    assert (first["ConversionSeconds"].values, first["ConversionSeconds"].unit) == ([2.5], "Seconds")
    assert "WaitingSeconds" not in last


@virtual_time
async def test_redis_is_up_or_down_and_neither_where_there_is_none() -> None:
    (up, _), (down, _), (none, _) = await lines(61), await lines(61, "unavailable"), await lines(61, "disabled")

    assert (up["RedisUp"].values, down["RedisUp"].values) == ([1], [0])
    assert (up["RedisOutageSeconds"].values[0], down["RedisOutageSeconds"].values[0] > 0) == (0, True)
    assert "RedisUp" not in none


@virtual_time
async def test_the_state_of_the_worker_is_in_the_line() -> None:
    (line, _) = await lines(61)

    assert (line["Slots"].values, line["BusyShare"].values) == ([2], [0.5])
    assert line["PollAgeSeconds"].values == [1.0]
    assert line["LoopLagSeconds"].values[0] < 1
