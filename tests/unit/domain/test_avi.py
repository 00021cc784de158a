"""AVI: what its indexes and the headers of its streams say of the chunks."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.support.frames import reader
from worker.domain.containers.avi import examine
from worker.domain.containers.structure import Patch, Structure

Chunk = tuple[bytes, bytes]
SOUND, PICTURE = (b"00wb", bytes(4)), (b"01dc", bytes(6))
MOVIE = [SOUND, PICTURE] * 10
LACKING = "the source is damaged: the index of the AVI file lists sound that is not there"


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def header(kind: bytes, *, length: int, sample_bytes: int = 0, rate: int = 44_100) -> bytes:
    """Of a stream, whose chunks have 1152 samples (AVISTREAMHEADER)."""
    content = kind + bytes(16) + struct.pack("<IIII", 1152, rate, 0, length) + bytes(8)
    return chunk(b"strh", content + struct.pack("<I", sample_bytes) + bytes(8))


def old_index(chunks: Sequence[Chunk]) -> bytes:
    return chunk(b"idx1", b"".join(struct.pack("<4sIII", name, 16, 4, len(content)) for name, content in chunks))


def part_index(name: bytes, count: int, kind: int = 1) -> Chunk:
    """Of one part of an OpenDML file, with `count` entries."""
    return b"ix" + name[:2], struct.pack("<HBBI4s", 2, 0, kind, count, name) + bytes(12 + 8 * count)


def part(chunks: Sequence[Chunk], *, before: bytes = b"", behind: bytes = b"", form: bytes = b"AVI ") -> bytes:
    movie = chunk(b"LIST", b"movi" + b"".join(chunk(*each) for each in chunks))
    return chunk(b"RIFF", form + before + movie + behind)


def examined(data: bytes) -> Structure:
    return examine(reader(data), 0, len(data))


@pytest.mark.parametrize(("tag", "is_passed_over"), [(0x50, True), (0x55, True), (0x2001, True), (1, False)])
@pytest.mark.parametrize(("zeros", "are_enough"), [(0, False), (15, False), (16, True), (400, True)])
def test_chunks_of_zeros_are_lost_frames_of_the_codecs_whose_zeros_are_passed_over(
    tag: int, zeros: int, *, is_passed_over: bool, are_enough: bool
) -> None:
    chunks = [(b"00wb", b"\xff" * 400), (b"00wb", bytes(zeros)), (b"00wb", bytes(20) + b"\1"), (b"01dc", bytes(400))]
    before = header(b"auds", length=9, sample_bytes=1) + chunk(b"strf", struct.pack("<H", tag) + bytes(16))

    structure = examined(part(chunks, before=before))

    assert structure.loses_frames == (is_passed_over and are_enough)
    assert any("zeros stand" in sentence for sentence in structure.repairs) == structure.loses_frames


def test_an_index_that_lists_what_is_there_is_right() -> None:
    assert examined(part(MOVIE, behind=old_index(MOVIE))).problem is None
    assert examined(part([*MOVIE, part_index(b"00wb", 10)])).problem is None


@pytest.mark.parametrize("name", [b"JUNK", b"\x700wb", b"02wb"])
def test_sound_of_which_the_name_is_damaged_is_missed_in_the_index(name: bytes) -> None:
    damaged = [*MOVIE[:4], (name, bytes(4)), *MOVIE[5:]]

    assert examined(part(damaged, behind=old_index(MOVIE))).problem == LACKING


def test_a_chunk_that_takes_in_the_sound_behind_it_is_damage() -> None:
    picture = (b"01dc", bytes(6) + chunk(*SOUND))

    assert examined(part([*MOVIE[:5], picture, *MOVIE[7:]], behind=old_index(MOVIE))).problem == LACKING


def test_sound_that_takes_in_a_picture_is_damage() -> None:
    sound = (b"00wb", bytes(4) + chunk(*PICTURE))

    assert examined(part([*MOVIE[:4], sound, *MOVIE[6:]], behind=old_index(MOVIE))).problem == LACKING


def test_pictures_that_are_missing_are_no_lost_sound() -> None:
    assert examined(part([*MOVIE[:5], *MOVIE[6:]], behind=old_index(MOVIE))).problem is None


@pytest.mark.parametrize(
    "index",
    [
        old_index(MOVIE[:8]),
        old_index([]),
        old_index([(name, content * 2) for name, content in MOVIE]),
        old_index([(b"7Fxx" if name == b"00wb" else name, content) for name, content in MOVIE]),
        old_index([*MOVIE, (b"rec ", b"")]),
        old_index(MOVIE)[:-3],
    ],
    ids=["short", "empty", "other sizes", "other names", "lists", "cut"],
)
def test_an_index_that_is_wrong_itself_is_no_lost_sound(index: bytes) -> None:
    whole = chunk(b"idx1", index[8:])

    assert examined(part(MOVIE, behind=whole)).problem is None


def test_the_index_of_a_part_counts_the_sound_of_all_parts() -> None:
    second = part([*MOVIE[:6], part_index(b"00wb", 4)], form=b"AVIX")

    assert examined(part([*MOVIE, part_index(b"00wb", 10)]) + second).problem == LACKING


@pytest.mark.parametrize("other", [part_index(b"00wb", 99, kind=0), part_index(b"01dc", 99), (b"ix00", bytes(8))])
def test_an_index_of_something_else_lists_no_sound(other: Chunk) -> None:
    assert examined(part([*MOVIE, other])).problem is None


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [
        (header(b"auds", length=10), 10 * 1152 / 44_100),
        (header(b"auds", length=9), None),
        (header(b"auds", length=10, sample_bytes=1), None),
        (header(b"auds", length=10, rate=0), None),
        (chunk(b"strh", b"auds" + bytes(40)), None),
    ],
    ids=["a frame in each chunk", "another count", "bytes", "no rate", "short"],
)
def test_a_stream_of_sound_with_a_frame_in_each_chunk_has_an_exact_length(sound: bytes, seconds: float | None) -> None:
    structure = examined(part(MOVIE, before=sound + header(b"vids", length=10)))

    assert structure.track_seconds == (() if len(sound) < 56 else (seconds,))


@pytest.mark.parametrize(
    ("block_bytes", "empty", "counted", "is_told"),
    [(4, 4, 6, True), (1152, 4, 6, True), (4, 3, 7, False), (3, 4, 10, False), (0, 4, 10, False)],
)
def test_empty_chunks_of_sound_are_pauses_without_time(
    block_bytes: int, empty: int, counted: int, *, is_told: bool
) -> None:
    """Where a block is shorter than the chunks, they are timed otherwise, and nothing is said of pauses."""
    sound_format = chunk(b"strf", struct.pack("<HHIIHH", 0x55, 1, 44_100, 16_000, block_bytes, 0))
    movie = [SOUND, *[(b"00wb", b"")] * empty, PICTURE, *[SOUND] * (9 - empty), PICTURE]

    structure = examined(part(movie, before=header(b"auds", length=10) + sound_format + header(b"vids", length=2)))

    assert structure.problem is None
    assert structure.track_seconds == (counted * 1152 / 44_100,)
    assert len(structure.repairs) == is_told


@pytest.mark.parametrize(
    ("channels", "bits", "block_bytes", "frame_bytes", "is_wrong"),
    [
        (1, 8, 1, 3, True),
        (1, 16, 2, 3, True),
        (1, 16, 2, 2, False),
        (6, 24, 18, 4000, True),
        (6, 24, 12, 4000, False),
        (2, 0, 1152, 1440, True),
        (2, 0, 1152, 1152, False),
        (2, 0, 1153, 1440, False),
        (2, 0, 0, 1440, False),
    ],
)
def test_a_size_of_blocks_that_is_too_small_for_frames_is_left_out(
    channels: int, bits: int, block_bytes: int, frame_bytes: int, *, is_wrong: bool
) -> None:
    sound_format = chunk(b"strf", struct.pack("<HHIIHH", 0x2001, channels, 44_100, 16_000, block_bytes, bits))
    of_pictures = header(b"vids", length=2) + chunk(b"strf", b"\xff" * 40)
    movie = [(b"00dc", b"xx"), (b"01wb", bytes(frame_bytes)), (b"00dc", b"xx"), (b"01wb", b"")]

    for length in (2, 3):
        data = part(movie, before=of_pictures + header(b"auds", length=length) + sound_format)
        place = Patch(data.index(sound_format) + 8 + 12, 2)
        assert examined(data).patches == ((place,) if is_wrong and length == 2 else ())
        assert not examined(data).mends_header
    assert examined(part(movie, before=of_pictures + header(b"auds", length=2))).patches == ()
    assert examined(part(movie, before=of_pictures + header(b"auds", length=2) + chunk(b"strf", b"\1"))).patches == ()


def test_frames_may_have_a_single_byte() -> None:
    sound_format = chunk(b"strf", struct.pack("<HHIIHH", 0x55, 1, 44_100, 16_000, 4, 0))
    movie = [(b"00wb", b"x")] * 6 + [(b"00wb", b"")] * 4

    assert len(examined(part(movie, before=header(b"auds", length=10) + sound_format)).repairs) == 1


def test_empty_chunks_of_pictures_are_no_pauses() -> None:
    picture_format = chunk(b"strf", bytes(12) + b"\xff\xff" + bytes(26))
    before = header(b"auds", length=10) + header(b"vids", length=10) + picture_format

    assert examined(part([SOUND, (b"01dc", b"")] * 10, before=before)).repairs == ()


def test_each_stream_of_sound_has_its_length() -> None:
    streams = header(b"vids", length=4) + header(b"auds", length=5) + header(b"auds", length=6)
    chunks = [(b"00dc", b"")] * 4 + [(b"01wb", b"")] * 5 + [(b"02wb", b"")] * 6

    assert examined(part(chunks, before=streams)).track_seconds == pytest.approx(
        (5 * 1152 / 44_100, 6 * 1152 / 44_100)
    )


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
def test_a_list_of_which_the_size_was_not_known_ends_with_its_part(size: int) -> None:
    movie = b"LIST" + struct.pack("<I", size) + b"movi" + b"".join(chunk(*each) for each in MOVIE)

    structure = examined(chunk(b"RIFF", b"AVI " + header(b"auds", length=10) + movie))

    assert structure.problem is None
    assert structure.track_seconds == pytest.approx((10 * 1152 / 44_100,))


@pytest.mark.parametrize(("rest", "is_whole"), [(b"", True), (b"\0", True), (b"\0\0", False)])
def test_behind_the_last_chunk_of_a_part_there_may_be_a_byte_of_padding(rest: bytes, *, is_whole: bool) -> None:
    assert (examined(part(MOVIE, behind=rest)).problem is None) is is_whole


def test_long_headers_and_indexes_of_streams_are_not_read_whole() -> None:
    streams = chunk(b"strh", b"auds" + bytes(200_000)) * 3
    data = part([*MOVIE, (b"ix00", bytes(200_000))], before=streams)
    reads: list[int] = []

    def read_at(offset: int, size: int) -> bytes:
        reads.append(size)
        return data[offset : offset + size]

    assert examine(read_at, 0, len(data)).problem is None
    assert max(reads) <= 16_384


def test_of_the_headers_of_streams_as_many_count_as_there_are_numbers() -> None:
    streams = header(b"auds", length=1) * 1000

    assert len(examined(part(MOVIE, before=streams)).track_seconds) == 100
