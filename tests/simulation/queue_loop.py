"""One worker's part of the loop: it can be frozen between any two callbacks, as SIGSTOP does it."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Callable
from typing import Any

from tests.support.lean_loop import LeanLoop


class _Handle:
    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        self.callback = None
        self.args = ()


class ProcessLoop(asyncio.AbstractEventLoop):
    """What a process sees of the loop that all share."""

    def __init__(self, base: LeanLoop) -> None:
        self._base = base
        self._held: list[_Handle] | None = None  # while frozen: what is due

    def freeze(self) -> None:
        if self._held is None:
            self._held = []

    def thaw(self) -> None:
        held, self._held = self._held or [], None
        for handle in held:
            self._base.call_soon(self._fire, handle)

    def _fire(self, handle: _Handle) -> None:
        if handle.callback is None:
            return
        if self._held is not None:
            self._held.append(handle)
            return
        events._set_running_loop(self)
        try:
            handle.callback(*handle.args)
        finally:
            events._set_running_loop(self._base)

    # --- what asyncio asks of a loop ---------------------------------------------------------------------------------

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

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._base.call_exception_handler(context)
