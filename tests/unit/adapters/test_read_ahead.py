"""asyncio still keeps the limit of a stream where we set it."""

from __future__ import annotations

import asyncio

from worker.adapters.ffmpeg.read_ahead import ReadAhead


class _Pipe(asyncio.ReadTransport):
    def __init__(self) -> None:
        super().__init__()
        self.is_paused = False

    def pause_reading(self) -> None:
        self.is_paused = True


async def test_reading_pauses_at_once_where_read_ahead_was_stopped_and_not_where_it_was_not() -> None:
    paused = []
    for is_stopped in (False, True):
        stream, pipe = asyncio.StreamReader(), _Pipe()
        stream.set_transport(pipe)
        if is_stopped:
            ReadAhead(stream).stop()

        stream.feed_data(b"word")

        paused.append(pipe.is_paused)

    assert paused == [False, True]
