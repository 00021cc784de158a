"""What the pages of an Ogg file say: whether all are there, how long it plays, and how many streams are joined."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.frames import ID3_TAG, reader
from tests.support.ogg import FIRST, LAST, page, sealed, split, without_last_mark
from tests.support.sounds import sound
from worker.domain.containers import ogg
from worker.domain.containers.ogg_pages import pages
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, Structure

NAMES = ["plain.ogg", "plain.opus"]
TOO_MANY = "the source is more than 32 Ogg streams in a row whose codec, channels, sample rate or settings differ"
VORBIS = b"\x01vorbis" + bytes(4) + b"\x02" + (48_000).to_bytes(4, "little") + bytes(12) + b"\xb8\x01"
OPUS = b"OpusHead\x01\x02" + (312).to_bytes(2, "little") + bytes(9)
OPUS_20_MS = b"\xfc" + bytes(99)  # one frame of CELT


def examined(data: bytes) -> Structure:
    return ogg.examine(reader(data), 0, len(data))


def opus(granules: list[int], *, first_number: int = 2, pre_skip_page: bytes = OPUS) -> bytes:
    """A stream of one packet of 20 ms a page that ends at each granule."""
    headers = page(pre_skip_page, number=0, flags=FIRST) + page(b"OpusTags", number=1)
    return headers + b"".join(
        page(OPUS_20_MS, number=first_number + index, granule=granule, flags=LAST * (granule == granules[-1]))
        for index, granule in enumerate(granules)
    )


@pytest.mark.parametrize("name", NAMES)
def test_all_pages_of_a_whole_file_are_read(name: str) -> None:
    data = sound(name).read_bytes()

    structure = examined(data)

    assert sum(1 for _ in pages(reader(data), 0)) == len(split(data)) > 3
    assert (structure.begin, structure.end) == (0, len(data))
    assert structure.problem is None
    assert structure.repairs == ()
    assert structure.track_seconds == pytest.approx((2.3,), abs=0.001)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_one_flipped_bit_is_noticed_anywhere(name: str, data: st.DataObject) -> None:
    damaged = bytearray(sound(name).read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    assert examined(bytes(damaged)).problem


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_file_may_end_with_a_page_and_nowhere_else(name: str, data: st.DataObject) -> None:
    whole = sound(name).read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    ends_with_page = length in {sum(map(len, split(whole)[:count])) for count in range(1, len(split(whole)))}

    structure = examined(whole[:length])

    assert ends_with_page or structure.problem == CUT_OFF


@pytest.mark.parametrize("name", NAMES)
@given(begin=st.floats(0, 0.9))
def test_a_tenth_of_zeros_or_a_tenth_deleted_is_noticed(name: str, begin: float) -> None:
    whole = sound(name).read_bytes()
    first, behind = int(begin * len(whole)), int((begin + 0.1) * len(whole))

    assert examined(whole[:first] + bytes(behind - first) + whole[behind:]).problem
    assert examined(whole[:first] + whole[behind:]).problem


@pytest.mark.parametrize("name", NAMES)
def test_pages_that_are_missing_or_swapped_are_noticed(name: str) -> None:
    whole = split(sound(name).read_bytes())

    for number in range(len(whole) - 1):
        assert examined(b"".join(whole[:number] + whole[number + 1 :])).problem
        swapped = [*whole[:number], whole[number + 1], whole[number], *whole[number + 2 :]]
        assert examined(b"".join(swapped)).problem


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_is_never_marked_as_ended_is_whole_with_its_last_page(name: str) -> None:
    data = without_last_mark(sound(name).read_bytes())

    structure = examined(data)

    assert structure.problem is None
    assert structure.repairs == ("the Ogg stream has no end-of-stream flag; its last page is whole",)
    assert examined(data[:-1]).problem == CUT_OFF
    assert examined(data + b"Ogg").problem == CUT_OFF


def test_a_packet_that_would_go_on_in_the_next_page_is_cut() -> None:
    first, raw = page(VORBIS, number=0, flags=FIRST), page(bytes(254), number=1, granule=9)
    unfinished = sealed(raw[:27] + b"\xff" + bytes(255))

    assert examined(first + raw).problem is None
    assert examined(first + unfinished).problem == CUT_OFF


def test_a_first_packet_that_would_go_on_in_the_next_page_is_cut() -> None:
    raw = page(VORBIS.ljust(254, b"\0"), number=0, flags=FIRST)

    assert examined(raw).problem is None
    assert examined(sealed(raw[:27] + b"\xff" + raw[28:] + b"\0")).problem == CUT_OFF


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("junk", [bytes(5000), b"TAG" + bytes(125), b"\xff" * 70_000])
def test_what_follows_the_last_page_of_an_ended_stream_is_no_sound(name: str, junk: bytes) -> None:
    data = sound(name).read_bytes()

    structure = examined(data + junk)

    assert structure.problem is None
    assert structure.end == len(data)
    assert structure.repairs == examined(data).repairs


@pytest.mark.parametrize("name", NAMES)
def test_another_file_behind_the_last_page_is_passed_over_and_mentioned(name: str) -> None:
    data = sound(name).read_bytes()
    for behind in (sound("bare.mp3").read_bytes(), ID3_TAG + b"junk"):
        structure = examined(data + behind)

        assert (structure.problem, structure.end) == (None, len(data))
        assert structure.repairs == (*examined(data).repairs, BYTES_BEHIND)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_were_put_between_pages_lose_no_sound_and_are_mentioned(name: str) -> None:
    whole = split(sound(name).read_bytes())

    structure = examined(b"".join([*whole[:3], bytes(1000), *whole[3:]]))

    assert structure.problem is None
    assert structure.repairs == ("bytes between the pages of the Ogg file were passed over; no page is missing",)


def test_opus_lasts_from_its_first_sample_to_its_last_without_the_pre_skip() -> None:
    assert examined(opus([960, 1920, 2880 + 312])).track_seconds == (3 * 960 / 48_000,)


def test_a_recording_of_a_live_stream_counts_from_where_it_joined() -> None:
    an_hour = 3600 * 48_000
    granules = [an_hour + 960 * number for number in range(1, 101)]

    structure = examined(opus(granules, first_number=7200))

    assert structure.problem is None
    assert structure.track_seconds == ((100 * 960 - 312) / 48_000,)


def test_few_pages_missing_behind_the_headers_are_damage_and_no_late_start() -> None:
    problem = examined(opus([960 * number for number in range(3, 103)], first_number=4)).problem

    assert problem is not None
    assert problem.startswith("the source is damaged: ")


def test_a_pause_has_no_pages_and_their_numbers_go_on() -> None:
    structure = examined(opus([960, 48_000, 96_000]))

    assert structure.problem is None
    assert structure.track_seconds == ((96_000 - 312) / 48_000,)


def test_joined_streams_are_found_with_their_places_and_lengths() -> None:
    first, second = opus([960, 1920]), opus([960])

    structure = examined(first + second)

    assert structure.problem is None
    assert [part.read_range for part in structure.parts] == [(0, len(first)), (len(first), len(first + second))]
    assert [part.track_seconds for part in structure.parts] == [((1920 - 312) / 48_000,), ((960 - 312) / 48_000,)]
    assert structure.track_seconds == pytest.approx(((960 * 3 - 2 * 312) / 48_000,))


def test_a_joined_stream_without_sound_is_no_part() -> None:
    first, headers = opus([960, 1920]), opus([])

    structure = examined(first + headers)

    assert structure.problem is None
    assert (structure.parts, structure.read_range) == ((), (0, len(first)))
    assert [part.read_range for part in examined(first + headers + first).parts] == [
        (0, len(first)),
        (len(first + headers), len(first + headers + first)),
    ]


def vorbis(setup: bytes) -> bytes:
    headers = page(VORBIS, number=0, flags=FIRST) + page(b"\x03vorbis", number=1) + page(setup, number=2)
    return headers + page(bytes(90), number=3, granule=900, flags=LAST)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            (opus([960]), opus([960], pre_skip_page=OPUS[:at] + bytes([OPUS[at] ^ 1]) + OPUS[at + 1 :]))
            for at in (9, 16, 17, 18)
        ),
        (vorbis(bytes(999)), vorbis(bytes(998) + b"\1")),
        (vorbis(b"\1"), vorbis(b"\2")),
        (vorbis(b"\1"), opus([960])),
    ],
    ids=["channels", "gain", "gain", "mapping", "end of the codebooks", "codebooks", "codec"],
)
def test_many_joined_streams_have_a_decoder_for_each_stretch_of_those_that_are_alike(one: bytes, other: bytes) -> None:
    assert len(examined(one * 32).parts) == 32
    assert examined(one * 33).parts == ()
    assert [part.end - part.begin for part in examined(one * 20 + other * 20).parts] == [
        20 * len(one),
        20 * len(other),
    ]
    assert examined((one + other) * 16).problem is None
    assert examined((one + other) * 17).problem == TOO_MANY


def test_a_second_stream_without_its_first_page_is_noticed() -> None:
    second = split(opus([960]).replace(b"\x07\0\0\0", b"\x08\0\0\0"))

    assert examined(opus([960]) + b"".join(map(sealed, second[1:]))).problem


def test_pages_of_a_picture_may_be_missing() -> None:
    sound_pages = split(opus([960, 1920]))
    picture = [page(b"\x80theora" + bytes(35), number=0, serial=9, flags=FIRST)]
    picture += [page(bytes(100), number=number, serial=9, granule=number) for number in (1, 5)]

    assert (
        examined(b"".join([sound_pages[0], picture[0], *sound_pages[1:3], *picture[1:], *sound_pages[3:]])).problem
        is None
    )


def test_a_hostile_file_that_looks_like_pages_everywhere_costs_little() -> None:
    unit, asked = b"OggS\0\0" + bytes(20) + b"\xff" + b"\xff" * 5, 0
    size = 1 << 36

    def read_at(offset: int, length: int) -> bytes:
        nonlocal asked
        asked += length
        start = offset % len(unit)
        return (unit * (length // len(unit) + 2))[start : start + length]

    assert ogg.examine(read_at, 0, size).problem == CUT_OFF
    assert asked < 300 << 20


@settings(max_examples=300)
@given(st.lists(st.sampled_from(range(8)), max_size=12), st.binary(max_size=40))
def test_any_order_of_pages_has_an_answer(order: list[int], rest: bytes) -> None:
    parts = [
        *split(opus([960, 1920])),
        page(VORBIS, number=0, flags=FIRST),
        page(b"", number=2, serial=9),
        rest,
        b"OggS",
    ]

    data = b"".join(parts[number % len(parts)] for number in order)
    structure = examined(data)

    assert 0 <= structure.begin <= structure.end <= len(data)
