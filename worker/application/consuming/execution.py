"""Work that others can stop, for a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Execution:
    """One body of work. `stop` ends it for a reason, and the reason is raised in its place.

    Lease loss, cancel, stall, timeout and shutdown all use it, so the body sees one thing only: a cancellation. The
    first reason counts.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._reason: Exception | None = None

    @property
    def stop_reason(self) -> Exception | None:
        return self._reason

    def stop(self, reason: Exception) -> None:
        """End the body at its next await. Returns at once; `run` raises `reason` once the body has cleaned up."""
        if self._reason is None:
            self._reason = reason
            if self._task is not None:
                self._task.cancel()

    @asynccontextmanager
    async def accompanied_by(self, companion: Coroutine[Any, Any, None], *, name: str) -> AsyncIterator[None]:
        """Run `companion` beside what is inside the `with`; what it raises stops the body, a bug included."""
        task = asyncio.create_task(self._accompany(companion), name=name)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            companion.close()  # of a body that ended before its companion began

    async def _accompany(self, companion: Coroutine[Any, Any, None]) -> None:
        try:
            await companion
        except Exception as error:  # noqa: BLE001 - raised again by `run`
            self.stop(error)

    async def run(self, body: Coroutine[Any, Any, T], *, name: str) -> T:
        """Run the body and return its result. Raises what it raises, or the reason of `stop`."""
        if self._reason is not None:
            body.close()
            raise self._reason
        self._task = task = asyncio.create_task(body, name=name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():  # we ourselves were cancelled, and the body with us
                task.cancel()
                await asyncio.wait([task])
                raise
            if self._reason is None:
                raise
            raise self._reason from None
        finally:
            self._task = None
