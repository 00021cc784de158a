"""Deliveries for tests, with a default for each field."""

from __future__ import annotations

from collections.abc import Mapping

from worker.ports import Delivery

SENT_AT_MS = 1_795_000_000_000


def a_delivery(
    message_id: str = "message-1",
    *,
    body: str = "{}",
    receipt_handle: str | None = None,
    receive_count: int = 1,
    received_at: float = 0.0,
    sent_at_ms: int = SENT_AT_MS,
    group_id: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Delivery:
    """A delivery that came from no queue."""
    return Delivery(
        message_id=message_id,
        receipt_handle=receipt_handle or f"{message_id}#{receive_count}",
        body=body,
        sent_at_ms=sent_at_ms,
        receive_count=receive_count,
        received_at=received_at,
        group_id=group_id,
        attributes=attributes or {},
    )
