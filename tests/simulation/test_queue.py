"""Workers that share a queue, under schedules of faults: no job lost, none ended twice, none published by a loser.

`make simulate-queue SEEDS=...` plays as many as you like. Here is the part that every run of the tests can afford, and
the proof that the simulation would notice.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from tests.simulation.queue_run import first_failure, simulate
from tests.simulation.queue_schedule import make_schedule
from tests.simulation.queue_world import play
from worker.application.attempt import Attempt
from worker.application.consumer import Consumer
from worker.application.handler import Handler
from worker.application.lease import Lease
from worker.application.reporter import Reporter
from worker.domain.disposition import Ack, Disposition, Retry
from worker.domain.errors import JobError

_SCHEDULES = 50_000
_SECONDS = 50.0  # a slow machine plays fewer
_FEWEST = 300
_SEEDS_FOR_A_MUTATION = 500


@pytest.mark.timeout(180)
def test_no_schedule_breaks_an_invariant() -> None:
    played, failure = simulate(0, _SCHEDULES, processes=os.cpu_count() or 1, deadline=time.monotonic() + _SECONDS)

    assert failure is None, failure
    assert played >= _FEWEST


def test_a_schedule_runs_the_same_way_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempt, "_hold_claim", _do_not_ask)
    accounts = {first_failure(range(_SEEDS_FOR_A_MUTATION)) for _ in range(3)}

    assert len(accounts) == 1
    assert None not in accounts


# --- rules left out --------------------------------------------------------------------------------------------------


async def _do_not_ask(_: Attempt) -> None:
    """Publish without asking whether the job is still ours."""


_handle, _requeue = Handler.handle, Reporter.requeue


async def _delete_what_should_be_retried(self: Handler, lease: Lease) -> Disposition:
    disposition = await _handle(self, lease)
    return Ack() if isinstance(disposition, Retry) else disposition


async def _count_releases(self: Reporter, error: JobError | None, *, counted: bool = True) -> None:
    await _requeue(self, error, counted=True)


async def _count_no_retries(self: Reporter, error: JobError | None, *, counted: bool = True) -> None:
    await _requeue(self, error, counted=False)


MUTATIONS: dict[str, tuple[type, str, Any]] = {
    "no fence before the upload": (Attempt, "_hold_claim", _do_not_ask),
    "no final record before the delete": (Handler, "handle", _delete_what_should_be_retried),
    "releases count": (Reporter, "requeue", _count_releases),
    "retries do not count": (Reporter, "requeue", _count_no_retries),
    "receives beyond the free slots": (Consumer, "_free", property(lambda self: self._concurrency)),
}


@pytest.mark.parametrize("rule", MUTATIONS)
def test_leaving_out_a_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MUTATIONS[rule])

    assert first_failure(range(_SEEDS_FOR_A_MUTATION)) is not None


def test_a_failure_is_told_with_its_schedule_and_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempt, "_hold_claim", _do_not_ask)

    account = play(make_schedule(0)) or ""

    assert all(word in account for word in ("seed 0", "what happened:", "violated:"))
