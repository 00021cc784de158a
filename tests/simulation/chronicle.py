"""What happened in a run of the progress simulation, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.simulation.invariants import Checker, Floor, brief
from tests.simulation.report import account, shrunk
from tests.simulation.schedule import Schedule
from tests.simulation.world import Parts, World, play, run
from tests.support.lean_loop import LeanLoop
from worker.application.progress.reader import Reading
from worker.domain.progress import Record


def explain(schedule: Schedule, parts: Parts | None = None) -> str:
    """Why the schedule fails: what is left of it when all that does not matter is left out, and its history."""
    parts = parts or Parts()
    smallest = shrunk(schedule, lambda each: play(each, parts) is not None)
    world = World(smallest, replace(parts, checker=Chronicle))
    violation = run(world)
    lines = world.checker.lines if isinstance(world.checker, Chronicle) else []
    return account(smallest, lines, violation, keep_in="regressions.py")


class Chronicle(Checker):
    """Checks, and writes down what it is told."""

    def __init__(self, loop: LeanLoop) -> None:
        super().__init__(loop)
        self.lines: list[str] = []
        self._clock = loop
        self._began_at = loop.now

    def noted(self, text: str) -> None:
        self.lines.append(f"  {self._clock.now - self._began_at:7.3f}  {text}")

    def kept(self, store: str, before: Record | None, record: Record) -> None:
        self.noted(f"{store} takes {brief(record)}")
        super().kept(store, before, record)

    def redis_lost_writes(self, held: Mapping[str, Record]) -> None:
        self.noted(f"redis loses writes, and holds {', '.join(brief(each) for each in held.values()) or 'nothing'}")
        super().redis_lost_writes(held)

    def claim_acknowledged(self, record: Record) -> None:
        self.noted(f"{record.worker} has claimed {record.job_id}")
        super().claim_acknowledged(record)

    def acknowledged(self, record: Record, *, is_durable: bool, losses_before: int) -> None:
        self.noted(f"{record.worker} is told that {brief(record)} is kept")
        super().acknowledged(record, is_durable=is_durable, losses_before=losses_before)

    def published(self, job_id: str, fence: int) -> None:
        self.noted(f"outputs of {job_id} are published by {fence % 1000}")
        super().published(job_id, fence)

    def read(self, session: object, job_id: str, floor: Floor, reading: Reading, *, reached_table: bool) -> None:
        freshness = "fresh" if reading.fresh else "not fresh"
        self.noted(f"{session} sees {brief(reading.record)}, {freshness}")
        super().read(session, job_id, floor, reading, reached_table=reached_table)
