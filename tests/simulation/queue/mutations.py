"""The worker, or its queue, with one rule left out: the simulation has to notice each within some hundred schedules.

They live here and not behind flags in the product. Each replaces the one place where its rule is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.queue.servers import QueueServer
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.work import Work
from worker.application.jobs.attempt import Attempt
from worker.application.jobs.cancellation import CancelWatch
from worker.application.jobs.delivery_handler import DeliveryHandler
from worker.application.jobs.job_claimer import JobClaimer
from worker.application.progress.reporter import Reporter
from worker.domain.claim import ClaimDecision, JobState, Start
from worker.domain.disposition import Ack, Disposition, Retry
from worker.domain.errors import JobError
from worker.domain.progress import Status, Version
from worker.ports import Delivery


@dataclass(frozen=True, slots=True)
class Mutation:
    """What stands in the place of what, and a word of the violation that has to follow."""

    where: type
    name: str
    instead: Any
    word: str


_handle, _requeue, _decide = DeliveryHandler.handle, Reporter.requeue, JobClaimer._decide
_hide, _send = QueueServer.hide, QueueServer.send


async def _nothing(_: object) -> None: ...


async def _delete_what_should_be_retried(self: DeliveryHandler, work: Work) -> Disposition:
    disposition = await _handle(self, work)
    return Ack() if isinstance(disposition, Retry) else disposition


async def _count_releases(self: Reporter, error: JobError | None, *, counted: bool = True) -> None:
    await _requeue(self, error, counted=True)


async def _count_no_retries(self: Reporter, error: JobError | None, *, counted: bool = True) -> None:
    await _requeue(self, error, counted=False)


def _start_unasked(self: JobClaimer, standing: JobState | None, fence: int) -> ClaimDecision:
    return _decide(self, standing and replace(standing, is_cancel_requested=False), fence)


def _start_what_was_cancelled(self: JobClaimer, standing: JobState | None, fence: int) -> ClaimDecision:
    if standing is not None and standing.record.status is Status.CANCELLED:
        return Start(standing.record.attempt + 1, Version(fence, 1))
    return _decide(self, standing, fence)


async def _let_the_group_go_on(self: QueueServer, delivery: Delivery, seconds: float) -> None:
    await _hide(self, delivery, seconds)
    message = self._messages[delivery.message_id]
    message.group_id = f"{message.group_id}, tried again"


def _send_to_no_group(self: QueueServer, body: str, *, group_id: str | None = None, **more: Any) -> str:
    return _send(self, body, group_id=group_id and f"{group_id} {len(self)}", **more)


MUTATIONS = {
    "no fence before the upload": Mutation(Attempt, "_hold_claim", _nothing, "no longer held it"),
    "no final record before the delete": Mutation(
        DeliveryHandler, "handle", _delete_what_should_be_retried, "is deleted"
    ),
    "releases count": Mutation(Reporter, "requeue", _count_releases, "counts all the same"),
    "retries do not count": Mutation(Reporter, "requeue", _count_no_retries, "does not count"),
    "receives beyond the free slots": Mutation(Consumer, "_free", property(lambda self: self._concurrency), "beside"),
    "nobody listens while a job runs": Mutation(CancelWatch, "_look", _nothing, "to be cancelled since"),
    "nobody looks before a job starts": Mutation(JobClaimer, "_decide", _start_unasked, "was to be cancelled when"),
    "a cancelled job is run again": Mutation(JobClaimer, "_decide", _start_what_was_cancelled, "was cancelled and is"),
    "the outputs of a cancelled job stay": Mutation(Attempt, "_retract", _nothing, "there are outputs of it"),
    "a group does not wait for a retry": Mutation(QueueServer, "hide", _let_the_group_go_on, "out of order"),
    "a group is no group": Mutation(QueueServer, "send", _send_to_no_group, "out of order"),
}
