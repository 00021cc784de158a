"""Progress stores in memory, which can fail, hang, lose acknowledgements and forget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import suppress

from worker.domain.claim import ClaimMark, JobMessage, JobState
from worker.domain.progress import Record, Status, Version
from worker.ports import Conflict, StoreUnavailableError, WriteResult, Written


class FakeStore:
    """Keeps records as the real stores do.

    `failure` is raised by each call while it is set. While `hangs`, a call waits until it is cancelled or the store
    answers again. `acks_lost` is the number of writes to apply and then fail.
    """

    def __init__(self) -> None:
        self.held: dict[str, Record] = {}
        self.writes: list[Record] = []  # that were applied, in their order
        self.calls = 0
        self.failure: StoreUnavailableError | None = None
        self.acks_lost = 0
        self._answers = asyncio.Event()
        self._answers.set()

    @property
    def hangs(self) -> bool:
        return not self._answers.is_set()

    @hangs.setter
    def hangs(self, hangs: bool) -> None:
        if hangs:
            self._answers.clear()
        else:
            self._answers.set()

    def breaks(self, reason: str = "connection refused") -> None:
        self.failure = StoreUnavailableError(reason)

    def works(self) -> None:
        self.failure = None
        self.hangs = False

    async def write(self, record: Record) -> WriteResult:
        await self._meet_fault()
        return self.put(record)

    def put(self, record: Record) -> WriteResult:
        """The compare-and-set itself, for callers that have faults of their own."""
        held = self.held.get(record.job_id)
        if held is not None and held.version == record.version and self._is_by_same_writer(held, record):
            return WriteResult.SAME
        if held is not None and not self._may_replace(held, record):
            return WriteResult.STALE
        self._keep(record)
        return WriteResult.APPLIED

    async def read(self, job_id: str) -> Record | None:
        await self._meet_fault()
        return self.held.get(job_id)

    def _keep(self, record: Record) -> None:
        self.held[record.job_id] = record
        self.writes.append(record)
        if self.acks_lost > 0:
            self.acks_lost -= 1
            raise StoreUnavailableError("acknowledgement lost")

    @staticmethod
    def _is_by_same_writer(_held: Record, _record: Record) -> bool:
        return True

    def _may_replace(self, held: Record, record: Record) -> bool:
        """A final record gives way to the next run of its job alone, and that of a completed job to nothing."""
        if held.is_final:
            is_next_run = record.run > held.run and record.version.fence > held.version.fence
            return held.status is not Status.COMPLETED and is_next_run
        return record.version > held.version

    async def _meet_fault(self) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        await self._answers.wait()
        if self.failure is not None:
            raise StoreUnavailableError(self.failure.reason, self.failure.severity, is_refusal=self.failure.is_refusal)


class FakeJobTable(FakeStore):
    """A `JobTable` with DynamoDB's rules.

    Like the real one's, calls end within a budget: `tick_seconds` for what nothing waits for, else `job_seconds`.
    """

    name = "dynamodb"
    tick_seconds = 2.5

    def __init__(self, *, tick_budget_seconds: float = 0.6, job_budget_seconds: float = 5.0) -> None:
        super().__init__()
        self.cancel_requested: set[str] = set()
        self.marks: dict[str, ClaimMark] = {}
        self.messages: dict[str, JobMessage | None] = {}
        self._tick_budget_seconds = tick_budget_seconds
        self._job_budget_seconds = job_budget_seconds

    async def commit(self, record: Record) -> WriteResult:
        await self._meet_fault_of_job()
        return self.put(record)

    async def probe(self) -> None:
        await self._meet_fault()

    async def state(self, job_id: str) -> JobState | None:
        await self._meet_fault_of_job()
        return self.held_state(job_id)

    def held_state(self, job_id: str) -> JobState | None:
        """The read itself, for callers that have faults of their own."""
        record = self.held.get(job_id)
        if record is None:
            return None
        is_cancel_requested = job_id in self.cancel_requested
        return JobState(record, self.marks.get(job_id), is_cancel_requested, self.messages.get(job_id))

    async def request_cancel(self, job_id: str) -> bool:
        await self._meet_fault_of_job()
        return self.put_cancel_request(job_id)

    def put_cancel_request(self, job_id: str) -> bool:
        """The conditional write itself."""
        held = self.held.get(job_id)
        if held is None or held.status is not Status.RUNNING:
            return False
        self.cancel_requested.add(job_id)
        return True

    async def cancel_requests(self, job_ids: Collection[str]) -> frozenset[str]:
        await self._meet_fault()
        return frozenset(self.cancel_requested.intersection(job_ids))

    async def claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        await self._meet_fault_of_job()
        return self.put_claim(record, seen, mark, message)

    def put_claim(
        self, record: Record, seen: Version | None, mark: ClaimMark, message: JobMessage | None = None
    ) -> Written | Conflict:
        """The conditional write itself."""
        state = self.held_state(record.job_id)
        if state is not None and state.is_claimed_by(mark.token):
            return Written()
        if (None if state is None else state.record.version) != seen:
            return self._conflict(record.job_id)
        self.marks[record.job_id] = mark
        self.messages[record.job_id] = message
        self._keep(record)
        return Written()

    async def submit(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        await self._meet_fault_of_job()
        return self.put_submission(record, message)

    def put_submission(self, record: Record, message: JobMessage | None) -> Written | Conflict:
        """The conditional write itself."""
        if self.held_state(record.job_id) is None:
            self.messages[record.job_id] = message
        return self.put_if_unchanged(record, None)

    async def begin_run(self, record: Record, seen: Version) -> Written | Conflict:
        await self._meet_fault_of_job()
        return self.put_next_run(record, seen)

    def put_next_run(self, record: Record, seen: Version) -> Written | Conflict:
        """The conditional write itself."""
        before = self.held_state(record.job_id)
        if before is not None and before.record.version == seen:
            begun = before.in_next_run(record)
            self.cancel_requested.discard(record.job_id)
            if begun.mark is not None:
                self.marks[record.job_id] = begun.mark
        return self.put_if_unchanged(record, seen)

    async def write_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        await self._meet_fault_of_job()
        return self.put_if_unchanged(record, seen)

    def put_if_unchanged(self, record: Record, seen: Version | None) -> Written | Conflict:
        """The conditional write itself."""
        held = self.held.get(record.job_id)
        if held is not None and held.to_json() == record.to_json():
            return Written()
        if (None if held is None else held.version) != seen:
            return self._conflict(record.job_id)
        self._keep(record)
        return Written()

    def _conflict(self, job_id: str) -> Conflict:
        if (state := self.held_state(job_id)) is None:
            raise StoreUnavailableError("the table refused a write because of an item that is gone")
        return Conflict(state)

    @staticmethod
    def _is_by_same_writer(held: Record, record: Record) -> bool:
        return (held.worker, held.status) == (record.worker, record.status)

    def _may_replace(self, held: Record, record: Record) -> bool:
        same_fence = held.version.fence == record.version.fence
        return super()._may_replace(held, record) and (not same_fence or held.worker == record.worker)

    async def _meet_fault(self) -> None:
        await self._meet_fault_within(self._tick_budget_seconds)

    async def _meet_fault_of_job(self) -> None:
        await self._meet_fault_within(self._job_budget_seconds)

    async def _meet_fault_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await super()._meet_fault()
        except TimeoutError as exc:
            raise StoreUnavailableError("DynamoDB did not answer in time") from exc


class FakeProgressCache(FakeStore):
    """A `ProgressCache`. It hangs for as long as its caller lets it: the budget is the caller's."""

    name = "redis"
    endpoint = "redis:6379"
    tick_seconds = 0.25

    def __init__(self) -> None:
        super().__init__()
        self.probes = 0
        self.resets = 0
        self._watchers: dict[str, set[asyncio.Queue[Record | None]]] = {}

    async def probe(self) -> None:
        self.probes += 1
        try:
            async with asyncio.timeout(0.5):
                await self._meet_fault()
        except TimeoutError as exc:
            raise StoreUnavailableError("command timeout") from exc

    async def reset(self) -> None:
        self.resets += 1
        await asyncio.sleep(0)

    async def subscribe(self, job_id: str) -> AsyncGenerator[Record, None]:
        with suppress(StoreUnavailableError):
            await self._meet_fault()
            records: asyncio.Queue[Record | None] = asyncio.Queue()
            watchers = self._watchers.setdefault(job_id, set())
            watchers.add(records)
            try:
                while (record := await records.get()) is not None:
                    yield record
            finally:
                watchers.discard(records)

    def cut_watchers(self) -> None:
        """Close the connections of all who watch."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.put_nowait(None)

    def _keep(self, record: Record) -> None:
        for watcher in self._watchers.get(record.job_id, ()):
            watcher.put_nowait(record)
        super()._keep(record)
