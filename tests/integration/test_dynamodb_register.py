"""What is kept beside a record goes with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.records import a_record
from worker.adapters.dynamodb import RETENTION_DAYS, DynamoLedger
from worker.domain.claim import Standing


async def test_a_job_of_an_id_that_has_expired_begins_without_a_past(
    dynamodb_client: Any, unique: Callable[[str], str]
) -> None:
    table = unique("table")
    await dynamodb_client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    now = datetime.now(UTC)
    ledger = DynamoLedger(dynamodb_client, table, now=lambda: now, budget_seconds=20)
    old, new = a_record(1000, 1), a_record(2000, 1)
    await ledger.claim(old, None)
    await ledger.request_cancel(old.job_id)
    now += timedelta(days=RETENTION_DAYS + 1)

    assert await ledger.look(old.job_id) is None
    assert not await ledger.request_cancel(old.job_id)
    assert await ledger.claim(new, None)
    assert await ledger.look(new.job_id) == Standing(new, crashes=1, is_cancel_requested=False)
