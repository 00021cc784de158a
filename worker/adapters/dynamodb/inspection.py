"""A table's schema, for the doctor and for a worker that starts."""

from __future__ import annotations

from typing import Any

from worker.adapters.aws.client import DENIED, translated
from worker.domain.errors import DependencyUnavailableError
from worker.ports import DependencyMissingError, NotAllowedError, TableFacts


async def inspect_table(client: Any, table: str) -> TableFacts:
    """Raises DependencyMissingError, NotAllowedError or DependencyUnavailableError."""
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
