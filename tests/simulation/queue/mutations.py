"""The worker, or its queue, with one rule left out: the simulation has to notice each within hundreds of schedules.

They live here and not behind flags in the product. Each replaces the one place where its rule is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import ModuleType
from typing import Any

from tests.simulation.queue.servers import QueueServer
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.dependencies import TableAccess
from worker.application.consuming.lease_renewer import LeaseRenewer
from worker.application.consuming.priorities import PriorityQueues
from worker.application.consuming.slots import Slots
from worker.application.consuming.spare_slots import SpareSlots
from worker.application.consuming.work import Work
from worker.application.jobs import job_runs
from worker.application.jobs.attempt import Attempt
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.claims import JobClaims
from worker.application.jobs.completion_events import CompletionEvents
from worker.application.jobs.conversion import Conversion
from worker.application.jobs.delivery_handler import DeliveryHandler
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_runner import JobRunner
from worker.application.jobs.sightings import Sightings
from worker.application.progress import reporter
from worker.application.progress.job_progress import JobProgress
from worker.domain import claim
from worker.domain.backoff import Backoff
from worker.domain.claim import ClaimDecision, ClaimMark, JobMessage, JobState, Start
from worker.domain.disposition import Ack, Disposition, Retry
from worker.domain.job import Job
from worker.domain.outcome import (
    Cancelled,
    Completed,
    Ending,
    Failed,
    Outcome,
    RecordedEnding,
    Released,
    Skipped,
    WillRetry,
    record_of,
)
from worker.domain.progress import Record, Status, Version, next_run
from worker.ports import Conflict, Delivery, Written


@dataclass(frozen=True, slots=True)
class Mutation:
    """`instead` replaces the attribute `name` of `where`; `word` is part of the violation that must follow.

    The schedule of `seed` has been seen to notice it.
    """

    seed: int
    where: type | ModuleType
    name: str
    instead: Any
    word: str


_handle, _decide = DeliveryHandler.handle, JobClaims.decide
_change_visibility, _send = QueueServer.change_visibility, QueueServer.send
_run = Conversion.run
_finish_attempt, _recorded = JobFinisher.finish_attempt, JobFinisher._recorded


async def _nothing(*_: object, **__: object) -> None: ...


async def _keep_outputs(*_: object) -> Cancelled:
    return Cancelled()


async def _delete_what_should_be_retried(self: DeliveryHandler, work: Work) -> Disposition:
    disposition = await _handle(self, work)
    return Ack() if isinstance(disposition, Retry) else disposition


def _count_releases(ending: RecordedEnding, record: Record, *more: Any) -> Record:
    queued = record_of(ending, record, *more)
    return replace(queued, attempt=record.attempt) if isinstance(ending, Released) else queued


def _count_no_retries(ending: RecordedEnding, *more: Any) -> Record:
    return record_of(Released() if isinstance(ending, WillRetry) else ending, *more)


def _start_unasked(self: JobClaims, state: JobState | None, *more: Any) -> ClaimDecision:
    return _decide(self, state and replace(state, is_cancel_requested=False), *more)


def _start_what_was_cancelled(self: JobClaims, state: JobState | None, fence: int, *more: Any) -> ClaimDecision:
    if state is not None and state.record.status is Status.CANCELLED:
        return Start(state.record.attempt + 1, Version(fence, 1))
    return _decide(self, state, fence, *more)


def _begin_a_run_for_anybody(
    self: JobClaims, state: JobState | None, fence: int, _rejected_run: int | None = None
) -> ClaimDecision:
    return _decide(self, state, fence, 1 if state is None else state.record.run)


def _keep_the_attempt(final: Record, now: datetime) -> Record:
    return replace(next_run(final, now), attempt=final.attempt)


async def _let_the_group_go_on(self: QueueServer, delivery: Delivery, seconds: float) -> None:
    await _change_visibility(self, delivery, seconds)
    message = self._messages[delivery.message_id]
    message.group_id = f"{message.group_id}, tried again"


@asynccontextmanager
async def _beside_others(self: Slots) -> AsyncIterator[None]:
    with self.beside_others():
        yield


def _blame_for_every_death(mark: ClaimMark | None, *, has_died: bool) -> tuple[bool, int]:
    return False, has_died + (0 if mark is None else mark.deaths_alone)


async def _claim_once(
    self: JobClaims, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None
) -> Written | Conflict:
    return await self._store.claim(record, seen, mark, message)


async def _publish_once(self: JobFinisher, ending: Ending, record: Record, **_: Any) -> Ending:
    if record.is_final:
        await self._events.publish(record)
    return ending


async def _skip_in_silence(_self: JobFinisher, _job: Job, record: Record, delivery: Delivery) -> Skipped:
    return Skipped(record, is_own=delivery.has_written(record.version))


async def _publish_first(self: JobFinisher, attempt: Attempt, outcome: Outcome, within_seconds: float | None) -> Any:
    if isinstance(outcome, Completed | Failed):
        await self._events.publish(record_of(outcome, attempt.claim.record, attempt.claim.record.version, self._now()))
    return await _recorded(self, attempt, outcome, within_seconds)


async def _forget_the_queue(self: PriorityQueues, priority: int, slots: int, *, is_long: bool) -> Sequence[Delivery]:
    return await self._queues[priority].receive(slots, is_long=is_long)


def _most_urgent_only(_self: PriorityQueues) -> Sequence[int]:
    return [0]


async def _finish_within_seconds(self: JobFinisher, attempt: Attempt, outcome: Outcome, **_: Any) -> Ending:
    return await _finish_attempt(
        self, attempt, outcome, within_seconds=None if isinstance(outcome, Completed) else 5.0
    )


def _no_longer(_self: JobClaims, delay_seconds: float, _delivery: Delivery) -> float:
    return delay_seconds


def _late_in_the_lease(self: LeaseRenewer, granted_at: float) -> float:
    return granted_at + self._lease_seconds * 0.8


def _by_their_dates(*_: object) -> float:
    return 0.0


def _send_to_no_group(self: QueueServer, body: str, *, group_id: str | None = None, **more: Any) -> str:
    return _send(self, body, group_id=group_id and f"{group_id} {len(self)}", **more)


async def _publish_and_ask(
    self: Conversion, job: Job, progress: JobProgress, *, before_upload: Callable[[], Awaitable[None]], claimed: Record
) -> Completed:
    completed = await _run(self, job, progress, before_upload=_nothing, claimed=claimed)
    await before_upload()
    return completed


def _call_nothing_back(self: SpareSlots, deliveries: int) -> None:
    self._in_hand = deliveries
    self._changed.set()


def _lend_beside_suspects(self: SpareSlots) -> int:
    return max(0, self.concurrency - self._in_hand - len(self._lent))


MUTATIONS = {
    "no fence before the upload": Mutation(0, JobRunner, "_confirm_claim", _nothing, "no longer held it"),
    "no final record before the delete": Mutation(
        2, DeliveryHandler, "handle", _delete_what_should_be_retried, "is deleted"
    ),
    "releases count": Mutation(132, reporter, "record_of", _count_releases, "counts all the same"),
    "retries do not count": Mutation(2, reporter, "record_of", _count_no_retries, "does not count"),
    "receives beyond the free slots": Mutation(
        82, Consumer, "_free", property(lambda self: self._concurrency), "beside"
    ),
    "nobody listens while a job runs": Mutation(30, CancelWatch, "_stop_requested", _nothing, "to be cancelled since"),
    "nobody looks before a job starts": Mutation(176, JobClaims, "decide", _start_unasked, "was to be cancelled when"),
    "a cancelled job is run again": Mutation(
        10, JobClaims, "decide", _start_what_was_cancelled, "was cancelled and is"
    ),
    "the outputs of a cancelled job stay": Mutation(
        29, JobFinisher, "_retract", _keep_outputs, "there are outputs of it"
    ),
    "a duplicate begins a run": Mutation(7, JobClaims, "decide", _begin_a_run_for_anybody, "nobody asked for run"),
    "attempts go on in the next run": Mutation(4, job_runs, "next_run", _keep_the_attempt, "with attempt"),
    "a group does not wait for a retry": Mutation(
        36, QueueServer, "change_visibility", _let_the_group_go_on, "out of order"
    ),
    "a suspect does not run alone": Mutation(8, Slots, "alone", _beside_others, "one of them is suspect"),
    "every death counts": Mutation(224, claim, "_suspicion", _blame_for_every_death, "deaths while it ran alone"),
    "nobody looks after a claim without an answer": Mutation(9, JobClaims, "_known", _claim_once, "that never was"),
    "claims that started nothing stay": Mutation(471, JobClaims, "_record_end", _nothing, "that never was"),
    "a table that is out pauses nothing": Mutation(63, TableAccess, "is_suspected", False, "cannot reach the table"),
    "a table that is out is asked all the time": Mutation(
        29, TableAccess, "backoff", Backoff(0.2, 1, 0.2), "too often"
    ),
    "no end waits for the table": Mutation(217, JobFinisher, "finish_attempt", _finish_within_seconds, "which lives"),
    "nothing is said of a lost run": Mutation(37, JobClaims, "give_back", _nothing, "which lives"),
    "a job that runs is asked for all the time": Mutation(
        195, JobClaims, "delay_while_it_runs", _no_longer, "more than 10"
    ),
    "all is settled on one queue": Mutation(4, PriorityQueues, "_receive", _forget_the_queue, "never settled"),
    "the less urgent queue is not reached": Mutation(4, PriorityQueues, "_order", _most_urgent_only, "never settled"),
    "no end is published": Mutation(0, CompletionEvents, "publish", _nothing, "unpublished"),
    "a message is deleted before its end is published": Mutation(
        71, JobFinisher, "_published", _publish_once, "unpublished"
    ),
    "what a dead worker left unpublished stays so": Mutation(10, JobFinisher, "skip", _skip_in_silence, "unpublished"),
    "an end is published before it is recorded": Mutation(
        0, JobFinisher, "_recorded", _publish_first, "before it is in the table"
    ),
    "leases are renewed late": Mutation(182, LeaseRenewer, "_next_turn", _late_in_the_lease, "for no reason"),
    "dead claims last by their dates": Mutation(388, Sightings, "unchanged_seconds", _by_their_dates, "s late"),
    "outputs are seen before the claim is confirmed": Mutation(
        21, Conversion, "run", _publish_and_ask, "can be seen before"
    ),
    "parts of a killed worker stay": Mutation(80, JobRunner, "_drop_unfinished", _nothing, "parts of an output"),
    "slots that are lent are not called back": Mutation(
        588, SpareSlots, "hold", _call_nothing_back, "not called back"
    ),
    "slots are lent beside a suspect": Mutation(
        318, SpareSlots, "spare", property(_lend_beside_suspects), "runs a suspect, and"
    ),
    "a group is no group": Mutation(5, QueueServer, "send", _send_to_no_group, "out of order"),
}
