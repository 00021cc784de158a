"""Combines single requests into batch calls of up to ten entries, which is the most that SQS accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from worker.domain.errors import WorkerError
from worker.ports import MAX_BATCH_ENTRIES

E = TypeVar("E")


class Batcher(Generic[E]):
    """Sends the waiting entries when there are ten, or `linger_seconds` after the first.

    `call` returns one result for each entry, in their order, or raises for all of them.
    """

    def __init__(
        self, call: Callable[[Sequence[E]], Awaitable[Sequence[WorkerError | None]]], *, linger_seconds: float
    ) -> None:
        self._call = call
        self._linger_seconds = linger_seconds
        self._waiting: list[tuple[E, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def do(self, entry: E) -> None:
        """Send the entry in a batch with others. Cancelled, it may still be sent.

        Raises the error of this entry, or what `call` raises for the whole batch.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((entry, done))
        if len(self._waiting) == MAX_BATCH_ENTRIES:
            self._send()
        elif self._timer is None:
            self._timer = loop.call_later(self._linger_seconds, self._send)
        await done

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        call = asyncio.get_running_loop().create_task(self._run(batch), name="queue batch")
        self._calls.add(call)  # asyncio itself keeps only a weak reference
        call.add_done_callback(self._calls.discard)

    async def _run(self, batch: Sequence[tuple[E, asyncio.Future[None]]]) -> None:
        results: Sequence[Exception | None]
        try:
            results = await self._call([entry for entry, _ in batch])
        except Exception as exc:  # noqa: BLE001 - raised again in each caller
            results = [exc] * len(batch)
        for (_, done), result in zip(batch, results, strict=True):
            if done.done():
                continue  # its caller was cancelled
            if result is None:
                done.set_result(None)
            else:
                done.set_exception(result)
