"""The tags of FLV and the packets of MPEG program streams field by field, with values on both sides of each limit."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers import flv, mpegps
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Examine, Structure

NOT_IN_A_ROW = "the source is damaged: the tags of the FLV file do not follow each other"
PACKETS_DAMAGED = "the source is damaged: the packets of the MPEG program stream do not follow each other"
AUDIO, VIDEO, SCRIPT = 8, 9, 18


def examined(examine: Examine, data: bytes, size: int | None = None) -> Structure:
    return examine(reader(data), 0, len(data) if size is None else size)


def a_tag(kind: int, time_ms: int = 0, content: bytes = b"sound", *, behind: int | None = None) -> bytes:
    """`behind` is the size that is stated behind it."""
    time = (time_ms & 0xFF_FFFF).to_bytes(3, "big") + bytes([time_ms >> 24])
    length = 11 + len(content) if behind is None else behind
    return bytes([kind]) + len(content).to_bytes(3, "big") + time + bytes(3) + content + length.to_bytes(4, "big")


def an_flv(*tags: bytes, header_bytes: int = 9) -> bytes:
    head = b"FLV\1\5" + header_bytes.to_bytes(4, "big")
    return head.ljust(header_bytes, b"\xff") + bytes(4) + b"".join(tags)


def a_duration(seconds: float) -> bytes:
    return a_tag(SCRIPT, content=b"\2\0\x0aonMetaData\x08\0\0\0\1\0\x08duration\0" + struct.pack(">d", seconds))


def every(step_ms: int, count: int, begin_ms: int = 0, kind: int = AUDIO) -> list[bytes]:
    return [a_tag(kind, begin_ms + number * step_ms) for number in range(count)]


def test_a_stream_of_flv_lasts_as_many_steps_as_it_has_tags() -> None:
    assert examined(flv.examine, an_flv(*every(20, 50))).track_seconds == (1.0,)
    assert examined(flv.examine, an_flv(*every(20, 50, 7000))).track_seconds == (1.0,)
    assert examined(flv.examine, an_flv(*every(20, 50, 1 << 24))).track_seconds == (1.0,)
    assert examined(flv.examine, an_flv(a_tag(AUDIO, 40))).track_seconds == (0.0,)
    assert examined(flv.examine, an_flv(*every(40, 9, kind=VIDEO))).track_seconds == ()
    times = [a_tag(AUDIO, 0), a_tag(AUDIO, 0x0123_4567)]
    assert examined(flv.examine, an_flv(*times)).track_seconds == (2 * 0x0123_4567 / 1000,)


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (b"\xaf\0\x12\x10", 1.0),  # AAC, and what it is
        (b"\xa0\0", 1.0),
        (b"\xaf\1\x12\x10", 8.1396),  # AAC, and sound
        (b"\x94mp4a\1\2", 1.0),  # how many channels it has
        (b"\x90Opus\0", 1.0),  # Opus, and what it is
        (b"\x92Opus", 1.0),
        (b"\x91Opus\0", 8.1396),
        (b"\x95Opus\0", 8.1396),
        (b"\x2f\0\x12\x10", 8.1396),  # MP3
        (b"\xbf\0\x12\x10", 8.1396),  # Speex
    ],
)
def test_the_sound_begins_behind_the_tags_that_describe_it(content: bytes, seconds: float) -> None:
    data = an_flv(a_tag(AUDIO, 0, content), *every(20, 50, 7000))

    assert examined(flv.examine, data).track_seconds == (seconds,)


def test_the_tag_that_says_where_the_channels_are_is_no_other_codec() -> None:
    sound = [a_tag(AUDIO, 20 * number, b"\xaf\1") for number in range(3)]

    assert examined(flv.examine, an_flv(a_tag(AUDIO, 0, b"\x94mp4a\1\6"), *sound)).problem is None


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        (b"\xaf\x01", b"\xaf\x01", True),
        (b"\x2f\xff", b"\x2e\xff", True),
        (b"\x2f\xff", b"\xef\xff", True),  # MP3 of 8 kHz
        (b"", b"\xaf\x01", True),
        (b"\x2f\xff", b"\xaf\x01", False),
        (b"\xaf\x01", b"\x3f\xff", False),
    ],
)
def test_a_codec_that_changes_on_the_way_is_refused_and_said(first: bytes, second: bytes, *, are_one: bool) -> None:
    for others in (1, 2):
        tags = [a_tag(AUDIO, 20 * number, (first, second)[number >= 10 - others]) for number in range(10)]
        problem = examined(flv.examine, an_flv(*tags)).problem
        is_none = are_one or others == 1  # a damaged tag
        assert problem is None if is_none else "the codec of the sound changes on the way" in (problem or "")


@pytest.mark.parametrize("behind", [None, 0, 5])
@pytest.mark.parametrize("kind", [AUDIO, VIDEO, SCRIPT, AUDIO | 0x20])
def test_a_tag_states_its_size_behind_it_with_or_without_its_header_or_not_at_all(
    kind: int, behind: int | None
) -> None:
    data = an_flv(a_tag(kind, behind=behind), a_tag(AUDIO), header_bytes=13)

    structure = examined(flv.examine, data)

    assert (structure.problem, structure.end, structure.read_range) == (None, len(data), None)


def test_what_is_no_tag_ends_the_sound_and_tags_behind_it_are_damage() -> None:
    good = an_flv(*every(20, 3))
    for wrong in (a_tag(7), a_tag(10), a_tag(AUDIO, behind=6), a_tag(AUDIO)[:10] + b"\1" + a_tag(AUDIO)[11:]):
        assert examined(flv.examine, good + wrong).end == len(good)
        assert examined(flv.examine, good + wrong).repairs == (BYTES_BEHIND,)
        assert examined(flv.examine, good + wrong + a_tag(AUDIO, 60)).problem == NOT_IN_A_ROW
    assert examined(flv.examine, good + b"x" + a_tag(AUDIO, 60)).problem == NOT_IN_A_ROW
    assert examined(flv.examine, good + b"x" + a_tag(AUDIO, 60)[:-1]).problem != NOT_IN_A_ROW
    assert examined(flv.examine, good + good).problem == JOINED
    assert examined(flv.examine, good + a_tag(AUDIO)[:8] + b"\1" + a_tag(AUDIO)[9:]).end == len(good)
    no_tag = bytes([AUDIO]) + bytes(7) + b"\1\1\1"
    assert examined(flv.examine, good + no_tag[:10]).problem == CUT_OFF
    assert examined(flv.examine, good + no_tag).problem is None
    last = a_tag(AUDIO, 60, b"seven b")
    assert last[-1] == SCRIPT
    assert examined(flv.examine, good + last + a_tag(SCRIPT, 60)[1:]).problem is None


@pytest.mark.parametrize("between", [1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_tags_are_searched_for_far_behind_what_is_none(between: int) -> None:
    good = an_flv(*every(20, 3))

    assert examined(flv.examine, good + b"\xff" * between).problem is None
    assert examined(flv.examine, good + b"\xff" * between + a_tag(AUDIO, 60)).problem == NOT_IN_A_ROW


def test_a_tag_whose_length_is_damaged_hides_others_or_is_cut_off() -> None:
    good = an_flv(*every(20, 3))
    long = bytes([AUDIO]) + (900).to_bytes(3, "big") + bytes(7) + b"sound"

    assert examined(flv.examine, good + long).problem == CUT_OFF
    assert examined(flv.examine, good + long + a_tag(AUDIO, 60)).problem == NOT_IN_A_ROW


@pytest.mark.parametrize("length", range(1, len(a_tag(AUDIO))))
def test_flv_is_cut_off_anywhere_within_a_tag(length: int) -> None:
    good = an_flv(*every(20, 3))
    tag = a_tag(AUDIO, 60)

    assert examined(flv.examine, good + tag[:length]).problem == CUT_OFF


@pytest.mark.parametrize(("back_ms", "problem"), [(10, None), (11, NOT_IN_A_ROW)])
def test_the_times_of_sound_may_go_back_by_a_hundredth_of_a_second(back_ms: int, problem: str | None) -> None:
    tags = [a_tag(AUDIO, 100), a_tag(AUDIO, 100 - back_ms)]
    pictures = [a_tag(VIDEO, 100), a_tag(VIDEO, 50)]

    assert examined(flv.examine, an_flv(*tags)).problem == problem
    assert examined(flv.examine, an_flv(*pictures, *every(20, 2))).problem is None


@pytest.mark.parametrize(
    ("seconds", "is_said", "is_damage"),
    [(1.1, False, False), (1.101, True, False), (2.0, True, False), (2.001, True, True), (float("inf"), False, False)],
)
def test_a_duration_that_is_longer_than_the_tags_is_said_and_with_bytes_behind_them_it_is_damage(
    seconds: float, *, is_said: bool, is_damage: bool
) -> None:
    data = an_flv(a_duration(seconds), *every(20, 50))

    assert examined(flv.examine, data).problem is None
    repairs = examined(flv.examine, data).repairs
    assert repairs == ((f"its header states {seconds - 1:.2f} s more than its tags have",) if is_said else ())
    assert examined(flv.examine, data + b"x" * 40).problem == (NOT_IN_A_ROW if is_damage else None)


@pytest.mark.parametrize(("seconds", "is_said"), [(0.1, False), (0.101, True)])
def test_a_file_without_sound_and_pictures_has_no_length(seconds: float, *, is_said: bool) -> None:
    structure = examined(flv.examine, an_flv(a_duration(seconds)))

    assert (structure.track_seconds, bool(structure.repairs)) == ((), is_said)


def test_what_stands_in_the_place_of_a_duration_is_none() -> None:
    head = b"FLV\1\5" + (20).to_bytes(4, "big") + b"\x40" * 11 + bytes(4)
    cut = b"\0\x08duration\0\x40\x40"

    assert examined(flv.examine, head + b"".join(every(20, 3))).repairs == ()
    assert examined(flv.examine, an_flv(*every(20, 3)) + cut).repairs == (BYTES_BEHIND,)
    assert examined(flv.examine, an_flv(*every(20, 3)) + cut + bytes(5)).problem is None
    assert examined(flv.examine, an_flv(*every(20, 3)) + cut + bytes(6)).problem == NOT_IN_A_ROW


def test_a_duration_may_be_that_of_the_pictures() -> None:
    data = an_flv(a_duration(4.0), *every(20, 50), *every(40, 100, kind=VIDEO))

    assert examined(flv.examine, data).repairs == ()


def a_pack(*, stuffing: int = 0, is_mpeg2: bool = True) -> bytes:
    if is_mpeg2:
        return b"\0\0\1\xba\x44" + bytes(8) + bytes([0xF8 | stuffing]) + b"\xff" * stuffing
    return b"\0\0\1\xba\x21" + bytes(7)


def a_packet(content: bytes, code: int = 0xC0) -> bytes:
    return b"\0\0\1" + bytes([code]) + len(content).to_bytes(2, "big") + content


SOUND = b"\x81" * 300
END = b"\0\0\1\xb9"


@pytest.mark.parametrize("stuffing", [0, 1, 7])
@pytest.mark.parametrize("is_mpeg2", [True, False])
@pytest.mark.parametrize("end", [b"", END])
def test_a_program_stream_is_packs_and_packets(stuffing: int, end: bytes, *, is_mpeg2: bool) -> None:
    pack = a_pack(stuffing=stuffing, is_mpeg2=is_mpeg2)
    units = [pack, a_packet(SOUND), a_packet(b"", 0xBB), pack, a_packet(SOUND, 0xFF), a_packet(SOUND)]
    data = b"".join(units) + end

    structure = examined(mpegps.examine, data)

    assert (structure.problem, structure.end, structure.repairs, structure.read_range) == (None, len(data), (), None)
    assert examined(mpegps.examine, data + END + data).problem is None
    for length in (1, 299, 305):
        assert examined(mpegps.examine, data[: len(data) - len(end) - length]).problem == CUT_OFF


def test_a_program_stream_ends_where_no_packet_follows() -> None:
    good = a_pack() + a_packet(SOUND)

    for code in (0xB8, 0xB3, 0x00):
        assert examined(mpegps.examine, good + a_packet(SOUND, code)).problem == PACKETS_DAMAGED
    assert examined(mpegps.examine, good + b"\0\0\1\xba\x84" + bytes(20)).problem == PACKETS_DAMAGED
    assert examined(mpegps.examine, good + b"\0\0\1\xba\x31" + bytes(20)).problem == PACKETS_DAMAGED
    assert examined(mpegps.examine, good + b"noise" * 9 + a_packet(SOUND)).problem == PACKETS_DAMAGED


@pytest.mark.parametrize("begun", [b"\0", b"\0\0\1", b"\0\0\1\xc0\1", b"\0\0\1\xba\x44" + bytes(8)])
def test_a_program_stream_that_ends_within_the_head_of_a_packet_is_cut_off(begun: bytes) -> None:
    assert examined(mpegps.examine, a_pack() + a_packet(SOUND) + begun).problem == CUT_OFF


def test_padding_and_a_tag_behind_a_program_stream_are_passed_over() -> None:
    good = a_pack() + a_packet(SOUND)

    for padding in (bytes(20), b"\xff" * 20, bytes(9000), b"TAG" + bytes(125)):
        structure = examined(mpegps.examine, good + padding)
        assert (structure.problem, structure.end, structure.repairs) == (None, len(good), (BYTES_BEHIND,))
        assert structure.read_range == (0, len(good))
    assert examined(mpegps.examine, good + bytes(9000) + a_packet(SOUND)).problem == PACKETS_DAMAGED


@pytest.mark.parametrize(("zeros", "problem"), [(1, None), (2324 - 3, None), (2324 - 2, PACKETS_DAMAGED)])
def test_zeros_may_fill_the_sector_of_a_video_cd(zeros: int, problem: str | None) -> None:
    data = a_pack() + a_packet(SOUND) + bytes(zeros) + a_packet(SOUND)

    assert examined(mpegps.examine, data).problem == problem
    assert examined(mpegps.examine, a_pack() + a_packet(SOUND) + b"\0x" + bytes(9) + a_packet(SOUND)).problem
