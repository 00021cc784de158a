"""A table's schema, and what the worker's role may do with its items."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from worker.adapters.aws.client import DENIED, translated
from worker.adapters.aws.rights import TrialCall, denied_actions
from worker.domain.errors import DependencyUnavailableError
from worker.ports import DependencyMissingError, NotAllowedError, TableFacts


async def inspect_table(client: Any, table: str) -> TableFacts:
    """The schema of the table. Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
    errors = dict.fromkeys(DENIED, lambda: NotAllowedError("dynamodb:DescribeTable")) | {
        "ResourceNotFoundException": lambda: DependencyMissingError(f"table {table}")
    }
    with translated("DynamoDB", errors):
        description = (await client.describe_table(TableName=table))["Table"]
    types = {item["AttributeName"]: item["AttributeType"] for item in description["AttributeDefinitions"]}
    keys = {key["KeyType"]: (key["AttributeName"], types[key["AttributeName"]]) for key in description["KeySchema"]}
    try:
        expiry, is_known = await _expiry(client, table), True
    except (NotAllowedError, DependencyUnavailableError):
        expiry, is_known = None, False
    return TableFacts(description["TableStatus"], keys["HASH"], keys.get("RANGE"), expiry, is_known)


async def _expiry(client: Any, table: str) -> str | None:
    errors = dict.fromkeys(DENIED, lambda: NotAllowedError("dynamodb:DescribeTimeToLive"))
    with translated("DynamoDB", errors):
        response = await client.describe_time_to_live(TableName=table)
    expiry = response["TimeToLiveDescription"]
    is_on = expiry["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}
    return str(expiry["AttributeName"]) if is_on else None


async def denied_table_actions(client: Any, table: str) -> Sequence[str]:
    """The actions on items that the role may not do. Raises DependencyMissingError, DependencyUnavailableError."""
    key = {"job_id": {"S": "worker-doctor"}}
    update = partial(
        client.update_item,
        TableName=table,
        Key=key,
        UpdateExpression="SET #status = :status",
        ConditionExpression="attribute_exists(job_id) AND attribute_not_exists(job_id)",  # never true
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": "queued"}},
    )
    attempts = [
        TrialCall("dynamodb:GetItem", partial(client.get_item, TableName=table, Key=key, ConsistentRead=True)),
        TrialCall("dynamodb:BatchGetItem", partial(client.batch_get_item, RequestItems={table: {"Keys": [key]}})),
        TrialCall("dynamodb:UpdateItem", update),
    ]
    missing = {"ResourceNotFoundException": lambda: DependencyMissingError(f"table {table}")}
    return await denied_actions("DynamoDB", attempts, missing)
