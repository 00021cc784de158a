"""What the elements of a Matroska file say: whether all are there, and how long each audio track is."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers import matroska
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Structure

NAMES = ["plain.webm", "live.webm", "video.mkv"]
DAMAGED = "the source is damaged: the elements of the Matroska file do not fit together"
UNKNOWN = b"\x01" + b"\xff" * 7


def element(identifier: int, body: bytes, *, size: bytes | None = None) -> bytes:
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (size or struct.pack(">Q", len(body) | 1 << 56)) + body


def track(number: int, kind: int = 2, codec_delay_ns: int = 0) -> bytes:
    body = element(0xD7, bytes([number])) + element(0x83, bytes([kind]))
    return element(0xAE, body + element(0x56AA, struct.pack(">Q", codec_delay_ns)))


def block(number: int, time: int, *, size: int = 50) -> bytes:
    return element(0xA3, bytes([0x80 | number]) + struct.pack(">hB", time, 0x80) + bytes(size))


def last_block(number: int, time: int, duration: int) -> bytes:
    inner = bytes([0x80 | number]) + struct.pack(">hB", time, 0) + bytes(50)
    return element(0xA0, element(0xA1, inner) + element(0x9B, bytes([duration])))


def cluster(time: int, blocks: Sequence[bytes], *, before: bytes = b"") -> bytes:
    return element(0x1F43B675, before + element(0xE7, struct.pack(">I", time)) + b"".join(blocks))


def matroska_file(*clusters: bytes, tracks: bytes = track(1), size: bytes | None = None) -> bytes:
    return element(0x1A45DFA3, b"") + element(0x18538067, element(0x1654AE6B, tracks) + b"".join(clusters), size=size)


def examined(data: bytes) -> Structure:
    return matroska.examine(reader(data), 0, len(data))


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_has_no_problem_and_a_length(name: str) -> None:
    structure = examined(sound(name).read_bytes())

    assert structure.problem is None
    assert structure.track_seconds == pytest.approx((2.3,), abs=0.03)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_cut_anywhere_is_noticed(name: str, data: st.DataObject) -> None:
    whole = sound(name).read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))

    structure = examined(whole[:length])

    if name != "live.webm":
        assert structure.problem == CUT_OFF
    elif structure.problem is None:  # its size is unknown: it may end with any element
        assert examined(whole[: length + 1]).problem == CUT_OFF


@pytest.mark.parametrize("name", NAMES)
@given(begin=st.floats(0.02, 0.85))
def test_a_tenth_of_zeros_or_a_tenth_deleted_is_noticed(name: str, begin: float) -> None:
    whole = sound(name).read_bytes()
    first, behind = int(begin * len(whole)), int((begin + 0.1) * len(whole))

    assert examined(whole[:first] + whole[behind:]).problem
    if name != "video.mkv":  # a tenth of that may lie within one picture
        assert examined(whole[:first] + bytes(behind - first) + whole[behind:]).problem


@pytest.mark.parametrize("name", ["plain.webm", "live.webm"])
def test_one_flipped_bit_in_the_name_or_the_size_of_any_block_is_noticed(name: str) -> None:
    whole = sound(name).read_bytes()
    at = whole.index(b"\x1f\x43\xb6\x75")

    for offset in range(at, at + 4):
        for bit in range(8):
            assert examined(whole[:offset] + bytes([whole[offset] ^ 1 << bit]) + whole[offset + 1 :]).problem
    first_block = whole.index(b"\xe7\x81\0\xa3", at) + 3
    for offset in range(first_block, first_block + 2):
        for bit in range(8):
            assert examined(whole[:offset] + bytes([whole[offset] ^ 1 << bit]) + whole[offset + 1 :]).problem


def test_each_track_lasts_from_its_first_block_to_the_end_of_its_last() -> None:
    data = matroska_file(
        cluster(0, [block(1, 20), block(3, 0), block(2, 500)]),
        cluster(1000, [block(1, 0), last_block(2, 100, 40)]),
        tracks=track(1) + track(3, kind=1) + track(2, codec_delay_ns=10_000_000) + track(4),
    )

    assert examined(data).track_seconds == (0.98, 0.63, None)


def test_times_of_sound_that_go_back_are_damage_and_rounding_is_not() -> None:
    first, second, third = (cluster(time, [block(1, 0), block(1, 900)]) for time in (0, 1000, 2000))

    assert examined(matroska_file(first, second, third)).problem is None
    assert examined(matroska_file(first, third, second)).problem == DAMAGED
    assert examined(matroska_file(cluster(0, [block(1, 40), block(1, 39), block(1, 60)]))).problem is None
    assert examined(matroska_file(cluster(0, [block(1, 40), block(1, 20), block(1, 60)]))).problem == DAMAGED


def test_a_pause_in_the_clock_is_no_damage() -> None:
    assert examined(matroska_file(cluster(0, [block(1, 0)]), cluster(60_000, [block(1, 0)]))).problem is None


def test_a_cluster_that_states_the_size_of_the_one_before_shows_that_one_is_missing() -> None:
    first = cluster(0, [block(1, 0)] * 5)
    second = cluster(1000, [block(1, 0)])
    third = cluster(2000, [block(1, 0)], before=element(0xAB, bytes([len(second)])))

    assert examined(matroska_file(first, second, third)).problem is None
    assert examined(matroska_file(first, third)).problem == DAMAGED


def cues(*positions: int) -> bytes:
    points = [element(0xBB, element(0xB7, element(0xF1, struct.pack(">I", position)))) for position in positions]
    return element(0x1C53BB6B, b"".join(points))


def test_cues_show_that_a_cluster_is_missing_where_the_sound_has_a_gap() -> None:
    tracks = len(element(0x1654AE6B, track(1)))
    parts = [cluster(time, [block(1, 0), block(1, 900)]) for time in (0, 1000, 2000)]
    begins = [tracks, tracks + len(parts[0]), tracks + len(parts[0] + parts[1])]

    assert examined(matroska_file(*parts, cues(*begins))).problem is None
    assert examined(matroska_file(parts[0], parts[2], cues(*begins))).problem == DAMAGED
    assert examined(matroska_file(parts[1], parts[2], cues(*begins))).problem == DAMAGED


def test_a_cue_behind_the_end_shows_that_the_last_cluster_is_missing() -> None:
    whole = cluster(0, [block(1, 0)])
    end = len(element(0x1654AE6B, track(1)) + whole + cues(0))

    assert examined(matroska_file(whole, cues(10_000))).problem == DAMAGED
    assert examined(matroska_file(whole, cues(end))).problem == DAMAGED
    assert examined(matroska_file(whole, cues(end - 1))).problem is None


@pytest.mark.parametrize(
    "clusters",
    [
        [cluster(0, [block(1, 0)]), cluster(20, [block(1, 0)])],
        [cluster(0, [block(1, 0), block(1, 900)])],
        [
            cluster(0, [block(1, 0), block(2, 0)]),
            cluster(200, [block(1, 0)]),
            cluster(400, [block(1, 0), block(2, 0)]),
        ],
    ],
    ids=["no pause", "a pause within a cluster", "a pause of the pictures"],
)
def test_stale_cues_are_no_damage_where_the_sound_has_no_gap(clusters: list[bytes]) -> None:
    assert examined(matroska_file(*clusters, cues(3), tracks=track(1) + track(2, kind=1))).problem is None


@pytest.mark.parametrize(("milliseconds", "problem"), [(450, None), (551, DAMAGED)])
def test_a_gap_begins_behind_the_last_block(milliseconds: int, problem: str | None) -> None:
    clusters = [cluster(0, [block(1, 0), last_block(1, 200, 250)]), cluster(200 + milliseconds, [block(1, 0)])]

    assert examined(matroska_file(*clusters, cues(3))).problem == problem


@pytest.mark.parametrize(("kind", "problem"), [(2, DAMAGED), (1, None)], ids=["sound", "picture"])
def test_the_checksum_of_a_cluster_counts_where_all_of_it_is_sound(kind: int, problem: str | None) -> None:
    content = element(0xE7, b"\0") + block(1, 0, size=3000)
    right = element(0x1F43B675, element(0xBF, struct.pack("<I", zlib.crc32(content))) + content)
    tracks = track(1) + track(2, kind)

    assert examined(matroska_file(right, tracks=tracks)).problem is None
    assert examined(matroska_file(right[:-100] + b"\x01" + right[-99:], tracks=tracks)).problem == problem


def test_a_block_of_a_track_that_there_is_not_is_damage() -> None:
    assert examined(matroska_file(cluster(0, [block(1, 0), block(2, 0)]))).problem == DAMAGED


def test_what_follows_a_segment_of_known_size_is_no_sound_unless_it_is_one_of_its_elements() -> None:
    whole = matroska_file(cluster(0, [block(1, 0)]))

    assert examined(whole + bytes(5000)).problem is None
    assert examined(whole + bytes(5000)).end == len(whole)
    assert examined(whole + cluster(1, [])).problem == DAMAGED
    assert examined(whole + whole).problem == JOINED


def test_live_recordings_have_clusters_of_unknown_size() -> None:
    content = element(0xE7, b"\0") + block(1, 0)
    live = matroska_file(*[element(0x1F43B675, content, size=UNKNOWN)] * 3, size=UNKNOWN)

    assert examined(live).problem is None
    assert examined(live[:-1]).problem == CUT_OFF
    assert examined(live + live).problem == JOINED


def a_live_file(*, size_of_clusters: bytes | None, last: bytes) -> bytes:
    block_of_sound = element(0xA3, b"\x81\0\0\x80" + last)
    content = element(0xE7, b"\0") + block_of_sound
    return matroska_file(*[element(0x1F43B675, content, size=size_of_clusters)] * 3, size=UNKNOWN)


@pytest.mark.parametrize("size_of_clusters", [UNKNOWN, None])
def test_zeros_and_tags_behind_a_live_recording_are_no_sound(size_of_clusters: bytes | None) -> None:
    live = a_live_file(size_of_clusters=size_of_clusters, last=b"s" * 50)
    tag = b"TAG" + b"t" * 125

    for rest in (b"\0", bytes(5000), tag, bytes(99) + tag):
        structure = examined(live + rest)
        assert (structure.problem, structure.end, structure.read_range) == (None, len(live), (0, len(live)))
    for rest in (b"\xa3", b"\x1f", b"\xa3" * 5, b"junk", bytes(99) + b"x", bytes(3000) + live[40:]):
        assert examined(live + rest).problem in {CUT_OFF, DAMAGED}


@pytest.mark.parametrize("size_of_clusters", [UNKNOWN, None])
def test_zeros_that_begin_within_a_block_of_a_live_recording_are_sound_that_is_missing(
    size_of_clusters: bytes | None,
) -> None:
    live = a_live_file(size_of_clusters=size_of_clusters, last=b"s" * 34 + bytes(16))

    assert examined(live).problem is None
    assert examined(live + bytes(5000)).problem == CUT_OFF


def test_a_picture_of_gigabytes_is_not_read() -> None:
    head = matroska_file(cluster(0, [block(1, 0)]), tracks=track(1) + track(2, 1), size=UNKNOWN)
    pictures, size, asked = 2000, 2_000_000, 0
    picture = element(0xA3, b"\x82\0\0\x80", size=struct.pack(">Q", size | 1 << 56))[:13]
    opening = element(0x1F43B675, b"", size=UNKNOWN)
    total = len(head) + len(opening) + pictures * (9 + size)

    def read_at(offset: int, length: int) -> bytes:
        nonlocal asked
        asked += length
        length = min(length, max(0, total - offset))
        if offset < len(head) + len(opening):
            return (head + opening + picture + bytes(length))[offset : offset + length]
        within = (offset - len(head) - len(opening)) % (9 + size)
        return (picture + bytes(length))[within : within + length] if within < 13 else bytes(length)

    assert matroska.examine(read_at, 0, total).problem is None
    assert asked < 40 << 20  # of 4 GB


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(max_size=8))
@example(b"", 0, b"\x1a\x45\xdf\xa3\x80\x18")
def test_any_bytes_have_an_answer(rest: bytes, at: int, junk: bytes) -> None:
    whole = matroska_file(cluster(0, [block(1, 0), last_block(1, 9, 4)]))
    data = whole[:at] + junk + whole[at + len(junk) :] + rest

    structure = examined(data)

    assert 0 <= structure.begin <= structure.end <= len(data)


def test_clusters_behind_junk_behind_the_segment_are_sound_that_would_be_lost() -> None:
    data = matroska_file(cluster(0, [block(1, 0), block(1, 20)]))
    rest = cluster(40, [block(1, 0), block(1, 20)])

    assert examined(data + b"junk" + rest).problem == DAMAGED
    assert (examined(data + b"junk").problem, examined(data + b"junk").repairs) == (None, (BYTES_BEHIND,))
    assert examined(data + bytes(999)).repairs == ()
