"""What happened in a run of the queue simulation, line by line."""

from __future__ import annotations

from tests.simulation.queue_checker import Checker
from tests.simulation.queue_schedule import Schedule
from tests.simulation.queue_world import World, play, run
from tests.simulation.report import account, shrunk
from tests.support.lean_loop import LeanLoop
from worker.domain.progress import Record
from worker.ports import Delivery


def explain(schedule: Schedule) -> str:
    """Why the schedule fails: what is left of it when all that does not matter is left out, and its history."""
    smallest = shrunk(schedule, lambda each: play(each) is not None)
    world = World(smallest, Chronicle)
    violation = run(world)
    lines = world.checker.lines if isinstance(world.checker, Chronicle) else []
    return account(smallest, lines, violation, keep_in="queue_regressions.py")


class Chronicle(Checker):
    """Checks, and writes down what it is told."""

    def __init__(self, loop: LeanLoop, schedule: Schedule) -> None:
        super().__init__(loop, schedule)
        self.lines: list[str] = []
        self._is_over = False

    def noted(self, text: str) -> None:
        if not self._is_over:
            self.lines.append(f"{self._now:9.2f}  {text}")

    def violated(self, what: str) -> None:
        super().violated(what)
        self._is_over = True

    def record_kept(self, before: Record | None, record: Record) -> None:
        about = f"{record.job_id} {record.status} attempt {record.attempt} {record.version} {record.worker}"
        self.noted(f"table: {about}")
        super().record_kept(before, record)

    def cancel_requested(self, job_id: str) -> None:
        self.noted(f"table: {job_id} is to be cancelled")
        super().cancel_requested(job_id)

    def message_sent(self, message_id: str, job_id: str | None, group: str | None) -> None:
        self.noted(f"queue: {message_id} is {job_id} of group {group}")
        super().message_sent(message_id, job_id, group)

    def message_deleted(self, delivery: Delivery, how: str) -> None:
        self.noted(f"queue: {delivery.message_id} {how}")
        super().message_deleted(delivery, how)
