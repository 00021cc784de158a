"""Handlers of signals that are installed for a while."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager


@contextmanager
def handling_signals(signals: Collection[signal.Signals], handler: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Inside the `with`, the running event loop calls the handler with each of these signals that arrives.

    The handlers that were there before are restored afterwards. Main thread only.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        loop.add_signal_handler(number, handler, number)
    try:
        yield
    finally:
        for number, handler_before in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler_before)
