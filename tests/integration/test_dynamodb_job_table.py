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
from worker.domain.progress import Record, Version
from worker.ports import UnreadableRecordError, WriteResult, Written


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
    ("damage", "attribute"),
    [
        ("REMOVE expires_at", "expires_at"),
        ("SET expires_at = :text", "expires_at"),
        ("SET deaths_alone = :text", "deaths_alone"),
        ("REMOVE is_suspect", "is_suspect"),
        ("REMOVE #record", "record"),
        ("SET #record = :text", "record"),
        ("SET #record = :of_another_job", "record"),
        ("SET fence = :text", "fence"),
        ("SET seq = seq + :one", "seq"),
        ("SET message = :one", "message"),
    ],
)
async def test_a_damaged_item_is_an_unreadable_record_with_the_attribute_named(
    dynamodb_client: Any, table: str, damage: str, attribute: str
) -> None:
    job_table = DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC), budgets=Budgets(20, 20))
    record = a_record()
    await job_table.claim(record, None, ClaimMark("first"))
    await damage_item(dynamodb_client, table, record, damage)

    for call in (job_table.state, job_table.read):
        with pytest.raises(UnreadableRecordError, match=rf"unreadable record in DynamoDB: attribute {attribute}$"):
            await call(record.job_id)


async def test_a_damaged_item_refuses_claims_and_has_the_writes_of_its_worker_end(
    dynamodb_client: Any, table: str
) -> None:
    job_table = DynamoJobTable(dynamodb_client, table, now=lambda: datetime.now(UTC), budgets=Budgets(20, 20))
    record = a_record()
    await job_table.claim(record, None, ClaimMark("first"))
    await damage_item(dynamodb_client, table, record, "SET fence = fence + :one")

    with pytest.raises(UnreadableRecordError) as refused:
        await job_table.claim(replace(record, version=Version(2000, 1)), None, ClaimMark("second"))
    assert refused.value.is_refusal  # nothing is in doubt
    for write in (job_table.write, job_table.commit):
        assert await write(replace(record, version=Version(record.version.fence, 2))) is WriteResult.STALE


async def damage_item(client: Any, table: str, record: Record, damage: str) -> None:
    values = {
        ":text": {"S": "soon"},
        ":one": {"N": "1"},
        ":of_another_job": {"S": replace(record, job_id="another").to_json()},
    }
    used = {name: value for name, value in values.items() if name in damage}
    await client.update_item(
        TableName=table,
        Key={"job_id": {"S": record.job_id}},
        UpdateExpression=damage,
        **({"ExpressionAttributeNames": {"#record": "record"}} if "#record" in damage else {}),
        **({"ExpressionAttributeValues": used} if used else {}),
    )
