"""Records: which of two counts, what JSON keeps of them, and a percent that never falls within an attempt."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.support.events import logged_events
from tests.support.records import NOW, a_record, completed
from tests.support.reporting import PlayedProgress
from tests.support.strategies import records
from tests.support.virtual_time import run
from worker.application.progress.failover import FailoverStore
from worker.application.progress.guarded_cache import GuardedCache
from worker.application.progress.reporter import Reporter
from worker.domain.outcome import Completed
from worker.domain.progress import Record, Stage, Status, newest


@given(records())
def test_json_keeps_all_of_a_record(record: Record) -> None:
    assert Record.from_json(record.to_json()) == record
    assert Record.from_json(record.to_json().encode()) == record


@given(records(), st.dictionaries(st.text(min_size=20, max_size=30), st.integers(), max_size=3))
def test_fields_of_a_newer_worker_are_passed_over(record: Record, more: dict[str, int]) -> None:
    assert Record.from_json(json.dumps({**record.to_dict(), **more})) == record


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(records(), st.data())
def test_what_is_no_record_is_a_value_error(record: Record, data: st.DataObject) -> None:
    text = record.to_json()
    lacking = {**record.to_dict()}
    del lacking[data.draw(st.sampled_from(["job_id", "status", "fence", "seq", "updated_at"]))]

    for spoilt in (text[:-1], f"[{text}]", "", "null", json.dumps(lacking)):
        with pytest.raises(ValueError):  # its text is for logs
            Record.from_json(spoilt)


@given(records(), st.data())
def test_a_record_with_any_value_in_a_field_is_a_value_error_or_a_record_that_json_keeps(
    record: Record, data: st.DataObject
) -> None:
    fields = record.to_dict()
    changed = {**fields, data.draw(st.sampled_from(sorted(fields))): data.draw(json_values)}

    with suppress(ValueError):
        taken = Record.from_json(json.dumps(changed))
        assert Record.from_json(taken.to_json()) == taken


# --- which of two counts -------------------------------------------------------------------------------------------


def of_one_job() -> list[Record]:
    """Running and final records of one job, each version once: two final ones have been made impossible elsewhere."""
    running = [a_record(fence, seq) for fence, seq in product((1, 2), (1, 2, 3))]
    return [*running, completed(a_record(1), 4)]


@given(st.lists(st.sampled_from(of_one_job()), min_size=1, max_size=5, unique=True))
def test_the_same_record_counts_in_any_order(held: list[Record]) -> None:
    believed = {reduce(lambda first, second: newest(first, second) or first, order) for order in permutations(held)}
    assert len(believed) == 1
    (best,) = believed
    finals = [record for record in held if record.is_final]
    assert best == (finals[0] if finals else max(held, key=lambda record: record.version))


@given(st.none() | records(), st.none() | records())
def test_the_record_that_counts_is_one_of_the_two(first: Record | None, second: Record | None) -> None:
    believed = newest(first, second)
    assert believed in {first, second}
    assert (believed is None) == (first is None and second is None)
    assert newest(believed, believed) == believed
    assert newest(believed, None) == newest(None, believed) == believed


# --- percent -------------------------------------------------------------------------------------------------------

steps = st.tuples(
    st.sampled_from(Stage),
    st.floats(-10, 110),
    st.sampled_from([0.0, 0.1, 0.3, 2.6, 13.0]),
    st.sampled_from(["", "", "redis", "table", "both", "hang", "well"]),
)


@settings(max_examples=100)
@given(st.lists(steps, max_size=25))
def test_percent_never_falls_within_an_attempt(told: list[tuple[Stage, float, float, str]]) -> None:
    table, redis = run(_attempt(told))
    for store in (table, redis):
        percents = [record.percent for record in store.writes]
        assert percents == sorted(percents)
        assert [record.version for record in store.writes] == sorted({record.version for record in store.writes})
        assert all((record.percent == 100) == (record.status is Status.COMPLETED) for record in store.writes)
    assert table.held["ep-0142"].percent == 100


async def _attempt(told: list[tuple[Stage, float, float, str]]) -> tuple[FakeJobTable, FakeProgressCache]:
    loop = asyncio.get_running_loop()
    table, redis = FakeJobTable(), FakeProgressCache()
    now = lambda: NOW + timedelta(seconds=loop.time())  # noqa: E731 - a clock
    store = FailoverStore(table, GuardedCache(redis, now=now, random=lambda: 0.5))
    claimed = replace(a_record(1000, 1), percent=0.0, stage=Stage.DOWNLOADING)
    with logged_events():
        await store.write_if_unchanged(claimed, None)
        progress = PlayedProgress()
        reporter = Reporter(store, claimed, progress, now=now, random=lambda: 0.5, lease_seconds=60)
        tasks = [asyncio.create_task(store.run()), asyncio.create_task(reporter.run())]
        for stage, percent, pause, fault in told:
            _apply(fault, table, redis)
            progress.set(stage, percent)
            await asyncio.sleep(pause)
        _apply("well", table, redis)
        await reporter.end(Completed(()))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return table, redis


def _apply(fault: str, table: FakeJobTable, redis: FakeProgressCache) -> None:
    if fault == "well":
        table.works()
        redis.works()
    if fault in {"table", "both"}:
        table.breaks()
    if fault in {"redis", "both"}:
        redis.breaks()
    if fault == "hang":
        redis.hangs = True
