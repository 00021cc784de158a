"""The headers of an ASF file and of its packets, field by field, with values on both sides of each limit."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers import asf
from worker.domain.containers.asf_packets import has_lost_sound
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Structure

HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
SOUND = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
PICTURES = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
DAMAGED = "the source is damaged: packets of the ASF file are missing or damaged"
PACKET_BYTES = 128
MORE_BYTES = 64  # that a header may state without being a cut


def properties(file_bytes: int, *, smallest: int = PACKET_BYTES, largest: int = PACKET_BYTES, flags: int = 2) -> bytes:
    head = FILE_PROPERTIES + struct.pack("<Q16sQ", 104, b"\xff" * 16, file_bytes)
    return head + b"\xff" * 40 + struct.pack("<IIII", flags, smallest, largest, 0xFFFF_FFFF)


def a_stream(number: int, kind: bytes = SOUND) -> bytes:
    return STREAM_PROPERTIES + struct.pack("<Q", 78) + kind + b"\xff" * 32 + struct.pack("<H4x", 0x8000 | number)


def a_header(*objects: bytes) -> bytes:
    body = b"".join(objects)
    return HEADER + struct.pack("<QIH", 30 + len(body), len(objects), 0x201) + body


def the_data(packets: list[bytes], stated: int | None = None) -> bytes:
    count = len(packets) if stated is None else stated
    return DATA + struct.pack("<Q16sQH", 50 + PACKET_BYTES * count, b"\xff" * 16, count, 0x101) + b"".join(packets)


def a_file(packets: list[bytes], *streams: bytes, more: int = 0, stated: int | None = None, **fields: int) -> bytes:
    """`more` is how many bytes too many the header states, and `stated` how many packets there are by the data."""
    streams = streams or (a_stream(1),)
    data = the_data(packets, stated)
    length = len(a_header(properties(0, **fields), *streams)) + len(data)
    return a_header(properties(length + more, **fields), *streams) + data


def examined(data: bytes, start: int = 0) -> Structure:
    return asf.examine(reader(data), start, len(data))


def a_packet(*payloads: bytes, several: bool = False, kinds: int = 0x5D, front: bytes = b"") -> bytes:
    """Without error correction data but for `front`; `kinds` has the sizes of a payload's fields."""
    count = bytes([0x80 | len(payloads)]) if several else b""
    body = bytes(6) + count + b"".join(payloads)
    padding = PACKET_BYTES - 4 - len(body) - len(front)
    return front + bytes([0x10 | several, kinds]) + struct.pack("<H", padding) + body + bytes(padding)


def a_payload(number: int, offset: int, object_bytes: int, size: int, *, stream: int = 1, layout: str = "BI") -> bytes:
    """`layout` is that of the number and the offset."""
    head = struct.pack(f"<B{layout}BII", 0x80 | stream, number, offset, 8, object_bytes, 0xFFFF_FFFF)
    return head + b"x" * size


def whole(number: int, size: int = 9) -> bytes:
    return a_packet(a_payload(number, 0, size, size))


def test_a_file_is_whole_at_any_offset() -> None:
    data = a_file([whole(0), whole(1)])

    for junk in (b"", b"j" * 99):
        structure = examined(junk + data, len(junk))
        assert (structure.begin, structure.end) == (len(junk), len(junk + data))
        assert (structure.problem, structure.repairs, structure.read_range) == (None, (), None)
        assert examined(junk + a_file([whole(0), whole(2)]), len(junk)).problem == DAMAGED


@pytest.mark.parametrize(("more", "problem"), [(MORE_BYTES, None), (MORE_BYTES + 1, CUT_OFF)])
def test_a_file_that_is_shorter_than_stated_by_more_than_a_little_is_cut_off(more: int, problem: str | None) -> None:
    without_size = a_file([whole(0)], more=more).replace(struct.pack("<Q", 50 + PACKET_BYTES), bytes(8))
    longer_data = a_file([whole(0)], smallest=0).replace(
        struct.pack("<Q", 50 + PACKET_BYTES), struct.pack("<Q", 50 + PACKET_BYTES + more)
    )

    assert examined(without_size).problem == problem
    assert examined(longer_data).problem == problem


def test_the_properties_are_read_once_they_are_all_there() -> None:
    header = a_header(properties(1 << 20))

    assert examined(header).problem == CUT_OFF
    assert examined(header[:-1]).problem is None


def test_a_file_without_properties_in_its_header_is_not_judged() -> None:
    header = a_header(b"\xff" * 300)

    assert examined(header).problem is None
    assert examined(a_header(b"\x02" * 300)).problem is None
    for junk in (b"", bytes(200)):
        assert examined(junk + header + properties(1 << 20), len(junk)).problem is None


