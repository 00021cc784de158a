"""A file that is read in blocks: the bytes that are asked for, wherever they lie."""

from __future__ import annotations

from random import Random

import pytest

from tests.support.frames import reader
from worker.domain.containers.reading import BlockReader

DATA = Random(3).randbytes(100)


@pytest.mark.parametrize("block_bytes", [1, 7, 100, 500])
def test_bytes_are_read_forwards_and_backwards_and_fewer_at_the_end(block_bytes: int) -> None:
    blocks = BlockReader(reader(DATA), block_bytes=block_bytes)

    for offset in (0, 3, 90, 5, 4, 97, 100, 200, 0):
        for size in (0, 1, 9, 200):
            assert blocks.at(offset, size) == DATA[offset : offset + size]


@pytest.mark.parametrize("at", [0, 1, 9, 10, 11, 18, 19, 20, 96])
def test_a_pattern_is_found_from_an_offset_on_across_blocks(at: int) -> None:
    data = bytes(at) + b"find" + bytes(96 - at) + b"find"
    blocks = BlockReader(reader(data), block_bytes=10)

    assert blocks.find(b"find", 0) == at
    assert blocks.find(b"find", at) == at
    assert blocks.find(b"find", at + 1) == 100
    assert blocks.find(b"find", 101) is None
    assert blocks.find(b"find", 104) is None


def test_forward_reading_costs_a_call_for_each_block() -> None:
    calls: list[tuple[int, int]] = []

    def read_at(offset: int, size: int) -> bytes:
        calls.append((offset, size))
        return DATA[offset : offset + size]

    blocks = BlockReader(read_at, block_bytes=10)
    for offset in (0, *range(0, 20, 2)):
        blocks.at(offset, 2)
    blocks.at(18, 30)

    assert calls == [(0, 10), (10, 10), (18, 30)]
