"""AVI, FLV and MPEG streams: whether the pieces follow each other to the end."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers import flv
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine, sniff
from worker.domain.containers.structure import CUT_OFF, Structure

NAMES = ["plain.flv", "video.flv", "plain.avi", "video.avi", "video.mpg", "video.vob", "plain.ts", "video.ts"]
KINDS = [Container.FLV, Container.AVI, Container.MPEGPS, Container.MPEGTS]
FLV_DAMAGED = "the tags of the FLV file do not follow each other"
PASSED_OVER = "bytes behind the end of the sound are none of its container and were passed over"


def examined(data: bytes) -> Structure:
    return examine(sniff(reader(data), len(data)), reader(data), len(data))


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_has_no_problem_and_no_repairs(name: str) -> None:
    data = sound(name).read_bytes()

    structure = examined(data)

    assert (structure.begin, structure.end) == (0, len(data))
    assert structure.problem is None
    assert structure.repairs == ()
    assert structure.read_range is None


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_cut_within_a_packet_is_noticed(name: str, data: st.DataObject) -> None:
    whole = sound(name).read_bytes()
    length = data.draw(st.integers(2000, len(whole) - 1))

    structure = examined(whole[:length])

    if structure.problem is None:  # it ends with a packet: one byte less or more is none
        assert examined(whole[: length - 1]).problem
        assert length + 1 == len(whole) or examined(whole[: length + 1]).problem


@pytest.mark.parametrize("name", ["plain.ts", "video.ts"])
def test_packets_of_sound_that_were_received_with_errors_are_said(name: str) -> None:
    whole = sound(name).read_bytes()
    marked = bytearray(whole)
    marked[1::188] = bytes(byte | 0x80 for byte in whole[1::188])

    structure = examined(bytes(marked))

    assert structure.problem is None
    (said,) = structure.repairs
    count, _, rest = said.partition(" ")
    assert 10 < int(count) < len(whole) // 188
    assert rest == "audio packets were received with errors, as their receiver has marked them"


@pytest.mark.parametrize("name", NAMES)
@given(begin=st.floats(0.1, 0.85))
def test_a_tenth_deleted_or_swapped_is_noticed(name: str, begin: float) -> None:
    whole = sound(name).read_bytes()
    first, middle, behind = (int((begin + part) * len(whole)) for part in (0, 0.05, 0.1))

    assert examined(whole[:first] + whole[behind:]).problem
    if name != "video.ts":  # where a twentieth may be pictures alone
        swapped = whole[:first] + whole[middle:behind] + whole[first:middle] + whole[behind:]
        assert examined(swapped).problem


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("junk", [bytes(5000), b"\xff" * 70_000, b"TAG" + bytes(125)], ids=["zeros", "ones", "tag"])
def test_what_follows_the_last_packet_is_passed_over_and_mentioned(name: str, junk: bytes) -> None:
    whole = sound(name).read_bytes()

    structure = examined(whole + junk)

    assert structure.problem is None
    assert structure.repairs == (PASSED_OVER,)
    assert structure.read_range == (0, len(whole))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("junk", [bytes(70), b"\xffjunk" * 999], ids=["zeros", "junk"])
def test_what_comes_before_the_first_packet_is_skipped(name: str, junk: bytes) -> None:
    whole = sound(name).read_bytes()

    structure = examined(junk + whole)

    assert structure.problem is None
    assert structure.read_range == (len(junk), len(junk) + len(whole))


@pytest.mark.parametrize("name", NAMES)
def test_junk_behind_is_passed_over_and_that_is_said(name: str) -> None:
    data = sound(name).read_bytes() + b"\xffjunk" * 999

    assert (examined(data).problem, examined(data).repairs) == (None, (PASSED_OVER,))


def test_zeros_to_the_end_of_an_flv_are_damage_by_its_stated_duration() -> None:
    whole = sound("plain.flv").read_bytes()

    assert examined(whole[: len(whole) // 2] + bytes(len(whole) // 2)).problem


def test_a_transport_stream_that_is_damaged_before_its_sound_begins_may_have_lost_its_beginning() -> None:
    whole = sound("video.ts").read_bytes()

    assert examined(whole[: 8 * 188] + bytes(40 * 188) + whole[48 * 188 :]).problem


FLV_HEAD = b"FLV\1\4\0\0\0\x09\0\0\0\0"


def a_tag(time_ms: int, *, kind: int = 8, stated_bytes: int = 4, content: bytes = bytes(4)) -> bytes:
    header = bytes((kind,)) + stated_bytes.to_bytes(3, "big") + time_ms.to_bytes(3, "big") + bytes(4)
    return header + content + (11 + len(content)).to_bytes(4, "big")


def a_duration(seconds: float) -> bytes:
    """The first tag, of which only the duration is read."""
    content = b"\x02\0\x0aonMetaData" + b"\0\x08duration\0" + struct.pack(">d", seconds)
    return a_tag(0, kind=18, stated_bytes=len(content), content=content)


def test_a_tag_of_an_flv_whose_size_is_damaged_is_damage_and_no_cut() -> None:
    tags = [a_tag(time) for time in range(0, 500, 23)]
    tags[5] = a_tag(115, stated_bytes=1 << 20)

    assert examined(FLV_HEAD + b"".join(tags)).problem == "the source is damaged: " + FLV_DAMAGED
    assert examined(FLV_HEAD + b"".join(tags[:6])).problem == CUT_OFF


@pytest.mark.parametrize("unit", [b"\0\0\0\1", b"\x08" + bytes(10), b"\x08" + bytes(9) + b"\1", b"\xff\0\0\0"])
def test_what_lies_behind_the_tags_of_an_flv_is_read_once(unit: bytes) -> None:
    data = FLV_HEAD + a_tag(0) + a_tag(23) + b"\xff" * 16 + unit * 20_000
    reads: list[int] = []

    def read_at(offset: int, size: int) -> bytes:
        reads.append(len(data[offset : offset + size]))
        return data[offset : offset + size]

    flv.examine(read_at, 0, len(data))

    assert len(reads) < 2100
    assert sum(reads) < 3 * len(data)


@pytest.mark.parametrize("gap_bytes", [16, 1 << 20, (1 << 20) + 5, (1 << 20) - 45])
def test_tags_behind_junk_in_an_flv_are_lost_sound(gap_bytes: int) -> None:
    whole = FLV_HEAD + a_tag(0) + a_tag(23)

    assert examined(whole + b"\xff" * gap_bytes + a_tag(46)).problem == "the source is damaged: " + FLV_DAMAGED
    assert examined(whole + b"\xff" * gap_bytes + a_tag(46)[:-1]).problem is None


def test_the_last_tag_of_an_flv_is_as_long_as_the_others() -> None:
    sound = b"".join(a_tag(time) for time in range(100, 330, 23))

    assert examined(FLV_HEAD + sound).track_seconds == pytest.approx((0.23,))


@pytest.mark.parametrize(
    ("stated", "repairs"),
    [
        (0.33, ()),
        (0.42, ()),
        (0.5, ("its header states 0.17 s more than its tags have",)),
        (0.0, ()),
        (float("nan"), ()),
        (float("inf"), ()),
    ],
)
def test_tags_that_an_flv_lacks_at_its_end_by_its_duration_are_said(stated: float, repairs: tuple[str, ...]) -> None:
    sound = b"".join(a_tag(time) for time in range(100, 330, 23))
    pictures = b"".join(a_tag(time, kind=9) for time in range(0, 250, 50))

    assert examined(FLV_HEAD + a_duration(stated) + sound).repairs == repairs
    assert examined(FLV_HEAD + a_duration(stated) + pictures + sound).repairs == repairs


def test_pictures_to_the_stated_end_of_an_flv_lack_nothing() -> None:
    sound = b"".join(a_tag(time) for time in range(100, 330, 23))
    pictures = b"".join(a_tag(time, kind=9) for time in range(0, 500, 50))

    assert examined(FLV_HEAD + a_duration(0.5) + sound + pictures).repairs == ()


def test_two_tags_of_sound_in_the_wrong_order_are_damage() -> None:
    assert examined(FLV_HEAD + a_tag(0) + a_tag(23) + a_tag(46)).problem is None
    assert examined(FLV_HEAD + a_tag(0) + a_tag(46) + a_tag(23)).problem


@pytest.mark.parametrize("padding", [b"", b"\0", b"x"])
def test_the_padding_of_an_odd_chunk_of_an_avi_may_be_missing(padding: bytes) -> None:
    chunks = (b"01wb" + struct.pack("<I", 3) + b"abc" + padding) * 3 + b"01wb" + struct.pack("<I", 2) + b"ab"
    movie = b"LIST" + struct.pack("<I", 4 + len(chunks)) + b"movi" + chunks
    data = b"RIFF" + struct.pack("<I", 4 + len(movie)) + b"AVI " + movie

    assert examined(data).problem is None


def test_zeros_in_the_middle_are_damage() -> None:
    for name in NAMES:
        whole = bytearray(sound(name).read_bytes())
        begin, length = len(whole) // 2, len(whole) // 10
        whole[begin : begin + length] = bytes(length)
        assert examined(bytes(whole)).problem


@given(
    st.sampled_from(KINDS), st.sampled_from(NAMES), st.integers(0, 9000), st.integers(0, 9000), st.binary(max_size=80)
)
@example(Container.AVI, "plain.avi", 0, 0, b"RIFF\xff\xff\xff\xffAVI " + b"LIST\0\0\0\0" * 9)
@example(Container.FLV, "plain.flv", 0, 0, b"FLV\1\1\0\0\0\x09\0\0\0\0" + bytes(60))
def test_any_bytes_have_an_answer(kind: Container, name: str, begin: int, length: int, junk: bytes) -> None:
    data = junk + sound(name).read_bytes()[begin : begin + length]

    structure = examine(Sniffed(kind, 0), reader(data), len(data))

    assert 0 <= structure.begin <= structure.end <= len(data)


def test_a_movie_of_gigabytes_is_not_read() -> None:
    head = bytes.fromhex("464c56010500000009" + "00000000")
    picture_bytes, pictures, asked = 4_000_000, 1000, 0
    tag = b"\x09" + picture_bytes.to_bytes(3, "big") + bytes(7)
    unit = len(tag) + picture_bytes + 4
    total = len(head) + pictures * unit

    def read_at(offset: int, size: int) -> bytes:
        nonlocal asked
        size = max(0, min(size, total - offset))
        asked += size
        if offset < len(head):
            return (head + tag + bytes(size))[offset : offset + size]
        within = (offset - len(head)) % unit
        if within < len(tag):
            return (tag + bytes(size))[within : within + size]
        behind = within - len(tag) - picture_bytes
        return ((picture_bytes + len(tag)).to_bytes(4, "big") + tag + bytes(size))[behind : behind + size]

    structure = examine(Sniffed(Container.FLV, 0), read_at, total)

    assert structure.problem is None
    assert asked < 50 << 20


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".avi")])
def test_zeros_that_begin_amid_a_packet_are_in_the_place_of_others(name: str) -> None:
    whole = sound(name).read_bytes()
    end = len(whole) * 2 // 3 // 188 * 188 - 94

    assert examined(whole[:end] + bytes(len(whole) - end)).problem


def test_zeros_behind_a_transport_packet_amid_a_packet_of_sound_are_in_the_place_of_others() -> None:
    whole = sound("plain.ts").read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    last_begin = max(number for number, packet in enumerate(packets) if packet[1] & 0x40 and packet[1] & 31)
    end = 188 * (last_begin + 1)

    assert examined(whole[:end]).problem is None
    assert examined(whole[:end] + bytes(5000)).problem == "the source is damaged: zeros begin amid its sound"


def test_zeros_behind_a_transport_stream_may_be_any_length() -> None:
    whole = sound("plain.ts").read_bytes()

    structure = examined(whole + bytes(700_000))

    assert (structure.problem, structure.end) == (None, len(whole))
