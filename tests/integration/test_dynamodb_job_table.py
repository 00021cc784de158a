"""What is kept beside a record goes with it, and without it a record cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.records import a_record
from worker.adapters.dynamodb.budgets import Budgets
from worker.adapters.dynamodb.job_table import RETENTION_DAYS, DynamoJobTable
from worker.domain.claim import ClaimMark, JobState
from worker.domain.progress import Version
from worker.ports import StoreUnavailableError, Written


async def test_a_job_of_an_id_that_has_expired_begins_without_a_past(dynamodb_client: Any, table: str) -> None:
    now = datetime.now(UTC)
    job_table = DynamoJobTable(dynamodb_client, table, now=lambda: now, budgets=Budgets(20, 20))
    old, new = a_record(1000, 1), a_record(2000, 1)
    await job_table.claim(old, None, ClaimMark("old", is_suspect=True, deaths_alone=2))
    await job_table.request_cancel(old.job_id)
    now += timedelta(days=RETENTION_DAYS + 1)

    assert await job_table.state(old.job_id) is None
    assert not await job_table.request_cancel(old.job_id)
    assert await job_table.write_if_unchanged(new, None) == Written()
    assert await job_table.state(new.job_id) == JobState(new, None, is_cancel_requested=False)
    now += timedelta(days=RETENTION_DAYS + 1)
    await job_table.claim(replace(new, version=Version(3000, 1)), None, ClaimMark("new"))
    state = await job_table.state(new.job_id)
    assert state is not None
    assert state.mark == ClaimMark("new")


@pytest.mark.parametrize(
    "damage",
    [
        "REMOVE expires_at",
        "SET expires_at = :text",
        "SET deaths_alone = :text",
        "REMOVE is_suspect",
        "REMOVE #record",
        "SET #record = :text",
    ],
)
async def test_a_damaged_item_is_an_unreadable_record(dynamodb_client: Any, table: str, damage: str) -> None:
    job_table = DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC), budgets=Budgets(20, 20))
    record = a_record()
    await job_table.claim(record, None, ClaimMark("first"))
    arguments: dict[str, Any] = {"ExpressionAttributeNames": {"#record": "record"}} if "#record" in damage else {}
    if ":text" in damage:
        arguments["ExpressionAttributeValues"] = {":text": {"S": "soon"}}
    await dynamodb_client.update_item(
        TableName=table, Key={"job_id": {"S": record.job_id}}, UpdateExpression=damage, **arguments
    )

    for call in (job_table.state, job_table.read):
        with pytest.raises(StoreUnavailableError, match="unreadable record in DynamoDB"):
            await call(record.job_id)
