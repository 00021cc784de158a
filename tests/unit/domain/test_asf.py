"""The packets of an ASF file: what is missing, damaged or out of place is noticed, whatever a demuxer passes over."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers import asf
from worker.domain.containers.asf_packets import has_lost_sound
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, Structure

PACKET_BYTES = 3200
DAMAGED = "the source is damaged: packets of the ASF file are missing or damaged"
FLAGS = 88  # in the file properties


def examined(data: bytes) -> Structure:
    return asf.examine(reader(data), 0, len(data))


def whole() -> bytes:
    return sound("plain.wma").read_bytes()


def packets_begin(data: bytes) -> int:
    return int.from_bytes(data[16:24], "little") + 50


def as_broadcast(data: bytes) -> bytes:
    at = data.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + FLAGS
    return data[:at] + bytes([data[at] | 1]) + data[at + 1 :]


def test_all_packets_of_a_whole_file_are_read() -> None:
    data = whole()

    assert (len(data) - packets_begin(data)) // PACKET_BYTES > 3
    assert examined(data).problem is None
    assert examined(as_broadcast(data)).problem is None


@given(number=st.integers(0, 100), data=st.data())
def test_a_packet_that_is_missing_doubled_or_swapped_is_noticed(number: int, data: st.DataObject) -> None:
    content = whole()
    begin = packets_begin(content)
    packets = [content[at : at + PACKET_BYTES] for at in range(begin, len(content), PACKET_BYTES)]
    number %= len(packets) - 1

    without = packets[:number] + packets[number + 1 :]
    doubled = packets[: number + 1] + packets[number:]
    swapped = [*packets[:number], packets[number + 1], packets[number], *packets[number + 2 :]]

    for changed in (without, doubled[: len(packets)], swapped):
        expected = CUT_OFF if changed is without else DAMAGED
        assert examined(content[:begin] + b"".join(changed)).problem == expected
    if number:
        assert examined(as_broadcast(content[:begin] + b"".join(without))).problem == DAMAGED


@given(begin=st.floats(0, 0.9), fill=st.binary(min_size=1, max_size=1))
def test_a_tenth_of_one_byte_is_noticed(begin: float, fill: bytes) -> None:
    content = whole()
    first = packets_begin(content)
    first += int(begin * (len(content) - first))
    length = (len(content) - packets_begin(content)) // 10

    assert examined(content[:first] + fill * length + content[first + length :]).problem == DAMAGED


def test_a_broadcast_begins_amid_an_object_and_ends_with_a_packet() -> None:
    content = as_broadcast(whole())
    begin = packets_begin(content)

    assert examined(content[:begin] + content[begin + PACKET_BYTES :]).problem is None
    assert examined(content[:-1]).problem == CUT_OFF


def test_a_file_with_fewer_packets_than_it_states_is_cut_off() -> None:
    content = whole()
    begin = packets_begin(content)
    (stated,) = struct.unpack_from("<Q", content, begin - 10)

    more = content[: begin - 10] + struct.pack("<Q", stated + 1) + content[begin - 2 :]

    assert examined(more).problem == CUT_OFF


def a_packet(*payloads: bytes, several: bool = False) -> bytes:
    """128 bytes without error correction data: numbers of a byte, offsets of four, no sequence, padding of a word."""
    count = bytes([0x80 | len(payloads)]) if several else b""
    body = bytes(6) + count + b"".join(payloads)
    padding = 128 - 4 - len(body)
    return bytes([0x10 | several, 0x5D]) + struct.pack("<H", padding) + body + bytes(padding)


def a_payload(
    number: int, offset: int, object_bytes: int, size: int, *, stream: int = 1, stated: bool = True
) -> bytes:
    head = struct.pack("<BBIBII", stream, number, offset, 8, object_bytes, 0)
    return head + (struct.pack("<H", size) if stated else b"") + b"x" * size


def has_lost(*packets: bytes, sounds: frozenset[int] = frozenset({1})) -> bool:
    return has_lost_sound(reader(b"".join(packets)), 0, len(packets), 128, sounds, may_begin_amid=False)


def test_objects_go_on_in_the_next_packet_and_numbers_begin_anew() -> None:
    assert not has_lost(
        a_packet(a_payload(255, 0, 50, 30, stated=False)), a_packet(a_payload(255, 30, 50, 20), several=True)
    )
    assert not has_lost(a_packet(a_payload(255, 0, 9, 9), a_payload(0, 0, 9, 9), several=True))
    assert has_lost(a_packet(a_payload(255, 0, 9, 9), a_payload(1, 0, 9, 9), several=True))


@pytest.mark.parametrize(
    "packets",
    [
        [a_packet(a_payload(1, 0, 50, 30, stated=False))],
        [a_packet(a_payload(1, 0, 50, 30, stated=False)), a_packet(a_payload(2, 0, 9, 9, stated=False))],
        [a_packet(a_payload(1, 0, 50, 30, stated=False)), a_packet(a_payload(1, 31, 50, 19, stated=False))],
        [a_packet(a_payload(1, 0, 50, 30, stated=False)), a_packet(a_payload(2, 30, 50, 20, stated=False))],
        [a_packet(a_payload(1, 30, 50, 20, stated=False))],
    ],
    ids=["no end", "another object", "a byte left out", "another number", "no begin"],
)
def test_an_object_that_is_not_whole_is_lost_sound(packets: list[bytes]) -> None:
    assert has_lost(*packets)
    assert not has_lost(*packets, sounds=frozenset({2}))


def test_whole_objects_in_one_payload_are_counted() -> None:
    def compressed(number: int, *objects: bytes) -> bytes:
        data = b"".join(bytes([len(each)]) + each for each in objects)
        return struct.pack("<BBIBB", 1, number, 777, 1, 20) + struct.pack("<H", len(data)) + data

    assert not has_lost(a_packet(compressed(5, b"abc", b"de"), a_payload(7, 0, 9, 9), several=True))
    assert has_lost(a_packet(compressed(5, b"abc", b"de"), a_payload(6, 0, 9, 9), several=True))
    assert has_lost(a_packet(compressed(5, b"abc")[:-1], several=True))


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_have_an_answer(content: bytes) -> None:
    has_lost_sound(reader(content), 0, 3, 128, frozenset(range(128)), may_begin_amid=True)


def test_bytes_behind_the_stated_end_are_mentioned_unless_they_are_padding() -> None:
    assert examined(whole() + bytes(999)).repairs == ()
    assert examined(whole() + b"junk" * 99).repairs == (BYTES_BEHIND,)
