"""How much asyncio reads from a process before the reader asks for it."""

from __future__ import annotations

import asyncio


class ReadAhead:
    """The bytes of one stream that asyncio reads in advance.

    asyncio takes this limit only when the process is created (`limit=`), and keeps it in an attribute of its own
    (`StreamReader._limit`), which is not part of its interface. No other code of ours touches it;
    tests/unit/adapters/test_read_ahead.py fails where a new Python ignores it.
    """

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream

    def stop(self) -> None:
        """From now on a process that writes more than a few bytes unasked waits in its `write`."""
        self._stream._limit = 1  # type: ignore[attr-defined]  # noqa: SLF001 - isolated here
