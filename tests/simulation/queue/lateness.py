"""How late a job may end, after the last fault is over and the last job is there."""

from __future__ import annotations

from tests.simulation.queue.incidents import ClockJump
from tests.simulation.queue.schedule import Schedule, Script

# A lease, a stall, a hung poll and a back-off. For a job whose group has attempts that go wrong: four of them, which
# may stall or die, and the delays between them (5, 20 and 80 s at most).
_PROMPT_SECONDS = 100.0
_TROUBLED_SECONDS = 350.0
# The table answers again: the call that hangs is given up after a third of a lease, and the next one is answered.
WITHDRAW_SECONDS = 6.5
# A clock that is wrong stays so: each of three workers has seen the claim of a dead one, up to 900 s apart, and one of
# them has seen it unchanged.
_UNCHANGED_SECONDS = 2_000.0


class Lateness:
    """Judges when jobs end. Times are in seconds after the beginning of the run."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._put_off_until: dict[str, float] = {}  # by job: what a fault had its message put off to

    def put_off(self, job_id: str, at: float, seconds: float) -> None:
        """The job's message is put off, by a fault if one may still last."""
        doubt_seconds = _UNCHANGED_SECONDS if self._schedule.has(ClockJump) else WITHDRAW_SECONDS
        if at <= self._schedule.calm_at + doubt_seconds:
            self._put_off_until[job_id] = max(at + seconds, self._put_off_until.get(job_id, 0.0))

    def problem_with(self, job_id: str, ended_at: float) -> str | None:
        """How late the job has ended; None where it has ended in time."""
        group = self._waits_for(job_id)
        may_begin_at = max(self._schedule.calm_at, *(self._put_off_until.get(name, 0.0) for name in group))
        late = ended_at - may_begin_at - sum(each.seconds for each in group.values())
        is_well = all(each.goes_well for each in group.values())
        longest = _PROMPT_SECONDS if is_well else _TROUBLED_SECONDS * len(group)
        return f"{job_id} ended {late:.0f} s late" if late > longest else None

    def _waits_for(self, job_id: str) -> dict[str, Script]:
        """The job, and those that may have to end before it is received."""
        scripts = {f"job-{number}": script for number, script in enumerate(self._schedule.scripts)}
        if self._schedule.in_flight_limit is not None:  # messages that are hidden count as in flight
            return scripts
        group = scripts[job_id].group
        if group is None:
            return {job_id: scripts[job_id]}
        return {name: each for name, each in scripts.items() if each.group == group}
