"""An event loop of a heap and a deque on a virtual clock: enough of asyncio for the code under simulation, no more.

Half the price of `virtual_time`, which runs the standard loop: no selector, no contexts, no signals, no threads. The
order of callbacks is a function of the calls alone, so the same schedule runs the same way each time.

Processes that share the clock and can be frozen each get a `ProcessLoop` of the one `LeanLoop`.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

_START_SECONDS = 1_000.0  # not 0, so that a time taken for a truth value shows
_CANCELLATIONS = 10


class StuckError(AssertionError):
    """Nothing is ready, no timer is set, and what was to be run has not ended."""


class _Handle:
    """What a callback is cancelled by."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        self.callback = None
        self.args = ()


class _Loop(asyncio.AbstractEventLoop):
    """What asyncio asks of a loop, but for the time and the callbacks."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, **_options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


class LeanLoop(_Loop):
    """Runs one coroutine to its end. What a plain callback raises ends the run; a task keeps its own exceptions."""

    def __init__(self) -> None:
        self.now = _START_SECONDS
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._timers_set = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._fault: BaseException | None = None

    def run(self, body: Coroutine[Any, Any, T]) -> T:
        """Raises what the body raises, or what `abort` was given. Whatever else runs then is cancelled."""
        return copy_context().run(self._run, body)  # what is bound in a run ends with it

    def _run(self, body: Coroutine[Any, Any, T]) -> T:
        events._set_running_loop(self)
        try:
            task = self.create_task(body)
            self._turn_until(task)
            if self._fault is not None:
                raise self._fault
            result: T = task.result()
            return result
        finally:
            self._end_the_rest()
            events._set_running_loop(None)

    def abort(self, fault: BaseException) -> None:
        """End the run with `fault`, the first one, whoever would swallow an exception."""
        self._fault = self._fault or fault

    def _turn_until(self, task: asyncio.Task[Any]) -> None:
        ready, timers = self._ready, self._timers
        while self._fault is None and not task.done():
            if ready:
                handle = ready.popleft()
            elif timers:
                when, _, handle = heappop(timers)
                self.now = max(self.now, when)
            else:
                raise StuckError(", ".join(each.get_name() for each in self._tasks if not each.done()))
            if handle.callback is not None:
                handle.callback(*handle.args)

    def _end_the_rest(self) -> None:
        """Cancel each task as often as it waits for something while it cleans up: no timer fires any more."""
        for _ in range(_CANCELLATIONS):
            self._tasks = [task for task in self._tasks if not task.done()]
            for task in self._tasks:
                task.cancel()
            while self._ready:
                handle = self._ready.popleft()
                if handle.callback is not None:
                    with suppress(Exception):  # the run is over: what still goes wrong is of no interest
                        handle.callback(*handle.args)
        self._tasks.clear()
        self._timers.clear()

    # --- what asyncio asks of a loop --------------------------------------------------------------------------------

    def time(self) -> float:
        return self.now

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        handle = _Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, args)
        self._timers_set += 1
        heappush(self._timers, (when, self._timers_set, handle))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self.call_at(self.now + delay, callback, *args)

    def create_task(self, coro: Any, *, name: str | None = None, **_options: Any) -> asyncio.Task[Any]:
        return self.keep(super().create_task(coro, name=name))

    def keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """See to it that the task ends with the run."""
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task's exception that nobody asked for: one of ours that has ended the run already, or a bug."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self.abort(error)


class ProcessLoop(_Loop):
    """What one process sees of the loop that all share: it can be frozen between any two callbacks, as by SIGSTOP."""

    def __init__(self, base: LeanLoop) -> None:
        self._base = base
        self._due: list[_Handle] | None = None  # while frozen: what it would have done by now

    @property
    def is_frozen(self) -> bool:
        return self._due is not None

    def freeze(self) -> None:
        self._due = self._due or []

    def thaw(self) -> None:
        due, self._due = self._due or [], None
        for handle in due:
            self._base.call_soon(self._fire, handle)

    def _fire(self, handle: _Handle) -> None:
        if handle.callback is None:
            return
        if self._due is not None:
            self._due.append(handle)
            return
        events._set_running_loop(self)
        try:
            handle.callback(*handle.args)
        finally:
            events._set_running_loop(self._base)

    def time(self) -> float:
        return self._base.now

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        handle = _Handle(callback, args)
        self._base.call_soon(self._fire, handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, args)
        self._base.call_at(when, self._fire, handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self.call_at(self._base.now + delay, callback, *args)

    def create_task(self, coro: Any, *, name: str | None = None, **_options: Any) -> asyncio.Task[Any]:
        return self._base.keep(super().create_task(coro, name=name))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._base.call_exception_handler(context)
