"""Progress under schedules of faults: nothing goes back, nothing is lost, nothing hangs.

`make simulate` plays 100,000 schedules, as CI does (`SEEDS=...` for more). Here are a few of them, those that once
failed, and the proof that the simulation notices a missing rule.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest

from tests.simulation.core.runner import first_failure, known_first, simulate
from tests.simulation.core.simulation import Simulation
from tests.simulation.progress import drawing
from tests.simulation.progress.mutations import MUTATIONS, Mutation
from tests.simulation.progress.regressions import REGRESSIONS
from tests.simulation.progress.run import PROGRESS
from tests.simulation.progress.schedule import Schedule
from tests.simulation.progress.world import Parts, World

_SCHEDULES = 400  # the first of those that `make simulate` plays
_SEEDS_FOR_A_MUTATION = 3_000


def with_parts(parts: Parts) -> Simulation[Schedule]:
    """The simulation of a mutation."""
    return replace(PROGRESS, world=partial(World, parts=parts))


def first_noticed(mutation: Mutation) -> int | None:
    """The first seed whose schedule fails under the mutation."""
    return first_failure(with_parts(mutation.parts).fails, known_first(mutation.seed, _SEEDS_FOR_A_MUTATION))


def test_no_schedule_breaks_an_invariant() -> None:
    played, failure = simulate(PROGRESS, 0, _SCHEDULES, processes=os.cpu_count() or 1)

    assert failure is None, PROGRESS.explain(PROGRESS.generate(failure))
    assert played == _SCHEDULES


@pytest.mark.parametrize("finding", REGRESSIONS)
def test_a_schedule_that_once_failed_passes(finding: str) -> None:
    assert PROGRESS.play(REGRESSIONS[finding]) is None, PROGRESS.explain(REGRESSIONS[finding])


@pytest.mark.parametrize("rule", MUTATIONS)
def test_a_missing_rule_is_noticed(rule: str) -> None:
    assert first_noticed(MUTATIONS[rule]) is not None, f"{_SEEDS_FOR_A_MUTATION} schedules and it was not noticed"


def test_a_schedule_runs_the_same_way_each_time() -> None:
    mutation = MUTATIONS["no compare-and-set in Redis"]
    seed = first_noticed(mutation)
    assert seed is not None
    simulation = with_parts(mutation.parts)

    accounts = {simulation.explain(simulation.generate(seed)) for _ in range(3)}

    assert len(accounts) == 1


def test_a_failure_is_explained_by_its_smallest_schedule_and_its_history() -> None:
    mutation = MUTATIONS["no merge"]
    seed = first_noticed(mutation)
    assert seed is not None
    simulation = with_parts(mutation.parts)

    account = simulation.explain(simulation.generate(seed))

    assert account.startswith(f"seed {seed}, mode ")
    assert "what happened:" in account
    assert "\nviolated: I" in account
    assert eval(account.splitlines()[-1], vars(drawing)) == simulation.shrink(simulation.generate(seed))
