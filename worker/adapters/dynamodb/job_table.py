"""The job table in DynamoDB: one item a job, with its record and what is kept beside it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from worker.adapters.aws.client import ClientLimits, translated
from worker.adapters.dynamodb.errors import MisconfiguredError, errors_of
from worker.adapters.dynamodb.expressions import (
    CANCEL_NAMES,
    ConditionalUpdate,
    if_absent,
    if_newer,
    if_unchanged,
    mark_in,
    number,
    record_values,
)
from worker.domain.circuit import Severity
from worker.domain.claim import ClaimMark, JobState
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import Record, Status, Version
from worker.ports import Conflict, StoreUnavailableError, WriteResult, Written

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

P = ParamSpec("P")
T = TypeVar("T")

# Longer than a message can come back: 14 days in a queue and 14 in its dead-letter queue. A record that expired
# earlier would let an old message start a finished job again.
RETENTION_DAYS = 35
LIMITS = ClientLimits(connect_seconds=0.5, read_seconds=2.0, attempts=1, connections=64)
_RETRY_SECONDS = 0.05
_NO_JOB = "/probe"  # no job has this id

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
_MAX_KEYS = 100


_TICK_SECONDS = 0.6
_JOB_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Budgets:
    """How long a call may take, in seconds, with its second try.

    `tick_seconds` is for what nothing waits for: with the 0.3 s of the cache before it, a write of progress stays
    below one second. `job_seconds` is for what a job or a command waits for; it is well inside a lease.
    """

    tick_seconds: float = _TICK_SECONDS
    job_seconds: float = _JOB_SECONDS

    @classmethod
    def within(cls, lease_seconds: float) -> Budgets:
        """The budgets of a worker with such leases."""
        return cls(job_seconds=min(_JOB_SECONDS, lease_seconds / 3))


def _for_tick(budgets: Budgets) -> float:
    return budgets.tick_seconds


def _for_job(budgets: Budgets) -> float:
    return budgets.job_seconds


def _bounded(
    seconds_of: Callable[[Budgets], float],
) -> Callable[
    [Callable[Concatenate[DynamoJobTable, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[DynamoJobTable, P], Coroutine[Any, Any, T]],
]:
    """Bound one call, try it a second time if it fails, and raise StoreUnavailableError for what the SDK raises.

    The SDK's own retry is off: it sleeps for up to a second, longer than a tick's budget. A second try is safe,
    because the first may have got through and every write is conditional.
    """

    def bound(
        call: Callable[Concatenate[DynamoJobTable, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[DynamoJobTable, P], Coroutine[Any, Any, T]]:
        @functools.wraps(call)
        async def bounded(self: DynamoJobTable, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                async with asyncio.timeout(seconds_of(self.budgets)):
                    try:
                        with translated("DynamoDB", self.errors):
                            return await call(self, *args, **kwargs)
                    except DependencyUnavailableError:
                        await asyncio.sleep(_RETRY_SECONDS)
                    with translated("DynamoDB", self.errors):
                        return await call(self, *args, **kwargs)
            except TimeoutError as exc:
                raise StoreUnavailableError("DynamoDB did not answer in time") from exc
            except MisconfiguredError as exc:
                raise StoreUnavailableError(str(exc), Severity.HARD) from exc
            except DependencyUnavailableError as exc:
                raise StoreUnavailableError(str(exc)) from exc

        return bounded

    return bound


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
        retention_days: float = RETENTION_DAYS,
        budgets: Budgets | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._retention_seconds = round(retention_days * 86400)
        self.budgets = budgets or Budgets()
        self.errors = errors_of(table)

    @_bounded(_for_tick)
    async def write(self, record: Record) -> WriteResult:
        return await self._write(record)

    @_bounded(_for_job)
    async def commit(self, record: Record) -> WriteResult:
        return await self._write(record)

    @_bounded(_for_job)
    async def claim(self, record: Record, seen: Version | None, mark: ClaimMark) -> Written | Conflict:
        update = if_absent(self._epoch_seconds(), mark) if seen is None else if_unchanged(seen, mark)
        held = await self._update(record, update)
        return Written() if held is None or held.is_claimed_by(mark.token) else Conflict(held)

    @_bounded(_for_job)
    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        update = if_absent(self._epoch_seconds()) if seen is None else if_unchanged(seen)
        held = await self._update(record, update)
        # No worker's name tells two records of jobs that do not run apart, so the whole record is compared.
        return Written() if held is None or held.record.to_json() == record.to_json() else Conflict(held)

    @_bounded(_for_tick)
    async def read(self, job_id: str) -> Record | None:
        state = await self._state(job_id)
        return None if state is None else state.record

    @_bounded(_for_job)
    async def state(self, job_id: str) -> JobState | None:
        return await self._state(job_id)

    @_bounded(_for_job)
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

    @_bounded(_for_job)
    async def request_cancel(self, job_id: str) -> bool:
        try:
            await self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}},
                UpdateExpression="SET #cancel = :now",
                ConditionExpression="#status = :running AND #expires > :now",
                ExpressionAttributeNames=CANCEL_NAMES | {"#status": "status", "#expires": "expires_at"},
                ExpressionAttributeValues={
                    ":now": number(self._epoch_seconds()),
                    ":running": {"S": Status.RUNNING.value},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    @_bounded(_for_tick)
    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        keys: list[Any] = [{"job_id": {"S": job_id}} for job_id in job_ids]
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(keys), _MAX_KEYS):
            answer = await self._client.batch_get_item(
                RequestItems={
                    self._table: {
                        "Keys": keys[start : start + _MAX_KEYS],
                        "ProjectionExpression": "job_id, #cancel",
                        "ExpressionAttributeNames": CANCEL_NAMES,
                    }
                }
            )
            found += answer["Responses"].get(self._table, ())  # unprocessed keys are asked for the next time
        return frozenset(item["job_id"]["S"] for item in found if "cancel_requested_at" in item)

    async def _write(self, record: Record) -> WriteResult:
        held = await self._update(record, if_newer(record, self._epoch_seconds()))
        if held is None:
            return WriteResult.APPLIED
        return WriteResult.SAME if _is_own(held.record, record) else WriteResult.STALE

    async def _state(self, job_id: str) -> JobState | None:
        item = await self._get(job_id)
        if item is None or _number_in(item, "expires_at") <= self._now().timestamp():
            return None
        return _state_of(item)

    async def _update(self, record: Record, update: ConditionalUpdate) -> JobState | None:
        """None if the item was set; else what is held and did not meet the condition."""
        expires_at = self._epoch_seconds() + self._retention_seconds
        try:
            await self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": record.job_id}},
                UpdateExpression=update.update,
                ConditionExpression=update.condition,
                ExpressionAttributeNames=update.names,
                ExpressionAttributeValues={**update.values, **record_values(record, expires_at)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as exc:
            held: Any = exc.response.get("Item") or await self._get(record.job_id)
        else:
            return None
        if held is None:
            raise StoreUnavailableError("record vanished")
        return _state_of(held)

    def _epoch_seconds(self) -> int:
        return int(self._now().timestamp())

    async def _get(self, job_id: str) -> Mapping[str, Any] | None:
        answer = await self._client.get_item(TableName=self._table, Key={"job_id": {"S": job_id}}, ConsistentRead=True)
        return answer.get("Item")


def _is_own(held: Record, record: Record) -> bool:
    return (held.version, held.worker, held.status) == (record.version, record.worker, record.status)


def _number_in(item: Mapping[str, Any], name: str) -> float:
    with _readable():
        return float(item[name]["N"])


def _state_of(item: Mapping[str, Any]) -> JobState:
    with _readable():
        record = Record.from_json(item["record"]["S"])
        return JobState(record, mark_in(item), is_cancel_requested="cancel_requested_at" in item)


@contextmanager
def _readable() -> Iterator[None]:
    """Raises StoreUnavailableError for an item that somebody else wrote or damaged: its job waits meanwhile."""
    try:
        yield
    except (KeyError, ValueError) as exc:
        raise StoreUnavailableError("unreadable record in DynamoDB") from exc
