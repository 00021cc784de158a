"""The queue and DynamoDB of simulated workers, which report every change to the checker."""

from __future__ import annotations

from typing import Any

from tests.fakes.queue import FakeQueue
from tests.fakes.stores import FakeJobTable
from tests.simulation.queue.incidents import LEASE_SECONDS
from tests.simulation.queue.invariants import Checker
from worker.domain.claim import ClaimMark, JobMessage
from worker.domain.progress import Record, Version
from worker.ports import Conflict, Delivery, WriteResult, Written

POLL_SECONDS = 8.0


class QueueServer(FakeQueue):
    """SQS."""

    def __init__(self, checker: Checker, in_flight_limit: int | None) -> None:
        super().__init__(visibility_seconds=LEASE_SECONDS, wait_seconds=POLL_SECONDS, in_flight_limit=in_flight_limit)
        self._checker = checker

    def share_ids(self, other: QueueServer) -> None:
        """Let no two messages of both queues have the same id."""
        self._ids = other._ids

    async def _enter(self, call: str) -> None:
        self.calls[call] += 1  # the connection has suspended the caller already

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await super().change_visibility(delivery, seconds)
        self._checker.visibility_changed(delivery, seconds)

    def _deliver(self, message: Any, now: float) -> Delivery:
        delivery = super()._deliver(message, now)
        self._checker.outages.message_received(delivery.message_id)
        return delivery

    def _remove(self, delivery: Delivery, how: str) -> None:
        super()._remove(delivery, how)
        self._checker.message_deleted(delivery, how)


class JobTableServer(FakeJobTable):
    """DynamoDB."""

    def __init__(self, checker: Checker) -> None:
        super().__init__()
        self._checker = checker

    def _keep(self, record: Record) -> None:
        before = self.held.get(record.job_id)
        super()._keep(record)
        self._checker.record_kept(before, record)

    def put(self, record: Record) -> WriteResult:
        outcome = super().put(record)
        if outcome is not WriteResult.STALE:
            self._checker.confirmed(record)
        return outcome

    def put_claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        before = self.held_state(record.job_id)
        result = super().put_claim(record, seen, mark, message)
        if isinstance(result, Written):
            self._checker.confirmed(record)
            if before is not None and _counts_a_death(before.mark, mark):
                self._checker.counted_as_dead(record.job_id, str(before.record.worker))
        return result

    def put_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        result = super().put_if_unchanged(record, seen)
        if isinstance(result, Written):
            self._checker.confirmed(record)
        return result

    def put_cancel_request(self, job_id: str) -> bool:
        is_left = super().put_cancel_request(job_id)
        if is_left:
            self._checker.cancel_requested(job_id)
        return is_left


def _counts_a_death(before: ClaimMark | None, after: ClaimMark) -> bool:
    """Whether the newer claim says that the worker of the one before it died."""
    if before is None:
        return after.is_suspect
    return after.deaths_alone > before.deaths_alone or after.is_suspect > before.is_suspect
