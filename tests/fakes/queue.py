"""A queue in memory with the guarantees of SQS and no others, on the clock of the loop that it runs in."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from tests.support.deliveries import SENT_AT_MS
from tests.support.waiting import Waiters
from worker.domain.disposition import Reject
from worker.domain.errors import WorkerError
from worker.ports import MAX_IN_FLIGHT_SECONDS, Delivery, ReceiptExpiredError


class Faults:
    """What may go wrong with a call, by its name, such as `receive` or `change_visibility`. Here: nothing."""

    async def before(self, call: str) -> None:
        """Called when the request is made. What it raises happens instead of the call."""

    async def after(self, call: str) -> None:
        """Called when the call is done. What it raises is all that the caller sees of it."""

    def entry(self, call: str, delivery: Delivery) -> WorkerError | None:
        """The failure of one entry of a batch, which is then not done; None: it is done."""

    def is_duplicated(self, delivery: Delivery) -> bool:
        """Whether the message is delivered once more although this delivery holds it."""
        return False


class Hang(Enum):
    """A fault that lasts for ever."""

    FOREVER = "forever"


Fault = Exception | Hang | None


class ScriptedFaults(Faults):
    """Faults in the order in which they were written down for a call, and then none."""

    def __init__(self) -> None:
        self._requests: dict[str, deque[Fault]] = defaultdict(deque)
        self._responses: dict[str, deque[Fault]] = defaultdict(deque)
        self._entries: dict[str, deque[WorkerError | None]] = defaultdict(deque)

    def requests(self, call: str, *faults: Fault) -> None:
        self._requests[call].extend(faults)

    def responses(self, call: str, *faults: Fault) -> None:
        self._responses[call].extend(faults)

    def entries(self, call: str, *faults: WorkerError | None) -> None:
        self._entries[call].extend(faults)

    async def before(self, call: str) -> None:
        await _happen(self._requests[call])

    async def after(self, call: str) -> None:
        await _happen(self._responses[call])

    def entry(self, call: str, delivery: Delivery) -> WorkerError | None:
        return self._entries[call].popleft() if self._entries[call] else None


async def _happen(faults: deque[Fault]) -> None:
    match faults.popleft() if faults else None:
        case Exception() as error:
            raise error
        case Hang():
            await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue; `rejection` is None where the redrive policy moved it."""

    message_id: str
    body: str
    rejection: Reject | None
    group_id: str | None = None
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class _Message:
    message_id: str
    body: str
    sent_at_ms: int
    group_id: str | None
    attributes: Mapping[str, str]
    visible_at: float
    rejected_run: int | None = None
    receive_count: int = 0
    received_at: float = 0.0
    first_received_at_ms: int | None = None
    receipt_handle: str = ""


