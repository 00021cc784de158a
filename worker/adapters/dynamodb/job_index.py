"""The index of the job table that lists jobs by their status: the newest first.

Its key is `status` and `status_at`, and it holds nothing but keys, so that no tick is written to it. Items without
`status_at` are not in it. The records are read from the table.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-general-sparse-indexes.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from worker.adapters.aws.client import DENIED, ErrorTable, translated
from worker.adapters.dynamodb.errors import errors_of
from worker.adapters.dynamodb.expressions import STATUS_AT, number
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, Status
from worker.ports import ListedJob, ListPosition, NoIndexError, NotAllowedError

INDEX = "jobs-by-status"

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_PAGE = 100
_BATCH_TRIES = 8
_BATCH_PAUSE_SECONDS = 0.1


class DynamoJobIndex:
    """A `JobIndex`."""

    def __init__(self, client: Any, table: str, *, now: Callable[[], datetime]) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._errors = errors_of(table)

    async def newest(
        self, status: Status, since: datetime | None, limit: int, *, after: ListPosition | None = None
    ) -> Sequence[ListedJob]:
        found: list[ListedJob] = []
        start = None if after is None else _key(status, after)
        async for keys in self._pages(status, since, min(limit, _PAGE), start):
            found += await self._read(keys, status)
            if len(found) >= limit:
                break
        return found[:limit]

    async def _pages(
        self, status: Status, since: datetime | None, page: int, start: Mapping[str, Any] | None
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        since_ms = 0 if since is None else _milliseconds(since)
        more: dict[str, Any] = {} if start is None else {"ExclusiveStartKey": start}
        while True:
            with translated("DynamoDB", {**self._errors, **_query_errors(self._table)}):
                answer = await self._client.query(
                    TableName=self._table,
                    IndexName=INDEX,
                    KeyConditionExpression="#status = :status AND #at >= :since",
                    ExpressionAttributeNames={"#status": "status", "#at": STATUS_AT},
                    ExpressionAttributeValues={":status": {"S": status.value}, ":since": number(since_ms)},
                    ScanIndexForward=False,
                    Limit=page,
                    **more,
                )
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    async def _read(self, keys: Sequence[Mapping[str, Any]], status: Status) -> list[ListedJob]:
        """The jobs of these keys that have not changed their status since, nor expired, in the order of the keys."""
        items = {item["job_id"]["S"]: item for item in await self._items([key["job_id"] for key in keys])}
        found = (items.get(key["job_id"]["S"]) for key in keys)
        jobs = (_listed(item, status, self._now()) for item in found if item is not None)
        return [job for job in jobs if job is not None]

    async def _items(self, job_ids: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        keys = [{"job_id": job_id} for job_id in job_ids]
        found: list[Mapping[str, Any]] = []
        for _ in range(_BATCH_TRIES):
            if not keys:
                return found
            with translated("DynamoDB", {**self._errors, **_denied("dynamodb:BatchGetItem")}):
                answer = await self._client.batch_get_item(RequestItems={self._table: {"Keys": keys}})
            found += answer["Responses"].get(self._table, ())
            keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if keys:
                await asyncio.sleep(_BATCH_PAUSE_SECONDS)
        raise DependencyUnavailableError("DynamoDB", "left records out of its answers: its capacity is used up")


def _key(status: Status, position: ListPosition) -> Mapping[str, Any]:
    """The key of a job in the index. A query can begin behind a key whose job has another status by then.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
    """
    at = number(_milliseconds(position.status_at))
    return {"job_id": {"S": position.job_id}, "status": {"S": status.value}, STATUS_AT: at}


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _listed(item: Mapping[str, Any], status: Status, now: datetime) -> ListedJob | None:
    """The job of an item; None where it has another status or has expired, or the item is no record."""
    with suppress(KeyError, TypeError, ValueError, OverflowError, OSError):
        if item["status"]["S"] == status.value and float(item["expires_at"]["N"]) > now.timestamp():
            status_at = datetime.fromtimestamp(int(item[STATUS_AT]["N"]) / 1000, UTC)
            return ListedJob(Record.from_json(item["record"]["S"]), status_at)
    return None


def _query_errors(table: str) -> ErrorTable:
    advice = "add it as docs/operations.md says"
    no_index = f"table {table} has no index {INDEX} that can be asked: {advice}"
    not_found = f"DynamoDB has no table {table} in this region, or the table has no index {INDEX}: {advice}"
    return {
        **_denied(f"dynamodb:Query on {table}/index/{INDEX}"),
        "ValidationException": lambda: NoIndexError(no_index),
        "ResourceNotFoundException": lambda: NoIndexError(not_found),
    }


def _denied(action: str) -> ErrorTable:
    return dict.fromkeys(DENIED, lambda: NotAllowedError(action))
