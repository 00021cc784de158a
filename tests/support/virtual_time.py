"""An event loop on a virtual clock: hours of leases and back-off take milliseconds, and every run is the same.

The code under test uses asyncio as in production. When every task waits, the loop sets its clock to the next timer
instead of sleeping. Signals work. Threads do not: the loop never waits for them.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_START_SECONDS = 1_000.0  # not 0, so that a time taken for a truth value shows
_TURNS_WITHOUT_TIME = 200_000


class DeadlockError(AssertionError):
    """Every task waits and no timer is set."""


class LivelockError(AssertionError):
    """The loop keeps running callbacks and time does not pass: something polls without waiting."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where the loop would sleep for `timeout`, the clock advances by it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = _START_SECONDS
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            self._turns += 1
            if self._turns > _TURNS_WITHOUT_TIME:
                self._turns = 0  # for the tasks that are cancelled now
                raise LivelockError(f"{_TURNS_WITHOUT_TIME} turns of the loop at the time {self.now}")
            return []
        events = super().select(0)  # a signal wakes the loop through a socket
        if events:
            return events
        if timeout is None:
            raise DeadlockError(f"all tasks wait for ever: {_waiting()}")
        self._turns = 0
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The standard loop on a virtual clock; `time()` starts at 1000 s."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)
        self._clock_resolution = (
            1e-6  # the default of 1e-9 vanishes beside a year, and a timer that is due never fires
        )

    def time(self) -> float:
        return self._clock.now

    def jump(self, seconds: float) -> None:
        """Advance the clock without running a callback, as while the process is frozen."""
        self._clock.now += seconds

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """Call it at once: a real thread would take real time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:  # noqa: BLE001 - the caller sees it
            future.set_exception(exc)
        return future


def _waiting() -> str:
    return ", ".join(sorted(task.get_name() for task in asyncio.all_tasks(asyncio.get_running_loop())))


def now() -> float:
    """The running loop's time, in seconds."""
    return asyncio.get_running_loop().time()


def run(body: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine to its end in virtual time. Raises DeadlockError, LivelockError, and what the body raises."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(body)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an async test a plain one that runs in virtual time."""

    @functools.wraps(test)
    def in_virtual_time(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(test(*args, **kwargs))

    return in_virtual_time