@dataclass(slots=True)
class FakeQueue:
    """A standard queue, or, for messages with a group id, a FIFO queue.

    Stricter than SQS may be: a receipt handle is dead as soon as its lease has lapsed or a newer delivery was made.
    """

    visibility_seconds: float = 60
    wait_seconds: float = 5
    has_dead_letter_queue: bool = True
    max_receive_count: int | None = None
    retention_seconds: float | None = None
    in_flight_limit: int | None = None  # when it is reached, SQS answers with nothing, at once
    faults: Faults = field(default_factory=Faults)
    calls: Counter[str] = field(default_factory=Counter)
    settled: list[tuple[str, str]] = field(default_factory=list)  # what was done, and to which message
    dead_letters: list[DeadLetter] = field(default_factory=list)
    _messages: dict[str, _Message] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _waiters: Waiters = field(default_factory=Waiters)

    # --- the producer's side -------------------------------------------------------------------------------------

    def send(self, body: str, *, group_id: str | None = None, attributes: Mapping[str, str] | None = None) -> str:
        """Put a message on the queue, and return its id."""
        now = asyncio.get_running_loop().time()
        message_id = f"message-{next(self._ids)}"
        sent_at_ms = SENT_AT_MS + int(now * 1000)
        self._messages[message_id] = _Message(message_id, body, sent_at_ms, group_id, attributes or {}, now)
        self._waiters.wake_all()
        return message_id

    def send_back(self, letter: DeadLetter) -> str:
        """Put a message on the queue that has been rejected, as a redrive does; it stays where it was, too."""
        message_id = self.send(letter.body, group_id=letter.group_id)
        self._messages[message_id].rejected_run = None if letter.rejection is None else letter.rejection.run
        return message_id

    def deliver_again(self, message_id: str) -> None:
        """Let the message be seen although a delivery holds it, as a standard queue may."""
        self._messages[message_id].visible_at = asyncio.get_running_loop().time()
        self._waiters.wake_all()

    def visible_in(self, message_id: str) -> float | None:
        """Seconds until the message can be received; None where it is gone."""
        message = self._messages.get(message_id)
        return None if message is None else max(0.0, message.visible_at - asyncio.get_running_loop().time())

    def __len__(self) -> int:
        """Messages on the queue, in flight or not."""
        return len(self._messages)

    # --- JobQueue ------------------------------------------------------------------------------------------------

    async def receive(self, slots: int, *, is_long: bool = True) -> Sequence[Delivery]:
        await self._enter("receive")
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.wait_seconds if is_long else 0.0)
        while not (deliveries := self._take(min(slots, 10))) and loop.time() < until and not self._is_full():
            await self._wait_for_change(until)
        await self.faults.after("receive")
        return deliveries

    async def depth(self) -> int:
        await self._enter("depth")
        return sum(self.visible_in(message_id) == 0 for message_id in self._messages)

    async def extend(self, deliveries: Sequence[Delivery], seconds: float) -> Sequence[WorkerError | None]:
        await self._enter("extend")
        results = [self.faults.entry("extend", each) or self._put_off(each, seconds) for each in deliveries]
        await self.faults.after("extend")
        return results

    async def ack(self, delivery: Delivery) -> None:
        await self._enter("ack")
        if delivery.message_id in self._messages:  # deleting twice succeeds, as with SQS
            self._held(delivery)
            self._remove(delivery, "ack")
        await self.faults.after("ack")

    async def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        await self._enter("change_visibility")
        if failure := self._put_off(delivery, seconds):
            raise failure
        self.settled.append(("change_visibility", delivery.message_id))
        self._waiters.wake_all()
        await self.faults.after("change_visibility")

    async def reject(self, delivery: Delivery, rejection: Reject) -> bool:
        await self._enter("reject")
        self._held(delivery)
        if self.has_dead_letter_queue:
            self.dead_letters.append(DeadLetter(delivery.message_id, delivery.body, rejection, delivery.group_id))
        self._remove(delivery, "reject")
        await self.faults.after("reject")
        return self.has_dead_letter_queue

    # --- what SQS does -------------------------------------------------------------------------------------------

    async def _enter(self, call: str) -> None:
        await asyncio.sleep(0)
        self.calls[call] += 1
        await self.faults.before(call)

    def _is_full(self) -> bool:
        if self.in_flight_limit is None:
            return False
        now = asyncio.get_running_loop().time()
        return sum(message.visible_at > now for message in self._messages.values()) >= self.in_flight_limit

    def _take(self, slots: int) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        self._redrive(now)
        taken: list[Delivery] = []
        held_groups = set()
        for message in self._messages.values():
            if len(taken) == slots or self._is_full():
                break
            if message.visible_at > now:
                held_groups.add(message.group_id)
            elif message.group_id is None or message.group_id not in held_groups:
                taken.append(self._deliver(message, now))
                held_groups.add(message.group_id)
        return taken

    def _redrive(self, now: float) -> None:
        if (limit := self.max_receive_count) is None:
            return
        for message in [m for m in self._messages.values() if m.visible_at <= now and m.receive_count >= limit]:
            self.dead_letters.append(DeadLetter(message.message_id, message.body, None, message.group_id))
            del self._messages[message.message_id]

    def _deliver(self, message: _Message, now: float) -> Delivery:
        message.receive_count += 1
        message.receipt_handle = f"{message.message_id}#{message.receive_count}"
        message.received_at = now
        if message.first_received_at_ms is None:
            message.first_received_at_ms = SENT_AT_MS + int(now * 1000)
        message.visible_at = now + self.visibility_seconds
        delivery = Delivery(
            message_id=message.message_id,
            receipt_handle=message.receipt_handle,
            body=message.body,
            sent_at_ms=message.sent_at_ms,
            receive_count=message.receive_count,
            received_at=now,
            group_id=message.group_id,
            expires_at_ms=self._expires_at_ms(message),
            first_received_at_ms=message.first_received_at_ms,
            attributes=message.attributes,
            rejected_run=message.rejected_run,
        )
        if self.faults.is_duplicated(delivery):
            message.visible_at = now
        return delivery

    def _expires_at_ms(self, message: _Message) -> int | None:
        return None if self.retention_seconds is None else message.sent_at_ms + round(self.retention_seconds * 1000)

    async def _wait_for_change(self, until: float) -> None:
        """Wait until a message may have become visible: one was sent or given back, or a lease has run out."""
        await self._waiters.wait(self._next_lapse(until))

    def _next_lapse(self, until: float) -> float:
        """When the next message becomes visible by itself, but not after `until`."""
        now = asyncio.get_running_loop().time()
        lapses = [message.visible_at for message in self._messages.values() if message.visible_at > now]
        return min([until, *lapses])

    def _held(self, delivery: Delivery) -> _Message:
        """The message, if the delivery still holds it. Raises ReceiptExpiredError."""
        message = self._messages.get(delivery.message_id)
        if message is None or message.receipt_handle != delivery.receipt_handle:
            raise ReceiptExpiredError("the receipt handle is not valid")
        if message.visible_at <= asyncio.get_running_loop().time():
            raise ReceiptExpiredError("the receipt handle has expired")
        return message

    def _put_off(self, delivery: Delivery, seconds: float) -> WorkerError | None:
        now = asyncio.get_running_loop().time()
        try:
            message = self._held(delivery)
        except ReceiptExpiredError as error:
            return error
        if now + seconds > message.received_at + MAX_IN_FLIGHT_SECONDS:
            return ReceiptExpiredError("the total visibility timeout is beyond the limit")
        message.visible_at = now + seconds
        return None

    def _remove(self, delivery: Delivery, how: str) -> None:
        del self._messages[delivery.message_id]
        self.settled.append((how, delivery.message_id))
        self._waiters.wake_all()  # a group may go on
