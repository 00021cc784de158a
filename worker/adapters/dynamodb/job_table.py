"""The job table in DynamoDB: one item a job, with its record and what is kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.adapters.aws.client import ClientLimits
from worker.adapters.dynamodb.budgets import Budgets, bounded_by, for_job, for_tick
from worker.adapters.dynamodb.errors import errors_of
from worker.adapters.dynamodb.expressions import (
    CANCEL,
    ConditionalUpdate,
    begins_run,
    if_absent,
    if_newer,
    if_unchanged,
    is_tick,
    new_status,
    number,
    record_attributes,
    with_claim,
    with_message,
)
from worker.adapters.dynamodb.items import expiry_in, state_of
from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.progress import Record, Status, Version
from worker.ports import Conflict, StoreUnavailableError, UnreadableRecordError, WriteResult, Written

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

# Longer than a message can come back: 14 days in a queue and 14 in its dead-letter queue. A record that expired
# earlier would let an old message start a finished job again.
RETENTION_DAYS = 35
LIMITS = ClientLimits(connect_seconds=0.5, read_seconds=5.0, attempts=1, connections=64)
_NO_JOB = "/probe"  # no job has this id

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_MAX_KEYS = 100


class DynamoJobTable:
    """A `JobTable`.

    The client's connections and attempts are bounded where it is made, each call here as a whole.
    One item a job, under the partition key `job_id`. An item that has expired counts as absent, because DynamoDB
    takes days to delete it.
    """

    name = "dynamodb"
    tick_seconds = 2.5

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        now: Callable[[], datetime],
        budgets: Budgets | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self.budgets = budgets or Budgets()
        self.errors = errors_of(table)

    @bounded_by(for_tick)
    async def write(self, record: Record) -> WriteResult:
        return await self._write(record)

    @bounded_by(for_job)
    async def commit(self, record: Record) -> WriteResult:
        return await self._write(record)

    @bounded_by(for_job)
    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        held = await self._update(record, with_claim(self._if_still(seen), mark, message))
        return Written() if held is None or held.is_claimed_by(mark.token) else Conflict(held)

    @bounded_by(for_job)
    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        return await self._written(record, with_message(self._if_still(None), message))

    @bounded_by(for_job)
    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        return await self._written(record, begins_run(seen))

    @bounded_by(for_job)
    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        return await self._written(record, self._if_still(seen))

    @bounded_by(for_tick)
    async def read(self, job_id: str) -> Record | None:
        state = await self._state(job_id)
        return None if state is None else state.record

    @bounded_by(for_job)
    async def state(self, job_id: str) -> JobState | None:
        return await self._state(job_id)

    @bounded_by(for_job)
    async def probe(self) -> None:
        """A write whose condition is never met, which takes the rights and the capacity of a write; then a read."""
        key: Any = {"job_id": {"S": _NO_JOB}}
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            await self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #status = :status",
                ConditionExpression="attribute_exists(job_id)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": _NO_JOB}},
            )
        await self._get(_NO_JOB)

    @bounded_by(for_job)
    async def request_cancel(self, job_id: str) -> bool:
        try:
            await self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}},
                UpdateExpression="SET #cancel = :now",
                ConditionExpression="#status = :running AND #expires > :now",
                ExpressionAttributeNames={"#cancel": CANCEL, "#status": "status", "#expires": "expires_at"},
                ExpressionAttributeValues={
                    ":now": number(self._epoch_seconds()),
                    ":running": {"S": Status.RUNNING.value},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    @bounded_by(for_tick)
    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        keys: list[Any] = [{"job_id": {"S": job_id}} for job_id in job_ids]
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(keys), _MAX_KEYS):
            answer = await self._client.batch_get_item(
                RequestItems={
                    self._table: {
                        "Keys": keys[start : start + _MAX_KEYS],
                        "ProjectionExpression": "job_id, #cancel",
                        "ExpressionAttributeNames": {"#cancel": CANCEL},
                    }
                }
            )
            found += answer["Responses"].get(self._table, ())  # unprocessed keys are asked for the next time
        return frozenset(item["job_id"]["S"] for item in found if CANCEL in item)

    def _if_still(self, seen: Version | None) -> ConditionalUpdate:
        return if_absent(self._epoch_seconds()) if seen is None else if_unchanged(seen)

    async def _write(self, record: Record) -> WriteResult:
        update = if_newer(record, self._epoch_seconds())
        try:
            held = await self._set(record, update if is_tick(record) else update.setting(new_status(record)))
        except UnreadableRecordError:  # this worker has not written it, so the job is no longer ours
            return WriteResult.STALE
        if held is None:
            return WriteResult.APPLIED
        return WriteResult.SAME if _is_own(held.record, record) else WriteResult.STALE

    async def _state(self, job_id: str) -> JobState | None:
        item = await self._get(job_id)
        if item is None or expiry_in(item) <= self._now().timestamp():
            return None
        return state_of(item)

    async def _written(self, record: Record, update: ConditionalUpdate) -> Written | Conflict:
        held = await self._update(record, update)
        # Records of jobs that do not run have no worker's name to compare, so the whole record is compared.
        return Written() if held is None or held.record.to_json() == record.to_json() else Conflict(held)

    async def _update(self, record: Record, update: ConditionalUpdate) -> JobState | None:
        return await self._set(record, update.setting(new_status(record)))

    async def _set(self, record: Record, update: ConditionalUpdate) -> JobState | None:
        """Write the item. Returns None if it was written, else what is held and did not meet the condition."""
        expires_at = self._epoch_seconds() + RETENTION_DAYS * 86_400
        try:
            await self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": record.job_id}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **update.setting(record_attributes(record, expires_at)).arguments(),
            )
        except self._client.exceptions.ConditionalCheckFailedException as exc:
            held: Any = exc.response.get("Item") or await self._get(record.job_id)
        else:
            return None
        if held is None:
            raise StoreUnavailableError("DynamoDB refused a write because of an item that is gone")
        return state_of(held)

    def _epoch_seconds(self) -> int:
        return int(self._now().timestamp())

    async def _get(self, job_id: str) -> Mapping[str, Any] | None:
        answer = await self._client.get_item(TableName=self._table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        return answer.get("Item")


def _is_own(held: Record, record: Record) -> bool:
    return (held.version, held.worker, held.status) == (record.version, record.worker, record.status)
