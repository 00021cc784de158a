"""Real stores under real faults; what readers saw is checked afterwards by the simulation's invariants.

`make history MINUTES=...` runs longer.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.history.recorder import History
from tests.history.run import make_history
from tests.simulation.core.checker import ViolationError
from tests.simulation.progress.invariants import LONGEST_CALL_SECONDS
from tests.support.budgets import in_time
from tests.support.records import a_record
from worker.application.progress.guarded_cache import Mode
from worker.application.progress.reader import Reading

_SECONDS = 8.0


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["failover", "durable"])
async def test_no_reader_sees_older_progress_while_redis_fails_again_and_again(
    dynamodb_client: Any, table: str, mode: Mode
) -> None:
    outcome = await make_history(dynamodb_client, table, seconds=_SECONDS, seed=1, mode=mode)

    counts = outcome.history.counts()
    assert min(counts["acknowledged"], counts["read_ends"], counts["shown"], outcome.outages) > 0, outcome
    expected = outcome.outages if mode == "failover" else 0
    assert outcome.failed_over == outcome.failed_back == expected, outcome
    longest = max(outcome.history.longest.values())
    with in_time():
        assert longest <= LONGEST_CALL_SECONDS + outcome.worst_lag_seconds, outcome


def test_a_history_in_which_a_reader_saw_less_than_was_acknowledged_is_a_violation() -> None:
    history = History()
    claim, tick = a_record(1000, 1), a_record(1000, 2)
    for what, record in (("claim_asked", claim), ("claim_acknowledged", claim)):
        history.note(1.0, what, record)
    history.note(2.0, "acknowledged", tick, False, 0)
    number = history.read_begins(3.0, tick.job_id)
    history.note(4.0, "read_ends", number, "r0", tick.job_id, Reading(claim, fresh=True), True)

    with pytest.raises(ViolationError, match="I6: r0 saw"):
        history.check()
