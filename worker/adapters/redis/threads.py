"""Threads for what blocks: the look-up of a name, the making of a TLS context."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from worker.ports import StoreUnavailableError

T = TypeVar("T")

# A look-up that hangs does so for up to 30 s, and a probe starts one every 1.5 to 3 s: with this many there is always
# one left to find out that the resolver answers again.
MAX_THREADS = 20


class DaemonThreads:
    """Runs blocking functions, each in a thread of its own.

    Not in asyncio's shared executor, whose few threads look up DynamoDB's name as well. The threads are daemons, so
    the exit of the process does not wait for them.
    """

    def __init__(self) -> None:
        self._running = 0

    async def run(self, function: Callable[[], T]) -> T:
        """What the function returns or raises.

        Raises StoreUnavailableError where too many have not returned, or the system allows no more threads.
        """
        if self._running >= MAX_THREADS:
            raise StoreUnavailableError("name resolution hangs")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def deliver(result: T | None, error: BaseException | None) -> None:
            self._running -= 1
            if not outcome.done():
                if error is None:
                    outcome.set_result(result)  # type: ignore[arg-type]  # a result where there is no error
                else:
                    outcome.set_exception(error)

        def run() -> None:
            result, error = None, None
            try:
                result = function()
            except Exception as exc:  # noqa: BLE001 - raised where it is awaited
                error = exc
            with suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(deliver, result, error)

        try:
            threading.Thread(target=run, name="redis look-up", daemon=True).start()
        except RuntimeError as exc:
            raise StoreUnavailableError("no thread can be started") from exc
        self._running += 1
        return await outcome
