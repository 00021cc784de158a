"""The lease on a message: which delivery owns it, until when, and whether it has been lost."""

from __future__ import annotations

from worker.domain.errors import LeaseLostError
from worker.ports import MAX_IN_FLIGHT_SECONDS, Delivery


class Lease:
    """The ownership of a delivery while it is handled.

    `deadline` is the loop time at which the queue may hand the message to another worker, counted from before the
    call that granted it.
    """

    def __init__(self, delivery: Delivery, *, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._delivery = delivery
        self._deadline = delivery.received_at + lease_seconds
        self._loss: LeaseLostError | None = None
        self._is_active = True

    @property
    def delivery(self) -> Delivery:
        """The newest delivery of the message: only its receipt handle is sure to work."""
        return self._delivery

    @property
    def deadline(self) -> float:
        return self._deadline

    @property
    def in_flight_until(self) -> float:
        """The loop time at which the queue's twelve hours end. No renewal and no delay reaches beyond it."""
        return self._delivery.received_at + MAX_IN_FLIGHT_SECONDS

    @property
    def is_lost(self) -> bool:
        """True once another worker may have the message: nothing may be settled, written or published."""
        return self._loss is not None

    @property
    def loss(self) -> LeaseLostError | None:
        """Why the lease was lost; None while it is ours."""
        return self._loss

    def lose(self, loss: LeaseLostError) -> None:
        """Give the delivery up for good. The first reason counts."""
        self._loss = self._loss or loss

    def adopt(self, newer: Delivery) -> bool:
        """Go on under another delivery of the same message, which came here while the job runs.

        False where the lease has ended: the delivery then needs a settlement of its own.
        """
        if not self._is_active or self.is_lost:
            return False
        current = self._delivery
        if (newer.receive_count, newer.received_at) > (current.receive_count, current.received_at):
            self._delivery = newer
            self.extended(newer.received_at + self._lease_seconds)
        return True

    def extended(self, deadline: float) -> None:
        """The queue granted the time up to `deadline`."""
        self._deadline = max(self._deadline, deadline)

    def end(self) -> None:
        """Handling is over and the settlement begins: nothing is adopted any more."""
        self._is_active = False
