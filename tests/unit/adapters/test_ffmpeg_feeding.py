"""The pipe to a converter whose source is still coming: what is written to it, and how often."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator

import pytest

from worker.adapters.ffmpeg import feeding
from worker.adapters.ffmpeg.feeding import _PipeWriter

pytestmark = pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs pipes of a given size, as of Linux")

MIB = 1 << 20
READ_BYTES = 32_768  # that ffmpeg reads at a time


class Reader:
    """Reads the pipe at a pace, while the writer pauses."""

    def __init__(self, descriptor: int, bytes_per_second: float) -> None:
        self.received = bytearray()
        self.pauses = 0
        self.was_starved = 0  # how often it had read all before a pause was over
        self._descriptor = descriptor
        self.bytes_per_second = bytes_per_second

    async def sleep(self, seconds: float) -> None:
        self.pauses += 1
        wanted = int(self.bytes_per_second * seconds)
        self.was_starved += self._read(wanted) < wanted

    async def until_writable(self, _pipe: int) -> None:
        self.pauses += 1
        self._read(READ_BYTES)

    def read_all(self) -> None:
        self._read(1 << 30)

    def _read(self, wanted: int) -> int:
        data = b"x"
        read = 0
        while data and read < wanted:
            try:
                data = os.read(self._descriptor, wanted - read)
            except BlockingIOError:
                break
            self.received += data
            read += len(data)
        return read


MakePipe = Callable[[int, float], tuple[_PipeWriter, Reader]]


@pytest.fixture(name="pipe")
def pipe_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePipe]:
    """Makes a pipe of so many bytes, and a reader of its pace, who reads in pauses alone."""
    descriptors: list[int] = []

    def make(size: int, bytes_per_second: float) -> tuple[_PipeWriter, Reader]:
        read_end, write_end = os.pipe()
        descriptors.extend((read_end, write_end))
        for each in (read_end, write_end):
            os.set_blocking(each, False)
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, size)
        reader = Reader(read_end, bytes_per_second)
        monkeypatch.setattr(asyncio, "sleep", reader.sleep)
        monkeypatch.setattr(feeding, "_writable", reader.until_writable)
        return _PipeWriter(write_end), reader

    yield make
    for each in descriptors:
        os.close(each)


@pytest.mark.parametrize("pace", [2e6, 20e6, 200e6])
async def test_a_full_pipe_is_left_alone_until_much_of_it_is_read_and_is_not_found_empty(
    pipe: MakePipe, pace: float
) -> None:
    writer, reader = pipe(MIB, pace)

    for number in range(50):
        await writer.write(bytes([number]) * MIB)
    reader.read_all()

    assert reader.received == b"".join(bytes([number]) * MIB for number in range(50))
    longest = 50 * MIB / (pace * 0.05)  # pauses, where the reader is so slow that the longest of them is short
    assert reader.pauses < max(50 * 4, longest) + 10
    assert reader.was_starved < 3


async def test_a_reader_that_is_fast_beyond_measure_or_has_a_short_pipe_is_served_at_once(
    pipe: MakePipe,
) -> None:
    for size, pace in ((MIB, 1e12), (4096, 1e8)):
        writer, reader = pipe(size, pace)

        for _ in range(4):
            await writer.write(bytes(MIB))
        reader.read_all()

        assert len(reader.received) == 4 * MIB
        assert reader.was_starved < 0.6 * reader.pauses


async def test_the_pace_may_change(pipe: MakePipe) -> None:
    writer, reader = pipe(MIB, 1e6)
    await writer.write(bytes(10 * MIB))
    reader.bytes_per_second = 100e6
    reader.was_starved = 0

    await writer.write(bytes(20 * MIB))

    assert reader.was_starved < 6
