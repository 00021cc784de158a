"""A source that passes through its window, with a download and a converter at any pace: no hang, no wrong byte.

A converter may begin behind the headers, end before the source does, or stop reading.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from random import Random

import pytest

from worker.adapters.disk import release
from worker.adapters.ffmpeg.feeding import as_it_comes
from worker.application.jobs.incoming import Incoming
from worker.domain.containers.structure import Structure
from worker.ports import SourceAudio

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives back parts of files")

WINDOW_BYTES = 1 << 20
_READ_BYTES = 300_000


class _Trial:
    def __init__(self, path: Path, random: Random) -> None:
        self.data = random.randbytes(random.randrange(1, 6 * WINDOW_BYTES))
        self.peak_bytes = 0
        self._path = path
        self._random = random
        self._incoming = Incoming(path, WINDOW_BYTES)

    async def run(self) -> tuple[bytes, bytes]:
        """What the converter has read, and what it should have read."""
        incoming, random, size = self._incoming, self._random, len(self.data)
        incoming.size_bytes = size
        async with incoming.downloaded_by(self._download):
            assert await incoming.may_be_converted_early(1 << 40)
            there = incoming.written_bytes
            begin = random.choice([0, random.randint(0, there), there])
            end = random.choice([size, random.randint(begin, size)])
            wanted = random.choice([end - begin, random.randint(0, end - begin)])
            read = await self._converted(begin, end, wanted)
            incoming.read_up_to(size)
            await incoming.wait_until_complete()
        return read, self.data[begin:end][: len(read) if wanted < end - begin else None]

    async def _download(self) -> None:
        written = 0
        with self._path.open("xb", buffering=0) as file:
            while written < len(self.data):
                begin, end = await self._incoming.wait_for_room()
                if begin < end:
                    release(file.fileno(), begin, end)
                chunk = self.data[written : written + self._random.randrange(1, WINDOW_BYTES // 8)]
                await asyncio.to_thread(file.write, chunk)
                written += len(chunk)
                self.peak_bytes = max(self.peak_bytes, self._path.stat().st_blocks * 512)
                self._incoming.moved()
                await self._pause()

    async def _converted(self, begin: int, end: int, wanted: int) -> bytes:
        structure = Structure(begin, len(self.data), read_range=(begin, end))
        audio = SourceAudio("wav", "pcm_s16le", 8000, 1, 16, 6.0, len(self.data), structure)
        read = bytearray()
        with self._path.open("rb") as file:
            async with as_it_comes(audio, [file.fileno()], self._incoming) as (_, (pipe,)):
                while len(read) < wanted:
                    read += await asyncio.to_thread(os.read, pipe, self._random.randrange(1, _READ_BYTES))
                    await self._pause()
        return bytes(read)

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.choice([0, 0, self._random.random() / 300]))


@pytest.mark.parametrize("seed", range(20))
async def test_all_of_a_source_passes_through_its_window(seed: int, tmp_path: Path) -> None:
    trial = _Trial(tmp_path / "source", Random(seed))

    read, expected = await asyncio.wait_for(trial.run(), 60)

    assert read == expected
    assert trial.peak_bytes <= WINDOW_BYTES
