"""The limits in Ogg's pages, with values on both sides of each."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from tests.support.ogg import FIRST, LAST, page, page_of
from worker.domain.containers import ogg
from worker.domain.containers.structure import CUT_OFF, Structure

VORBIS = b"\x01vorbis" + bytes(4) + b"\x02" + (48_000).to_bytes(4, "little") + bytes(12) + b"\xb8\x01"
LONGEST = 2048  # samples of a packet of it
OPUS = b"OpusHead\x01\x02" + (312).to_bytes(2, "little") + bytes(9)
OPUS_20_MS = b"\xfc" + bytes(99)
PAGES_MISSING = "the source is damaged: pages of the Ogg file are missing or fail their checksum"


def examined(data: bytes) -> Structure:
    return ogg.examine(reader(data), 0, len(data))


def opus(
    *granules: int, first_number: int = 2, tags: bytes = b"OpusTags", tags_number: int = 1, serial: int = 7
) -> bytes:
    """A stream of a packet of 20 ms a page that ends at each granule."""
    sound = [
        page(
            OPUS_20_MS,
            number=first_number + index,
            granule=granule,
            serial=serial,
            flags=LAST * (index == len(granules) - 1),
        )
        for index, granule in enumerate(granules)
    ]
    head = page(OPUS, number=0, serial=serial, flags=FIRST)
    return head + page(tags, number=tags_number, serial=serial) + b"".join(sound)


def vorbis(*pages: tuple[int, int]) -> bytes:
    """A stream of pages with so many packets that end at a granule each."""
    headers = page(VORBIS, number=0, flags=FIRST) + page_of([b"\x03vorbis", b"\x05vorbis"], number=1)
    return headers + b"".join(
        page_of([bytes(9)] * count, number=2 + index, granule=granule, flags=LAST * (index == len(pages) - 1))
        for index, (count, granule) in enumerate(pages)
    )


def flac(channels: int) -> bytes:
    packed = 48_000 << 44 | (channels - 1) << 41
    head = b"\x7fFLAC\x01\0\0\1fLaC\0\0\0\x22" + struct.pack(">HH6xQ", 16, 4096, packed) + bytes(16)
    return page(head, number=0, flags=FIRST) + page(bytes(9), number=1, granule=4096, flags=LAST)


def test_a_page_of_opus_begins_where_its_packets_say_whatever_their_sizes_are() -> None:
    packets = [
        b"\xf8" + bytes(254),  # 20 ms in 255 bytes, for which the table has two numbers
        b"\xf3\x03" + bytes(298),  # three frames of 10 ms
        b"\xf9" + bytes(253),  # two of 20 ms
    ]
    samples = 48 * (20 + 30 + 40)
    data = page(OPUS, number=0, flags=FIRST) + page(b"OpusTags", number=1)
    data += page_of(packets, number=2, granule=50_000 + samples) + page(
        OPUS_20_MS, number=3, granule=99_000, flags=LAST
    )

    assert examined(data).track_seconds == ((99_000 - 50_000 - 312) / 48_000,)


@pytest.mark.parametrize(("granule", "begin"), [(1, 0), (2 * LONGEST, 0), (2 * LONGEST + 1, 2 * LONGEST + 1)])
def test_a_stream_of_vorbis_begins_at_0_where_its_first_page_is_not_too_late_for_it(granule: int, begin: int) -> None:
    assert examined(vorbis((2, granule), (1, 9000))).track_seconds == ((9000 - begin) / 48_000,)


def test_a_stream_may_have_one_sample_and_one_that_is_all_pre_skip_has_none() -> None:
    assert examined(vorbis((1, 1))).track_seconds == (1 / 48_000,)
    assert examined(opus(312)).track_seconds == (0.0,)
    assert examined(opus(100)).track_seconds == (0.0,)
    assert examined(opus(100) + opus(960, 1920)).track_seconds == ((1920 - 312) / 48_000,)
    assert examined(opus(960, 1920, 0)).track_seconds == ((1920 - 312) / 48_000,)


@pytest.mark.parametrize(("missing", "problem"), [(1, PAGES_MISSING), (23, PAGES_MISSING), (24, None)])
def test_a_live_stream_lacks_at_least_twice_as_many_pages_as_there_are(missing: int, problem: str | None) -> None:
    """Two pages of headers and ten of sound, which begins an hour later."""
    granules = [3600 * 48_000 + 960 * number for number in range(10)]

    assert examined(opus(*granules, first_number=2 + missing)).problem == problem


def test_pages_that_are_missing_amid_the_headers_are_damage_however_many_they_are() -> None:
    assert examined(opus(960, 1920, first_number=501, tags_number=500)).problem == PAGES_MISSING
    assert examined(opus(1, 961, first_number=500)).problem is None


def test_one_byte_between_pages_is_passed_over() -> None:
    data = opus(960, 1920)
    second = data.index(b"OggS", 1)

    structure = examined(data[:second] + b"x" + data[second:])

    assert structure.problem is None
    assert structure.end == len(data) + 1


@pytest.mark.parametrize(("flags", "is_said"), [(LAST, False), (LAST | 1, False), (0, True), (1, True), (8, True)])
def test_a_flag_says_that_a_page_is_the_last_one(flags: int, *, is_said: bool) -> None:
    structure = examined(opus() + page(OPUS_20_MS, number=2, granule=960, flags=flags))

    said = ("the Ogg stream has no end-of-stream flag; its last page is whole",)
    assert (structure.problem, structure.repairs) == (None, said if is_said else ())


def test_the_last_page_may_have_no_packet() -> None:
    data = opus() + page(OPUS_20_MS, number=2, granule=960) + page_of([], number=3, granule=960, flags=LAST)

    assert (examined(data).problem, examined(data).end, examined(data).repairs) == (None, len(data), ())


@pytest.mark.parametrize("begun", [b"O", b"Ogg", b"OggS\0\0"])
def test_a_page_that_is_begun_behind_the_last_one_is_cut_off(begun: bytes) -> None:
    assert examined(opus(960) + begun).problem == CUT_OFF
    assert examined(opus(960) + b"x" + begun).problem is None


def test_streams_that_play_at_the_same_time_have_a_length_each() -> None:
    first = page(OPUS, number=0, serial=1, flags=FIRST) + page(OPUS, number=0, serial=2, flags=FIRST)
    tags = page(b"OpusTags", number=1, serial=1) + page(b"OpusTags", number=1, serial=2)
    ends = [page(OPUS_20_MS, number=2, serial=each, granule=960 * each, flags=LAST) for each in (1, 2)]

    assert examined(first + tags + b"".join(ends)).track_seconds == ((960 - 312) / 48_000, (960 - 312) / 48_000)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (opus(960), opus(960, tags=b"OpusTags of another title")),
        (opus(960, serial=1), opus(960, serial=2)),
        (flac(1), flac(2)),
    ],
    ids=["tags", "number", "FLAC"],
)
def test_streams_are_alike_that_differ_in_what_no_decoder_is_set_up_with(one: bytes, other: bytes) -> None:
    structure = examined((one + other) * 17)

    assert (structure.problem, structure.parts) == (None, ())


@pytest.mark.parametrize("is_chained", [True, False], ids=["one behind another", "side by side"])
@pytest.mark.parametrize(("count", "is_read"), [(4, True), (5, False)])
def test_a_file_has_no_more_streams_than_are_kept_in_memory(
    count: int, *, is_read: bool, is_chained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ogg, "_MAX_STREAMS", 4)
    heads = [page(OPUS, number=0, serial=each, flags=FIRST) for each in range(count)]
    sounds = [page(OPUS_20_MS, number=1, serial=each, granule=960, flags=LAST) for each in range(count)]
    links = [head + sound for head, sound in zip(heads, sounds, strict=True)]

    structure = examined(b"".join(links if is_chained else heads + sounds))

    refusal = "the source is refused: it has more than 4 Ogg streams"
    assert structure.problem == (None if is_read else refusal)