def test_a_header_that_states_no_size_is_that_of_a_file_to_its_end() -> None:
    data = a_file([whole(0), whole(1)])
    without = a_file([whole(0), whole(1)], more=-len(data))

    assert (examined(without).problem, examined(without).end) == (None, len(data))


def test_packets_of_different_sizes_or_none_are_not_judged() -> None:
    damaged = [whole(0), whole(2)]

    assert examined(a_file(damaged)).problem == DAMAGED
    assert examined(a_file(damaged, smallest=PACKET_BYTES - 1)).problem is None
    assert examined(a_file(damaged, smallest=0, largest=0)).problem is None
    assert examined(a_file(damaged, smallest=1, largest=1, stated=1)).problem == DAMAGED
    assert examined(a_file(damaged).replace(DATA, bytes(16))).problem is None


@pytest.mark.parametrize(("stated", "problem"), [(1, None), (2, None), (3, CUT_OFF)])
def test_a_file_has_the_packets_that_its_data_state(stated: int, problem: str | None) -> None:
    assert examined(a_file([whole(0), whole(1)], stated=stated)).problem == problem


def test_only_streams_of_sound_are_judged_by_their_numbers() -> None:
    lost = [a_packet(a_payload(number, 0, 9, 9, stream=number)) for number in (5, 7)]
    lost += [a_packet(a_payload(9, 0, 9, 9, stream=7))]

    assert examined(a_file(lost, a_stream(5), a_stream(7, PICTURES))).problem is None
    assert examined(a_file(lost, a_stream(7, PICTURES), a_stream(5))).problem is None
    assert examined(a_file(lost, a_stream(5), a_stream(7))).problem == DAMAGED


@pytest.mark.parametrize(("rest", "problem"), [(b"$E\x08\0" + bytes(8), None), (b"$F\x08\0" + bytes(8), CUT_OFF)])
def test_a_broadcast_may_end_with_what_servers_send_at_the_end(rest: bytes, problem: str | None) -> None:
    data = a_file([whole(0), whole(1)], flags=1)

    assert examined(data + rest).problem == problem


def test_a_broadcast_states_no_sizes_and_ends_with_a_whole_packet() -> None:
    begun = a_packet(a_payload(4, 9, 18, 9))

    assert examined(a_file([begun, whole(5)], flags=1, more=9999, stated=0)).problem is None
    assert examined(a_file([begun, whole(5)])).problem == DAMAGED
    assert examined(a_file([begun, whole(6)], flags=1, more=9999, stated=0)).problem == DAMAGED
    assert examined(a_file([begun, whole(5)], flags=1)[:-1]).problem == CUT_OFF


@pytest.mark.parametrize("more", [-300, -PACKET_BYTES, -1, 65, 5000])
def test_the_size_of_a_file_whose_tags_were_edited_may_be_that_of_before(more: int) -> None:
    """Mutagen and TagLib, with which most programs write tags, leave it as it was. That of the data stays true."""
    data = a_file([whole(0), whole(1)], more=more)

    structure = examined(data)

    assert (structure.problem, structure.end, structure.read_range) == (None, len(data), None)
    assert examined(data[:-1]).problem == CUT_OFF
    assert examined(data + data).problem == JOINED
    assert examined(data + b"junk").repairs == (BYTES_BEHIND,)
    assert examined(a_file([whole(0), whole(2)], more=more)).problem == DAMAGED


def test_indexes_behind_the_data_of_an_edited_file_are_no_junk() -> None:
    data = a_file([whole(0)], more=-300)
    index = struct.pack("<16sQ", b"i" * 16, 99) + bytes(range(75))

    assert examined(data + index + index).end == len(data) + 2 * 99
    assert examined(data + index + data).problem == JOINED
    cut = examined(data + index + index[:-1])
    assert (cut.problem, cut.end, cut.repairs) == (None, len(data) + 99, (BYTES_BEHIND,))


@pytest.mark.parametrize("length", [0, 50, (1 << 48) + 1])
def test_data_without_a_size_end_with_the_file_that_its_header_states(length: int) -> None:
    data = a_file([whole(0), whole(1)])
    at = data.index(DATA) + 16
    data = data[:at] + struct.pack("<Q", length) + data[at + 8 :]

    assert (examined(data).problem, examined(data + b"junk").end) == (None, len(data))
    assert examined(data[: 1 - MORE_BYTES]).problem == CUT_OFF


