"""The one place where a delivery is settled: at most once, and not at all after its lease is lost."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from worker import metrics
from worker.application.consuming.lease import Lease
from worker.application.consuming.producer import producer_of
from worker.application.consuming.reject_limit import RejectLimit
from worker.domain.backoff import Backoff
from worker.domain.disposition import Ack, Disposition, Forfeit, Reject, Release, Retry
from worker.domain.errors import DependencyUnavailableError, LeaseLostError
from worker.events import Event, emit
from worker.ports import Delivery, JobQueue, ReceiptExpiredError

_TRY_SECONDS = 10.0
_BACKOFF = Backoff(first_seconds=0.2, factor=2, cap_seconds=5, floor=0.5)
_HANDOVER_SECONDS = 60.0  # a delay ends this long before the twelve hours do


class Settlement:
    """Ends deliveries as their dispositions say, with retries for as long as the lease lasts.

    `until`, which the drain sets, is the loop time at which retries end as well. `counts` are settlements by the
    disposition's name.
    Each reject counts towards `reject_limit`.
    """

    def __init__(self, queue: JobQueue, reject_limit: RejectLimit, *, random: Callable[[], float]) -> None:
        self._queue = queue
        self._reject_limit = reject_limit
        self._random = random
        self.until = math.inf
        self.counts: Counter[str] = Counter()

    async def settle(self, lease: Lease, disposition: Disposition) -> None:
        """Settle the delivery, or say in the log why not. Raises nothing; a cancellation waits until it is done."""
        if isinstance(disposition, Reject):
            self._reject_limit.rejected()
        task = asyncio.create_task(self._settle(lease, disposition))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    async def _settle(self, lease: Lease, disposition: Disposition) -> None:
        if isinstance(disposition, Forfeit):
            self.counts[name_of(disposition)] += 1
            return
        message_id = lease.delivery.message_id
        if not lease.is_lost and asyncio.get_running_loop().time() >= lease.deadline:
            lease.lose(LeaseLostError("the lease ran out before the delivery was settled"))
        if lease.loss is not None:  # later than the handler could know
            emit(
                Event.LEASE_LOST,
                message_id=message_id,
                error=lease.loss.reason,
                disposition=name_of(disposition),
            )
            self.counts[name_of(Forfeit())] += 1
            return
        failure = await self._try_until_done(lease, disposition)
        if failure is None:
            self.counts[name_of(disposition)] += 1
        else:
            known = isinstance(failure, DependencyUnavailableError | ReceiptExpiredError | TimeoutError)
            emit(
                Event.MESSAGE_SETTLE_FAILED,
                message_id=message_id,
                disposition=name_of(disposition),
                error=str(failure) or "no answer in time",
                **({} if known else {"exception": failure}),
            )

    async def _try_until_done(self, lease: Lease, disposition: Disposition) -> Exception | None:
        """Carry out the disposition, with retries. Returns None when it is done, else the last failure."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            failures += 1
            until = min(lease.deadline, self.until)  # a stop may have come meanwhile
            try:
                async with asyncio.timeout(max(1.0, min(_TRY_SECONDS, until - loop.time()))):
                    await self._apply(lease, disposition)
            except (DependencyUnavailableError, TimeoutError) as exc:
                delay = _BACKOFF.delay(failures, self._random())
                if loop.time() + delay >= until:
                    return exc
                await asyncio.sleep(delay)
            except Exception as exc:  # noqa: BLE001 - a dead handle, or a bug: neither is better the second time
                return exc
            else:
                return None

    async def _apply(self, lease: Lease, disposition: Disposition) -> None:
        delivery = lease.delivery
        match disposition:
            case Ack():
                await self._queue.ack(delivery)
            case Retry(delay_seconds):
                rest = lease.in_flight_until - asyncio.get_running_loop().time() - _HANDOVER_SECONDS
                await self._queue.change_visibility(delivery, max(0.0, min(delay_seconds, rest)))
            case Release():
                await self._queue.change_visibility(delivery, 0)
            case Reject():
                await self._reject(delivery, disposition)
            case Forfeit():
                pass

    async def _reject(self, delivery: Delivery, rejection: Reject) -> None:
        is_kept = await self._queue.reject(delivery, rejection)
        metrics.MESSAGES_REJECTED.labels(code=rejection.error.code.value).inc()
        for each in (rejection, *rejection.refused_too):
            emit(Event.MESSAGE_REJECTED if is_kept else Event.MESSAGE_DISCARDED, **_of_rejection(each, delivery))


def _of_rejection(rejection: Reject, delivery: Delivery) -> dict[str, Any]:
    """The fields of the line about a rejection."""
    fields: dict[str, Any] = {
        "message_id": delivery.message_id,
        "error_code": rejection.error.code.value,
        "error": str(rejection.error),
        "receive_count": delivery.receive_count,
        **producer_of(delivery),
    }
    if rejection.job_id is not None:
        fields["job_id"] = rejection.job_id
    if rejection.attempt is None:
        fields["outcome"] = "refused"  # else the line about the job's end has it
    else:
        fields["attempt"] = rejection.attempt
    return fields


def name_of(disposition: Disposition) -> str:
    """The name of a disposition in logs and metrics: `ack`, `retry`, `reject`, `release` or `forfeit`."""
    return type(disposition).__name__.lower()
