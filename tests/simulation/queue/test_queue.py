"""Workers that share a queue, under faults: no job is lost, ends twice, or is published by a worker that lost it.

`make simulate-queue` plays 50,000 schedules, as CI does (`SEEDS=...` for more). Here are a few of them, those that
once failed, and the proof that the simulation notices a missing rule.
"""

from __future__ import annotations

import pytest

from tests.simulation.core.runner import first_failure, known_first
from tests.simulation.queue import incidents, link_faults, schedule
from tests.simulation.queue.invariants import Checker
from tests.simulation.queue.mutations import MUTATIONS, Mutation
from tests.simulation.queue.regressions import REGRESSIONS
from tests.simulation.queue.run import QUEUE
from tests.simulation.queue.schedule import Schedule, Script
from tests.simulation.queue.world import World

_SCHEDULES = 200
_SEEDS_FOR_A_MUTATION = 1_000


def test_no_schedule_breaks_an_invariant() -> None:
    failure = first_failure(QUEUE.fails, range(_SCHEDULES))

    assert failure is None, QUEUE.explain(QUEUE.generate(failure))


@pytest.mark.parametrize("finding", REGRESSIONS)
def test_a_schedule_that_once_failed_passes(finding: str) -> None:
    assert QUEUE.play(REGRESSIONS[finding]) is None, QUEUE.explain(REGRESSIONS[finding])


def test_a_group_that_waits_for_a_retry_keeps_its_order_and_delays_no_other_group() -> None:
    scripts = (
        Script(arrives_at=0.0, seconds=2.0, attempts=("hang", "stumble", "well"), group="a"),
        Script(arrives_at=1.0, seconds=2.0, group="a"),
        Script(arrives_at=2.0, seconds=2.0, group="b"),
    )
    world = World(Schedule(seed=0, workers=2, scripts=scripts, incidents=()), Checker)

    assert world.run() is None

    ended_at = {job_id: record.updated_at for job_id, record in world.table.held.items()}
    assert ended_at["job-2"] < ended_at["job-0"] < ended_at["job-1"]


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_missing_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation.where, mutation.name, mutation.instead)

    seeds = known_first(mutation.seed, _SEEDS_FOR_A_MUTATION)
    assert first_failure(lambda seed: _is_noticed(mutation, seed), seeds) is not None


def _is_noticed(mutation: Mutation, seed: int) -> bool:
    return mutation.word in str(QUEUE.play(QUEUE.generate(seed)))


def test_a_failure_is_explained_the_same_way_each_time_by_its_smallest_schedule_and_its_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutation = MUTATIONS["a cancelled job is run again"]
    monkeypatch.setattr(mutation.where, mutation.name, mutation.instead)
    seed = first_failure(QUEUE.fails, known_first(mutation.seed, _SEEDS_FOR_A_MUTATION))
    assert seed is not None

    account = QUEUE.explain(QUEUE.generate(seed))

    assert account.startswith(f"seed {seed}, ")
    assert "what happened:" in account
    assert "\nviolated: job-" in account
    smallest = QUEUE.shrink(QUEUE.generate(seed))
    assert eval(account.splitlines()[-1], {**vars(link_faults), **vars(incidents), **vars(schedule)}) == smallest
    assert QUEUE.explain(QUEUE.generate(seed)) == account
