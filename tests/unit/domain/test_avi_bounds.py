"""The chunks of AVI at the ends of what contains them, with values on both sides of each limit."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers.avi import examine
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Structure

LACKING = "the source is damaged: the index of the AVI file lists sound that is not there"
NOT_IN_A_ROW = "the source is damaged: the chunks of the AVI file do not follow each other"


def chunk(name: bytes, content: bytes, *, length: int | None = None, pads: bool = True) -> bytes:
    padding = b"\0" * (len(content) % 2 if pads else 0)
    return name + struct.pack("<I", len(content) if length is None else length) + content + padding


def a_list(*chunks: bytes, name: bytes = b"movi", length: int | None = None) -> bytes:
    return chunk(b"LIST", name + b"".join(chunks), length=length)


def a_part(*chunks: bytes, form: bytes = b"AVI ", length: int | None = None) -> bytes:
    return chunk(b"RIFF", form + b"".join(chunks), length=length)


def examined(data: bytes) -> Structure:
    return examine(reader(data), 0, len(data))


SOUND = chunk(b"00wb", b"sound!")


def test_lists_end_where_their_parents_do() -> None:
    inner = a_list(SOUND, name=b"rec ")
    data = a_part(a_list(a_list(name=b"odml"), inner, inner), chunk(b"JUNK", b""), SOUND)

    structure = examined(data)

    assert (structure.problem, structure.end, structure.repairs) == (None, len(data), ())
    for length in (3, len(b"movi" + SOUND) + 1, 900):
        assert examined(a_part(a_list(SOUND, length=length))).problem == NOT_IN_A_ROW
    assert examined(a_part(a_list(length=4))).problem is None


@pytest.mark.parametrize(("length", "problem"), [(6, None), (7, NOT_IN_A_ROW), (99, NOT_IN_A_ROW)])
def test_a_chunk_ends_where_its_part_does(length: int, problem: str | None) -> None:
    last = chunk(b"00wb", b"sound!", length=length)

    assert examined(a_part(last)).problem == problem


def test_a_chunk_has_a_name_of_letters_and_a_length() -> None:
    for name in (b"00wb", b"JUNK", b"ix_0", b"a b "):
        assert examined(a_part(SOUND, chunk(name, b"xx"))).problem is None
    for name in (b"\0\0wb", b"00w-", b"\xff00b"):
        assert examined(a_part(SOUND, chunk(name, b"xx"))).problem == NOT_IN_A_ROW
    assert examined(a_part(SOUND, b"JUNK\0\0\0")).problem == NOT_IN_A_ROW
    assert examined(a_part(SOUND, b"JUNK")).problem == NOT_IN_A_ROW


def test_a_byte_of_padding_behind_a_chunk_of_an_odd_length_may_be_left_out() -> None:
    odd = b"sound"

    for parts in (
        [chunk(b"00wb", odd), SOUND],
        [chunk(b"00wb", odd, pads=False), SOUND],
        [a_list(SOUND, chunk(b"00wb", odd)), SOUND],
        [SOUND, chunk(b"00wb", odd, pads=False)],
        [SOUND, chunk(b"00wb", odd)],
    ):
        data = a_part(*parts)
        assert (examined(data).problem, examined(data).end) == (None, len(data))
    even = chunk(b"00wb", b"sounds") + b"\0"
    assert examined(a_part(even, SOUND)).problem == NOT_IN_A_ROW


def test_a_byte_of_padding_may_follow_a_list_of_an_odd_length() -> None:
    odd = b"INFO" + chunk(b"ISFT", b"Lavf\0", pads=False)
    inner = chunk(b"LIST", b"rec " + SOUND + chunk(b"00wb", b"sound", pads=False))

    for parts in (
        [chunk(b"LIST", odd), SOUND],
        [chunk(b"LIST", odd, pads=False), SOUND],
        [SOUND, chunk(b"LIST", odd)],
        [a_list(inner, SOUND), SOUND],
        [a_list(inner), SOUND],
    ):
        data = a_part(*parts)
        assert (examined(data).problem, examined(data).end) == (None, len(data))
    assert examined(a_part(chunk(b"LIST", odd) + b"\0", SOUND)).problem == NOT_IN_A_ROW
    assert examined(a_part(a_list(SOUND) + b"\0", SOUND)).problem == NOT_IN_A_ROW


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF])
def test_a_recorder_that_could_not_go_back_leaves_the_sizes_open(length: int) -> None:
    data = a_part(a_list(SOUND, SOUND, length=length), length=length)

    assert (examined(data).problem, examined(data).end) == (None, len(data))
    for cut in (1, 6, 7, 10):
        assert examined(data[:-cut]).problem == CUT_OFF


def test_parts_of_opendml_follow_each_other_and_what_is_none_ends_them() -> None:
    first, second = a_part(a_list(SOUND)), a_part(a_list(SOUND, chunk(b"00wb", b"s")), form=b"AVIX")
    odd = a_part(SOUND, chunk(b"00wb", b"s", pads=False))

    for data in (first + second, first + second * 3, odd + second):
        assert (examined(data).problem, examined(data).end, examined(data).read_range) == (None, len(data), None)
    for wrong in (second.replace(b"AVIX", b"AVIY"), second.replace(b"RIFF", b"RIFX"), second[:11], b"junk" * 9):
        structure = examined(first + wrong)
        assert (structure.problem, structure.end, structure.repairs) == (None, len(first), (BYTES_BEHIND,))
        assert structure.read_range == (0, len(first))
    assert examined(first + second[:-1]).problem == CUT_OFF
    assert examined(first[:-1]).problem == CUT_OFF


def test_a_second_file_is_none_of_the_parts_of_the_first() -> None:
    whole = a_part(a_list(SOUND))

    for second in (whole, b"ID3\4\0\0\0\0\0\1x" + whole):
        assert (examined(whole + second).problem, examined(whole + second).end) == (JOINED, len(whole))


def a_stream(kind: bytes = b"auds", *, length: int = 2, scale: int = 1152, rate: int = 48_000, size: int = 0) -> bytes:
    head = kind + b"\xff" * 16 + struct.pack("<IIII", scale, rate, 7, length) + b"\xff" * 8
    return chunk(b"strh", head + struct.pack("<I", size) + b"\xff" * 8)


@pytest.mark.parametrize(
    ("stream", "seconds"),
    [
        (a_stream(), (2 * 1152 / 48_000,)),
        (a_stream(scale=1, rate=1), (2.0,)),
        (a_stream(length=3), (None,)),
        (a_stream(length=1), (None,)),
        (a_stream(rate=0), (None,)),
        (a_stream(size=1), (None,)),
        (a_stream(size=1 << 24), (None,)),
        (a_stream(b"vids"), ()),
    ],
)
def test_the_header_of_a_stream_has_the_length_of_its_chunks(stream: bytes, seconds: tuple[float | None, ...]) -> None:
    assert examined(a_part(stream, a_list(SOUND, SOUND))).track_seconds == seconds


def test_streams_have_numbers_of_two_digits_in_the_order_of_their_headers() -> None:
    headers = [a_stream(b"vids")] * 10 + [a_stream(length=3), a_stream(length=1)]
    chunks = [chunk(b"10wb", b"ab")] * 3 + [chunk(b"11wb", b"ab"), chunk(b"01wb", b"")]

    assert examined(a_part(*headers, a_list(*chunks))).track_seconds == (3 * 1152 / 48_000, 1152 / 48_000)


def an_index_of_part(count: int, *, name: bytes = b"10wb", kind: int = 1) -> bytes:
    return chunk(b"ix" + name[:2], struct.pack("<HBBI4s", 2, 0xFF, kind, count, name) + b"\xff" * 8)


@pytest.mark.parametrize(("count", "problem"), [(1, None), (2, None), (3, LACKING), (1 << 24, LACKING)])
def test_an_index_of_a_part_lists_the_chunks_that_are_there(count: int, problem: str | None) -> None:
    chunks = [chunk(b"10wb", b"ab")] * 2 + [chunk(b"01wb", b"ab")] * 9

    assert examined(a_part(a_list(*chunks, an_index_of_part(count)))).problem == problem
    halves = [an_index_of_part(count // 2), an_index_of_part(count - count // 2)]
    assert examined(a_part(a_list(*chunks, *halves))).problem == problem
    for other in (
        an_index_of_part(count, name=b"10dc"),
        an_index_of_part(count, kind=0),
        an_index_of_part(count)[:18],
    ):
        length = (len(other) - 8).to_bytes(4, "little")
        assert examined(a_part(a_list(*chunks, other[:4] + length + other[8:]))).problem is None
    for name in (b"1xwb", b"x1wb"):
        assert examined(a_part(a_list(*chunks, an_index_of_part(count, name=name)))).problem is None


def an_old_index(*entries: tuple[bytes, int]) -> bytes:
    return chunk(b"idx1", b"".join(struct.pack("<4sIII", name, 16, 4, size) for name, size in entries))


def test_an_old_index_lists_the_chunks_of_each_stream_with_their_sizes() -> None:
    movie = a_list(chunk(b"00wb", b"abcd"), chunk(b"01dc", b"ef"), chunk(b"12wb", b"gh"))
    right = [(b"00wb", 4), (b"01dc", 2), (b"12wb", 2)]

    assert examined(a_part(movie, an_old_index(*right))).problem is None
    assert examined(a_part(movie, an_old_index(*right, (b"12wb", 2)))).problem == LACKING
    assert examined(a_part(movie, an_old_index(*right, (b"13wb", 2)))).problem == LACKING
    otherwise = (b"12pc", 2)  # an audio stream by another name
    assert examined(a_part(movie, an_old_index(*right[:2], otherwise, otherwise))).problem == LACKING
    assert examined(a_part(movie, an_old_index(*right, (b"01dc", 2)))).problem is None  # a picture is missing
    taken_in = [(b"00wb", 3), *right[1:], (b"01dc", 2)]
    assert examined(a_part(movie, an_old_index(*taken_in))).problem == LACKING  # and sound is longer than it was
    assert examined(a_part(movie, an_old_index(*taken_in[:-1]))).problem is None
    assert examined(a_part(movie, chunk(b"idx1", an_old_index(*right, (b"12wb", 2))[8:-1]))).problem is None
