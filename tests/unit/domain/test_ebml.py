"""Elements of EBML: identifiers and sizes of every length, and what does not fit into its parent."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers.ebml import DamagedError, Element, children, element_at, unsigned, variable_integer
from worker.domain.containers.reading import BlockReader


def of(data: bytes) -> BlockReader:
    return BlockReader(reader(data))


def vint(value: int, size: int) -> bytes:
    return (1 << 7 * size | value).to_bytes(size, "big")


@pytest.mark.parametrize("size", range(1, 9))
def test_a_number_says_its_length_in_its_first_byte(size: int) -> None:
    for value in (0, 1, (1 << 7 * size) - 2, (1 << 7 * size) - 1):
        data = vint(value, size)
        assert variable_integer(data) == (value, size)
        assert variable_integer(data + b"\xff") == (value, size)
        assert variable_integer(data[:-1]) is None
    assert variable_integer(b"\0" + bytes(8)) is None


@pytest.mark.parametrize("identifier", [0xEC, 0x4DBB, 0x2AD7B1, 0x1A45DFA3])
@pytest.mark.parametrize("size", range(1, 9))
def test_an_element_has_an_identifier_a_size_and_a_body(identifier: int, size: int) -> None:
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    body = 3 + len(name) + size
    front = b"abc"

    assert element_at(of(front + name + vint(5, size) + b"xxxxx"), 3) == Element(identifier, 3, body, body + 5)
    unknown = vint((1 << 7 * size) - 1, size)
    assert element_at(of(front + name + unknown), 3) == Element(identifier, 3, body, None)
    assert element_at(of(front + name + vint(5, size)[:-1]), 3) is None


@pytest.mark.parametrize(("first", "is_one"), [(0x10, True), (0x0F, False), (0x08, False), (0x00, False)])
def test_an_identifier_has_four_bytes_at_most(first: int, *, is_one: bool) -> None:
    assert (element_at(of(bytes([first]) + b"\x01\x02\x03\x81x"), 0) is not None) is is_one
    assert element_at(of(b""), 0) is None


def test_children_fill_their_parent() -> None:
    one, other = b"\xec\x82ab", b"\xbf\x81c"
    reading = of(one + other)

    assert [child.identifier for child in children(reading, 0, 7)] == [0xEC, 0xBF]
    assert list(children(reading, 7, 7)) == []
    assert [child.identifier for child in children(reading, 0, 7, most=3)] == [0xEC, 0xBF]
    for begin, end, most in ((0, 6, 9), (0, 8, 9), (1, 7, 9), (0, 7, 1)):
        with pytest.raises(DamagedError):
            list(children(reading, begin, end, most=most))
    with pytest.raises(DamagedError):
        list(children(of(b"\xec\xff"), 0, 2))  # of unknown size


def test_an_unsigned_integer_has_eight_bytes_at_most() -> None:
    data = b"\xec\x88" + bytes(range(1, 9)) + b"\xec\x89" + bytes(9) + b"\xec\x80"
    reading = of(data)

    first, second, third = children(reading, 0, len(data))

    assert unsigned(reading, first) == 0x0102_0304_0506_0708
    assert unsigned(reading, third) == 0
    with pytest.raises(DamagedError):
        unsigned(reading, second)
    with pytest.raises(DamagedError):
        unsigned(reading, Element(0xEC, 0, 2, None))


def test_a_file_is_read_in_blocks_and_forwards_once() -> None:
    data = bytes(number * 31 % 251 for number in range(5000))
    asked: list[tuple[int, int]] = []

    def read_at(offset: int, size: int) -> bytes:
        asked.append((offset, size))
        return data[offset : offset + size]

    reading = BlockReader(read_at, block_bytes=100)
    for offset in (10, 50, 105):
        assert reading.at(offset, 5) == data[offset : offset + 5]
    assert asked == [(10, 100)]
    assert reading.at(106, 5) == data[106:111]
    assert reading.at(9, 1) == data[9:10]
    assert reading.at(20, 300) == data[20:320]
    assert asked[1:] == [(106, 100), (9, 100), (20, 300)]
    assert reading.at(4990, 50) == data[4990:]


@pytest.mark.parametrize("at", [0, 1, 96, 97, 98, 99, 100, 101, 250])
def test_a_pattern_is_found_across_blocks(at: int) -> None:
    data = b"." * at + b"name" + b"." * 150
    reading = BlockReader(reader(data), block_bytes=100)

    assert reading.find(b"name", 0) == at
    assert reading.find(b"name", at) == at
    assert reading.find(b"name", at + 1) is None
    assert BlockReader(reader(data[: at + 3]), block_bytes=100).find(b"name", 0) is None
