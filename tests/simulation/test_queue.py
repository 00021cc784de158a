"""Workers that share a queue, under schedules of faults: no job lost, none ended twice, none published by a loser.

`make simulate-queue` plays 50,000 schedules, as CI does (`SEEDS=...` for more). Here are a few of them, those that
once failed, and the proof that the simulation would notice.
"""

from __future__ import annotations

import pytest

from tests.simulation import queue_schedule
from tests.simulation.queue_chronicle import explain
from tests.simulation.queue_mutations import MUTATIONS, Mutation
from tests.simulation.queue_regressions import REGRESSIONS
from tests.simulation.queue_run import explain_seed, fails
from tests.simulation.queue_schedule import Schedule, Script, make_schedule
from tests.simulation.queue_world import World, play, run
from tests.simulation.report import shrunk
from tests.simulation.runner import first_failure

_SCHEDULES = 400
_SEEDS_FOR_A_MUTATION = 1_000


def test_no_schedule_breaks_an_invariant() -> None:
    failure = first_failure(fails, range(_SCHEDULES))

    assert failure is None, explain_seed(failure)


@pytest.mark.parametrize("finding", REGRESSIONS)
def test_what_once_failed_does_not_fail_again(finding: str) -> None:
    assert play(REGRESSIONS[finding]) is None, explain(REGRESSIONS[finding])


def test_a_group_that_is_held_up_keeps_its_order_and_holds_up_no_other() -> None:
    scripts = (
        Script(arrives_at=0.0, seconds=2.0, attempts=("hang", "stumble", "well"), group="a"),
        Script(arrives_at=1.0, seconds=2.0, group="a"),
        Script(arrives_at=2.0, seconds=2.0, group="b"),
    )
    world = World(Schedule(seed=0, workers=2, scripts=scripts, incidents=()))

    assert run(world) is None

    ended_at = {job_id: record.updated_at for job_id, record in world.table.held.items()}
    assert ended_at["job-2"] < ended_at["job-0"] < ended_at["job-1"]


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_leaving_out_a_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation.where, mutation.name, mutation.instead)

    assert first_failure(lambda seed: _is_noticed(mutation, seed), range(_SEEDS_FOR_A_MUTATION)) is not None


def _is_noticed(mutation: Mutation, seed: int) -> bool:
    return mutation.word in str(play(make_schedule(seed)))


def test_a_failure_is_explained_the_same_way_each_time_by_its_smallest_schedule_and_its_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutation = MUTATIONS["a cancelled job is run again"]
    monkeypatch.setattr(mutation.where, mutation.name, mutation.instead)
    seed = first_failure(fails, range(_SEEDS_FOR_A_MUTATION))
    assert seed is not None

    account = explain_seed(seed)

    assert account.startswith(f"seed {seed}, ")
    assert "what happened:" in account
    assert "\nviolated: at " in account
    smallest = shrunk(make_schedule(seed), lambda each: play(each) is not None)
    assert eval(account.splitlines()[-1], vars(queue_schedule)) == smallest
    assert explain_seed(seed) == account
