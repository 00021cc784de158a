"""An event loop of a heap and a deque on a virtual clock, with the parts of asyncio that a simulation needs.

It takes half the time of `virtual_time`, which runs the standard loop: it has no selector, contexts, signals or
threads. The order of callbacks depends on the calls alone, so a schedule runs the same way each time.

Simulated processes that can be frozen each get a `ProcessLoop` of one `LeanLoop` and share its clock.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from tests.support.lean_asyncio import lean_asyncio

T = TypeVar("T")

_START_SECONDS = 1_000.0  # not 0, so that a time taken for a truth value shows
_CANCELLATIONS = 10


class StuckError(AssertionError):
    """Nothing is ready, no timer is set, and the body has not ended."""


class _EndOfRunError(Exception):
    """The run has come to its end."""


class _Handle(partial[object]):
    """Calls a callback, unless that was cancelled. Made and called without a frame of Python: there are millions."""

    __slots__ = ()

    def cancel(self) -> None:
        self.__setstate__(_CANCELLED)  # type: ignore[attr-defined]  # drops the references, too


def _nothing() -> None:
    """What a cancelled callback does."""


def _is_over() -> None:
    raise _EndOfRunError


_CANCELLED: tuple[Any, ...] = (_nothing, (), {}, None)


class _Task(asyncio.Task[Any]):
    """Hashed by its number: asyncio keeps tasks in sets, whose order would come from addresses in memory."""

    number: int

    def __hash__(self) -> int:
        return self.number


class _Loop(asyncio.AbstractEventLoop):
    """A loop with the methods that asyncio calls, except those for time and callbacks."""

    def __init__(self) -> None:
        self.create_future: Any = partial(asyncio.Future, loop=self)

    get_debug: Any = staticmethod(bool)  # without a frame of Python: each future asks

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


class LeanLoop(_Loop):
    """Runs one coroutine. An exception of a plain callback ends the run; a task keeps its own exceptions."""

    def __init__(self) -> None:
        super().__init__()
        self.now = _START_SECONDS
        self.time: Any = partial(getattr, self, "now")
        self._ready: deque[tuple[Any, tuple[Any, ...]]] = deque()  # callbacks and their arguments
        self._timers: list[tuple[float, int, _Handle]] = []
        self._timers_set = 0
        self.next_number: Any = count().__next__
        self._tasks: list[asyncio.Task[Any]] = []
        self._fault: BaseException | None = None
        self.running: _Loop = self  # this one, or that of a process which is the one to run

    def run(self, body: Coroutine[Any, Any, T]) -> T:
        """Run the body, then cancel all other tasks. Raises what the body raises, or what `abort` was given."""
        return copy_context().run(self._run, body)  # context variables that a run sets end with it

    def _run(self, body: Coroutine[Any, Any, T]) -> T:
        self.run_as(self)
        try:
            with lean_asyncio(partial(getattr, self, "running")):
                try:
                    task = self.create_task(self._last(body))
                    self._run_to_the_end()
                    if self._fault is not None:
                        raise self._fault
                    result: T = task.result()
                    return result
                finally:
                    self._end_the_rest()
        finally:
            events._set_running_loop(None)

    def run_as(self, loop: _Loop) -> None:
        """Make `loop` the one that runs from now on."""
        self.running = loop
        events._set_running_loop(loop)

    def abort(self, fault: BaseException) -> None:
        """End the run with `fault`, also where a task would handle the exception. The first fault counts."""
        if self._fault is None:
            self._fault = fault
            self._end()

    def _end(self) -> None:
        """Run no other callback."""
        self._ready.appendleft((_is_over, ()))

    async def _last(self, body: Coroutine[Any, Any, T]) -> T:
        """Run the body, whose end is that of the run."""
        try:
            return await body
        finally:
            self._end()

    def _run_to_the_end(self) -> None:
        ready, timers = self._ready, self._timers
        with suppress(_EndOfRunError):
            while True:
                if ready:
                    callback, arguments = ready.popleft()
                    callback(*arguments)
                elif timers:
                    when, _, handle = heappop(timers)
                    self.now = when if when > self.now else self.now  # noqa: FURB136 - max() takes three times as long
                    handle()
                else:
                    raise StuckError(", ".join(each.get_name() for each in self._tasks if not each.done()))

    def _end_the_rest(self) -> None:
        """Cancel the tasks until they end. One that waits while it cleans up is cancelled again: no timer fires."""
        cancellations = 0
        while (self._tasks or self._ready) and cancellations < _CANCELLATIONS:
            self._tasks = [task for task in self._tasks if not task.done()]
            for task in self._tasks:
                task.cancel()
            while self._ready:
                callback, arguments = self._ready.popleft()
                with suppress(Exception):  # the run is over
                    callback(*arguments)
            cancellations += 1
        self._tasks.clear()
        self._timers.clear()

    # --- what asyncio calls on a loop -----------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        if context is not None:  # a task or a future, which cancels no callback
            self._ready.append((callback, args))
            return None
        handle = _Handle(callback, *args)
        self._ready.append((handle, ()))
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, *args)
        self._timers_set += 1
        heappush(self._timers, (when, self._timers_set, handle))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, *args)
        self._timers_set += 1
        heappush(self._timers, (self.now + delay, self._timers_set, handle))
        return handle

    def create_task(self, coro: Any, *, name: str | None = None, **_options: Any) -> asyncio.Task[Any]:
        task = _Task(coro, loop=self, name=name)
        task.number = self.next_number()
        self._tasks.append(task)
        return task

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Cancel the task at the end of the run."""
        self._tasks.append(task)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Abort the run by the exception of a task that nothing awaited: a bug, or a violation that has ended it."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self.abort(error)


class ProcessLoop(_Loop):
    """The loop of one simulated process on the shared loop. It can be frozen between two callbacks, as by SIGSTOP."""

    def __init__(self, base: LeanLoop) -> None:
        super().__init__()
        self.time: Any = base.time
        self._base = base
        self._due: list[_Handle] | None = None  # while frozen: the callbacks that are due

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
        if self._due is not None:
            self._due.append(handle)
            return
        base = self._base
        base.run_as(self)
        try:
            handle()
        finally:
            base.run_as(base)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        handle = _Handle(callback, *args)
        self._base.call_soon(self._fire, handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = _Handle(callback, *args)
        self._base.call_at(when, self._fire, handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self.call_at(self._base.now + delay, callback, *args)

    def create_task(self, coro: Any, *, name: str | None = None, **_options: Any) -> asyncio.Task[Any]:
        task = _Task(coro, loop=self, name=name)
        task.number = self._base.next_number()
        self._base.keep(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._base.call_exception_handler(context)
