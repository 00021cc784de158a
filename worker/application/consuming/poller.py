"""Receives that never raise, never hang and never spin: the poll loop lives as long as the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from worker import metrics
from worker.application.consuming.credentials_check import CredentialsCheck
from worker.application.consuming.pause import Pause, PauseReason, Pauses
from worker.domain.backoff import Backoff
from worker.domain.streak import FailureStreak
from worker.events import Event, emit
from worker.ports import Delivery, JobQueue
from worker.waiting import wait_for_event

# Past this a receive is given up: on a half-open connection it would never end. Other consumers of SQS have stopped
# for good and without a word (celery/celery#5072).
_OVERTIME_SECONDS = 10.0
_BACKOFF = Backoff(first_seconds=0.4, factor=2, cap_seconds=15, floor=0.5)
# SQS answers at once and with nothing when too many messages are in flight:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_EMPTY_BACKOFF = Backoff(first_seconds=0.05, factor=2, cap_seconds=2, floor=0.5)


class Poller:
    """One long poll after the other, each within a hard deadline; failures are logged once a streak and backed off.

    `poll_seconds` is the length of the queue's long poll. Nothing is received while one of the `pauses` goes on, nor
    before the `credentials` are there. The first poll is short, and repeated until the queue has answered one.
    """

    def __init__(
        self,
        queue: JobQueue,
        pauses: Pauses,
        credentials: CredentialsCheck,
        *,
        poll_seconds: float,
        random: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._pauses = pauses
        self._credentials = credentials
        self._poll_seconds = poll_seconds
        self._random = random
        self._stopping = asyncio.Event()
        self._streak = FailureStreak()
        self._empty_at_once = 0
        self._is_polling = False
        self._last_turn = 0.0
        self._empty_since: float | None = None
        self._clock: Callable[[], float] = lambda: 0.0  # the loop's, once there is one
        self.youngest_sent_at_ms: int | None = None  # of the messages that have come so far (epoch)
        self.begun = asyncio.Event()  # set when the queue has answered for the first time

    @property
    def failures(self) -> int:
        """Receives that failed since the last one that did not."""
        return self._streak.failures

    @property
    def age_seconds(self) -> float:
        """Seconds since a receive began or was answered; 0 while none is due: no slot is free, or a pause is on."""
        return self._clock() - self._last_turn if self._is_polling else 0.0

    @property
    def empty_since(self) -> float | None:
        """The loop time since which every receive was answered with nothing; None where the last one was not."""
        return self._empty_since

    @property
    def pause(self) -> Pause | None:
        """What keeps messages from being received now; None where nothing does. For any thread."""
        if self._credentials.is_waiting:
            return Pause(PauseReason.CREDENTIALS, "there are no AWS credentials")
        return self._pauses.current

    def stop(self) -> None:
        """Receive nothing more. Ends a pause or a back-off, not a long poll that is open."""
        self._stopping.set()

    async def watch_dependencies(self) -> None:
        """Pause while no slot is free, too. Ends after `stop`, or is cancelled then."""
        await self.begun.wait()
        await self._pauses.watch(self._stopping)

    async def receive(self, slots: int) -> Sequence[Delivery]:
        """Wait until no pause goes on, and return what a long poll brings: nothing, after a back-off, if it fails."""
        await self._credentials.wait(self._stopping)
        await self._pauses.wait_while_paused(self._stopping)
        if self._stopping.is_set():
            return ()
        self._clock = asyncio.get_running_loop().time
        began = self._clock()
        if began - self._last_turn > self._poll_seconds:
            self._empty_since = None  # in a pause nobody asked
        self._last_turn = began
        self._is_polling = True
        try:
            async with asyncio.timeout(self._poll_seconds + _OVERTIME_SECONDS):
                deliveries = await self._queue.receive(slots, is_long=self.begun.is_set())
        except Exception as exc:  # noqa: BLE001 - the poll loop never ends by an error
            self._last_turn = self._clock()
            self._empty_since = None
            await self._failed(exc, began)
            return ()
        else:
            self._last_turn = self._clock()
            self.begun.set()
            metrics.MESSAGES_RECEIVED.inc(len(deliveries))
            sent_at = [delivery.sent_at_ms for delivery in deliveries]
            self.youngest_sent_at_ms = max([self.youngest_sent_at_ms or 0, *sent_at]) or None
            self._empty_since = None if deliveries else self._empty_since or began
            self._succeeded()
            await self._pace(is_empty=not deliveries, took_seconds=self._last_turn - began)
            return deliveries
        finally:
            self._is_polling = False

    async def _failed(self, error: Exception, began: float) -> None:
        metrics.POLL_FAILURES.inc()
        if self._streak.add(began):
            text = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            emit(Event.POLL_FAILED, error=text)
        await self._back_off(_BACKOFF.delay(self._streak.failures, self._random()))

    def _succeeded(self) -> None:
        if self._streak.failures:
            outage = self._clock() - self._streak.began_at
            emit(Event.POLL_RECOVERED, outage_seconds=round(outage, 3), failures=self._streak.failures)
        self._streak.end()

    async def _pace(self, *, is_empty: bool, took_seconds: float) -> None:
        if not is_empty or took_seconds >= self._poll_seconds / 2:
            self._empty_at_once = 0
            return
        self._empty_at_once += 1
        await self._back_off(_EMPTY_BACKOFF.delay(self._empty_at_once, self._random()))

    async def _back_off(self, seconds: float) -> None:
        await wait_for_event(self._stopping, seconds)
