"""The two stores' servers, which report every change to the checker."""

from __future__ import annotations

from tests.fakes.stores import FakeJobTable, FakeProgressCache
from tests.simulation.progress.invariants import Checker
from tests.support.lean_loop import LeanLoop
from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.progress import Record, Version
from worker.ports import Conflict, WriteResult, Written


class RedisServer(FakeProgressCache):
    """The state of Redis, and a log by which it can lose its last writes."""

    def __init__(self, loop: LeanLoop, checker: Checker) -> None:
        super().__init__()
        self._loop = loop
        self._checker = checker
        self._log: list[tuple[float, str, Record | None]] = []  # when, and what was held before

    def put(self, record: Record) -> WriteResult:
        before = self.held.get(record.job_id)
        outcome = super().put(record)
        if outcome is WriteResult.APPLIED:
            self._log.append((self._loop.now, record.job_id, before))
            self._checker.kept("redis", before, record)
        return outcome

    def fail_over(self, lost_seconds: float) -> None:
        since = self._loop.now - lost_seconds
        while self._log and self._log[-1][0] >= since:
            _, job_id, before = self._log.pop()
            if before is None:
                self.held.pop(job_id, None)
            else:
                self.held[job_id] = before
        self.cut_watchers()
        self._checker.redis_lost_writes(self.held)


class JobTableServer(FakeJobTable):
    """The state of DynamoDB, which loses nothing."""

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def put(self, record: Record) -> WriteResult:
        before = self.held.get(record.job_id)
        outcome = super().put(record)
        if outcome is WriteResult.APPLIED:
            self._checker.kept("table", before, record)
        return outcome

    def put_claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        before = self.held.get(record.job_id)
        result = super().put_claim(record, seen, mark, message)
        if before is not record and self.held.get(record.job_id) is record:
            self._checker.claim_kept(before, record)
        return result

    def put_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        before = self.held.get(record.job_id)
        result = super().put_if_unchanged(record, seen)
        if before is not record and self.held.get(record.job_id) is record:
            self._checker.claim_kept(before, record)
        return result
