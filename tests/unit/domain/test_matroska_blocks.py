"""The blocks of Matroska: their sizes, tracks and times, with values on both sides of each limit."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from tests.support.frames import reader
from worker.domain.containers import matroska
from worker.domain.containers.structure import CUT_OFF, Structure

DAMAGED = "the source is damaged: the elements of the Matroska file do not fit together"
UNKNOWN = b"\xff"
AUDIO, VIDEO = 2, 1


def vint(value: int, size: int) -> bytes:
    return (1 << 7 * size | value).to_bytes(size, "big")


def element(identifier: int, body: bytes, *, size_bytes: int = 8, size: bytes | None = None) -> bytes:
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (size or vint(len(body), size_bytes)) + body


def a_track(number: int = 1, kind: int = AUDIO, *, delay_ns: int = 0) -> bytes:
    delay = element(0x56AA, delay_ns.to_bytes(4, "big")) if delay_ns else b""
    return element(0xAE, element(0xD7, bytes([number])) + element(0x83, bytes([kind])) + delay)


def a_block(time: int, *, track: int = 1, size: int = 50, size_bytes: int = 1, number_bytes: int = 1) -> bytes:
    body = vint(track, number_bytes) + struct.pack(">hB", time, 0x80) + b"\xa3" * size
    return element(0xA3, body, size_bytes=size_bytes)


def a_group(time: int, *parts: bytes, track: int = 1) -> bytes:
    return element(0xA0, element(0xA1, vint(track, 1) + struct.pack(">hB", time, 0) + b"x" * 9) + b"".join(parts))


def a_duration(length: int) -> bytes:
    return element(0x9B, length.to_bytes(4, "big"))


def a_cluster(time: int, *blocks: bytes, before: bytes = b"", size: bytes | None = None) -> bytes:
    return element(0x1F43B675, before + element(0xE7, time.to_bytes(4, "big")) + b"".join(blocks), size=size)


def a_file(
    *clusters: bytes, tracks: Sequence[bytes] = (a_track(),), info: bytes = b"", size: bytes | None = None
) -> bytes:
    body = info + element(0x1654AE6B, b"".join(tracks)) + b"".join(clusters)
    return element(0x1A45DFA3, b"") + element(0x18538067, body, size=size)


def examined(data: bytes) -> Structure:
    return matroska.examine(reader(data), 0, len(data))


def seconds(*clusters: bytes, **options: object) -> tuple[float | None, ...]:
    structure = examined(a_file(*clusters, **options))  # type: ignore[arg-type]
    assert structure.problem is None
    return structure.track_seconds


@pytest.mark.parametrize(
    ("codec", "is_short"), [(b"A_MPEG/L3", True), (b"A_MPEG/L2", True), (b"A_OPUS", True), (b"A_PCM/INT/LIT", False)]
)
@pytest.mark.parametrize(("frame", "is_zeroed"), [(bytes(15), False), (bytes(16), True), (bytes(40) + b"\1", False)])
@pytest.mark.parametrize("is_group", [False, True])
def test_blocks_of_zeros_are_lost_frames_of_the_codecs_whose_decoders_make_too_little_of_them(
    codec: bytes, frame: bytes, *, is_short: bool, is_zeroed: bool, is_group: bool
) -> None:
    track = element(0xAE, element(0xD7, b"\1") + element(0x83, bytes([AUDIO])) + element(0x86, codec))
    body = vint(1, 1) + struct.pack(">hB", 20, 0x80) + frame
    block = element(0xA0, element(0xA1, body)) if is_group else element(0xA3, body, size_bytes=1)

    structure = examined(a_file(a_cluster(0, a_block(0), block, a_block(40)), tracks=[track]))

    assert structure.problem is None
    assert structure.loses_frames == (is_short and is_zeroed)
    assert any("zeros stand" in sentence for sentence in structure.repairs) == structure.loses_frames


@pytest.mark.parametrize("size_bytes", range(1, 9))
@pytest.mark.parametrize("number_bytes", range(1, 5))
@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_block_may_have_sizes_and_numbers_of_any_length(size_bytes: int, number_bytes: int, size: int) -> None:
    blocks = [a_block(time, size=size, size_bytes=size_bytes, number_bytes=number_bytes) for time in (0, 20, 260)]

    assert seconds(a_cluster(1000, *blocks), a_cluster(1300, a_block(0))) == (0.3,)


@pytest.mark.parametrize(("size", "size_bytes"), [(122, 1), (123, 2), (200, 2), (8000, 2), (16_378, 2), (20_000, 3)])
def test_a_block_may_be_as_long_as_its_size_can_say(size: int, size_bytes: int) -> None:
    assert seconds(a_cluster(0, a_block(0, size=size, size_bytes=size_bytes), a_block(7))) == (0.007,)


@pytest.mark.parametrize(("number", "number_bytes"), [(126, 1), (127, 2), (257, 2), (0x10001, 3), (0x1000001, 4)])
def test_a_track_may_have_any_number(number: int, number_bytes: int) -> None:
    track = element(0xAE, element(0xD7, number.to_bytes(4, "big")) + element(0x83, bytes([AUDIO])))
    blocks = [a_block(time, track=number, number_bytes=number_bytes) for time in (0, 7)]

    assert seconds(a_cluster(0, *blocks), tracks=[track]) == (0.007,)


@pytest.mark.parametrize("size", range(25, 35))
def test_a_group_with_a_block_may_be_of_any_length(size: int) -> None:
    block = element(0xA1, vint(1, 1) + struct.pack(">hB", 7, 0) + bytes(size), size_bytes=1)

    assert seconds(a_cluster(0, a_block(0), element(0xA0, block, size_bytes=1))) == (0.007,)


@pytest.mark.parametrize(("first", "last"), [(-32_768, -32_700), (-1, 0), (0, 1), (255, 300), (32_700, 32_767)])
def test_the_times_of_blocks_are_signed_and_count_from_their_cluster(first: int, last: int) -> None:
    blocks = [a_block(first), a_block(last)]
    groups = [a_group(first), a_group(last)]
    long = [a_block(first, size_bytes=2), a_block(last, size_bytes=2)]
    wide = [a_block(first, number_bytes=2), a_block(last, size_bytes=4)]

    for each in (blocks, groups, long, wide):
        assert seconds(a_cluster(100_000, *each)) == pytest.approx(((last - first) / 1000,))


def test_a_track_lasts_to_the_end_of_its_last_block_less_its_delay() -> None:
    blocks = [a_block(0), a_group(40, a_duration(15))]

    assert seconds(a_cluster(0, *blocks)) == (0.055,)
    assert seconds(a_cluster(0, *blocks), tracks=[a_track(delay_ns=5_000_000)]) == (0.05,)
    assert seconds(a_cluster(0, *blocks), tracks=[a_track(delay_ns=56_000_000)]) == (0.0,)
    assert seconds(a_cluster(0, *blocks, a_block(60))) == (0.06,)  # whose own length is not stated
    assert seconds(a_cluster(0, *blocks), info=element(0x1549A966, element(0x2AD7B1, b"\x0f\x42\x40"))) == (0.055,)
    assert seconds(a_cluster(0, *blocks), info=element(0x1549A966, element(0x2AD7B1, b"\x01\x86\xa0"))) == (0.0055,)
    assert seconds(a_cluster(0, *blocks), info=element(0x1549A966, element(0x2AD7B1, b"\0"))) == (0.055,)
    assert seconds(a_cluster(0, *blocks), info=element(0x1549A966, element(0x4D80, b"an application"))) == (0.055,)


def test_each_track_of_sound_has_a_length_if_it_has_blocks() -> None:
    tracks = [a_track(1), a_track(2, VIDEO), a_track(127), a_track(4)]
    blocks = [a_block(0), a_block(0, track=2), a_block(50, track=127), a_block(20), a_block(90, track=2)]

    assert seconds(a_cluster(0, *blocks), a_cluster(80, a_block(0, track=127)), tracks=tracks) == (0.02, 0.03, None)


def test_a_cluster_that_states_no_time_begins_at_0() -> None:
    assert seconds(element(0x1F43B675, a_block(5)), a_cluster(0, a_block(20))) == (0.015,)


def test_a_track_without_a_number_has_none_of_the_blocks() -> None:
    without = element(0xAE, element(0x83, bytes([AUDIO])))

    assert examined(a_file(a_cluster(0, a_block(0)), tracks=[without])).problem == DAMAGED


def test_a_track_of_no_kind_is_no_sound_and_no_pictures() -> None:
    of_no_kind = element(0xAE, element(0xD7, b"\2"))
    checked = element(0x1F43B675, element(0xBF, b"\0\0\0\0") + a_block(0))

    assert seconds(a_cluster(0, a_block(0), a_block(7, track=2)), tracks=[a_track(), of_no_kind]) == (0.0,)
    assert examined(a_file(checked, tracks=[a_track(), of_no_kind])).problem == DAMAGED
    assert examined(a_file(checked, tracks=[a_track(), a_track(2, VIDEO)])).problem is None


@pytest.mark.parametrize(("back", "problem"), [(5, None), (6, DAMAGED)])
def test_the_times_of_sound_may_go_back_by_five_milliseconds(back: int, problem: str | None) -> None:
    blocks = [a_block(100), a_block(100 - back)]
    pictures = [a_block(100, track=2), a_block(0, track=2)]

    assert examined(a_file(a_cluster(0, *blocks))).problem == problem
    assert examined(a_file(a_cluster(0, blocks[0]), a_cluster(100 - back, a_block(0)))).problem == problem
    assert seconds(a_cluster(0, *pictures), tracks=[a_track(), a_track(2, VIDEO)]) == (None,)


def test_a_block_is_of_a_track_and_within_its_cluster() -> None:
    good = a_block(0)

    assert examined(a_file(a_cluster(0, good, a_block(0, track=2)))).problem == DAMAGED
    for wrong in (
        good[:1] + vint(900, 2) + good[2:],
        element(0xA3, b""),
        element(0xA0, a_duration(5)),
        element(0xA4, b"x" * 9),
        element(0xA0, good, size=UNKNOWN),
        element(0xE7, bytes(9)),
        element(0xA7, bytes(9)),
    ):
        assert examined(a_file(a_cluster(0, good, wrong))).problem == DAMAGED
    for right in (element(0xEC, b"void"), element(0xA7, b"\x05"), element(0x5854, b"x"), element(0xEC, b"")):
        assert examined(a_file(a_cluster(0, good, right, good))).problem is None


def test_a_cluster_states_the_size_of_the_one_before_it() -> None:
    first = a_cluster(0, a_block(0))

    for size, problem in ((len(first), None), (len(first) + 1, DAMAGED), (len(first) - 1, DAMAGED)):
        second = a_cluster(20, a_block(0), before=element(0xAB, size.to_bytes(2, "big")))
        assert examined(a_file(first, second)).problem == problem
    assert examined(a_file(a_cluster(0, a_block(0), before=element(0xAB, b"\x07")))).problem is None


def test_clusters_of_unknown_size_end_where_the_next_one_begins() -> None:
    clusters = [a_cluster(time, a_block(0), a_block(10), size=UNKNOWN) for time in (0, 20)]
    data = a_file(*clusters, size=UNKNOWN)

    assert (examined(data).problem, examined(data).end, examined(data).track_seconds) == (None, len(data), (0.03,))
    assert examined(data[:-1]).problem == CUT_OFF
    known = a_file(*clusters)
    assert (examined(known).problem, examined(known).track_seconds) == (None, (0.03,))
    tagged = a_file(*clusters, element(0x1254C367, b""), size=UNKNOWN)
    assert examined(tagged).problem is None


@pytest.mark.parametrize("name", [0x114D9B74, 0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469, 0xEC])
def test_what_else_a_segment_holds_may_follow_on_a_cluster(name: int) -> None:
    for size in (None, UNKNOWN):
        data = a_file(a_cluster(0, a_block(0), size=size), element(name, b""), a_cluster(9, a_block(0)), size=size)
        assert (examined(data).problem, examined(data).track_seconds) == (None, (0.009,))
    assert examined(a_file(a_cluster(0, a_block(0)), element(name + 1, b""))).problem == DAMAGED


def test_a_segment_ends_where_it_says_and_the_file_with_it() -> None:
    data = a_file(a_cluster(0, a_block(0)))

    for length in range(1, len(data)):
        assert examined(data[:length]).problem == CUT_OFF
    assert examined(data + b"\0" * 9).read_range == (0, len(data))
    voids = element(0x1A45DFA3, b"") + element(0xEC, b"xx") + data[len(element(0x1A45DFA3, b"")) :]
    assert examined(voids).problem is None