def test_a_second_file_behind_the_first_is_refused() -> None:
    data = a_file([whole(0)])

    assert examined(data + data).problem == JOINED
    assert (examined(data + HEADER[:-1]).problem, examined(data + HEADER[:-1]).end) == (None, len(data))


def has_lost(*packets: bytes, count: int | None = None, begin: int = 0) -> bool:
    data = bytes(begin) + b"".join(packets)
    length = len(packets) if count is None else count
    return has_lost_sound(reader(data), begin, length, PACKET_BYTES, {1}, may_begin_amid=False)


def test_of_hundreds_of_packets_each_is_read() -> None:
    packets = [whole(number % 256) for number in range(300)]

    assert not has_lost(*packets)
    assert not has_lost(*packets, begin=77)
    assert not has_lost(*packets, b"\xff" * PACKET_BYTES, count=300)
    for number in (63, 64, 130, 299):
        assert has_lost(*packets[:number], bytes(PACKET_BYTES), *packets[number + 1 :])
    assert has_lost(*packets, count=301)


@pytest.mark.parametrize(
    ("kinds", "layout", "last"),
    [(0x5D, "BI", 0xFF), (0x59, "BH", 0xFF), (0x6D, "HI", 0xFFFF), (0x75, "IB", 0xFFFF_FFFF)],
)
def test_a_packet_says_how_long_the_fields_of_its_payloads_are(kinds: int, layout: str, last: int) -> None:
    def packet(number: int, offset: int = 0, size: int = 9) -> bytes:
        return a_packet(a_payload(number, offset, 9, size, layout=layout), kinds=kinds)

    assert not has_lost(packet(last - 1), packet(last), packet(0), packet(1))
    assert not has_lost(packet(7, size=5), packet(7, 5, size=4))
    assert has_lost(packet(7, size=5), packet(7, 6, size=3))
    assert has_lost(packet(last), packet(1))


def test_a_payload_has_one_byte_at_least() -> None:
    assert not has_lost(whole(0, size=1), whole(1))
    assert has_lost(a_packet(a_payload(0, 0, 0, 0)))


def test_a_packet_may_have_no_padding() -> None:
    packet = a_packet(a_payload(0, 0, 103, 103))

    assert packet.endswith(b"x")
    assert not has_lost(packet)


def test_error_correction_data_in_front_have_a_length_and_no_kind() -> None:
    payload = a_payload(0, 0, 9, 9)

    assert not has_lost(a_packet(payload, front=b"\x82\xff\xff"))
    assert not has_lost(a_packet(payload, front=b"\x81\xff"))
    assert not has_lost(a_packet(payload, front=b"\x80"))
    for kind in (0x10, 0x20, 0x40):
        assert has_lost(a_packet(payload, front=bytes([0x82 | kind, 0, 0])))


def test_a_packet_of_padding_alone_is_damaged() -> None:
    assert has_lost(a_packet())
    assert has_lost(a_packet()[:1] + b"\x5d" + a_packet()[2:])
    only_padding = b"\x11\x5d" + struct.pack("<H", PACKET_BYTES - 10) + bytes(PACKET_BYTES - 4)
    assert has_lost(only_padding)


def test_a_packet_may_state_its_own_length_and_a_sequence() -> None:
    body = bytes(6) + a_payload(0, 0, 9, 9)
    flags = 2 << 5 | 1 << 1  # a length of two bytes, a sequence of one, no padding
    for length, lost in ((5 + len(body), False), (4 + len(body), True), (PACKET_BYTES + 1, True)):
        packet = bytes([flags, 0x5D]) + struct.pack("<HB", length, 99) + body
        assert has_lost(packet.ljust(PACKET_BYTES, b"\0")) is lost


def test_several_payloads_have_a_size_each() -> None:
    def sized(number: int, size: int) -> bytes:
        head, content = a_payload(number, 0, 9, 9)[:-9], b"x" * 9
        return head + struct.pack("<H", size) + content

    assert not has_lost(a_packet(sized(0, 9), sized(1, 9), several=True))
    assert has_lost(a_packet(sized(0, 9), sized(1, 10), several=True))
    assert has_lost(a_packet(sized(0, 9), sized(2, 9), several=True))


def test_a_packet_of_another_version_or_too_short_is_damaged() -> None:
    packet = whole(0)

    assert has_lost(packet[:-1])
    assert has_lost(packet[:1] + bytes([packet[1] & 0x3F]) + packet[2:])
    assert has_lost(packet[:1] + bytes([packet[1] | 0xC0]) + packet[2:])
