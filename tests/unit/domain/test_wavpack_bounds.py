"""The header of WavPack's blocks, field by field."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import ID3_TAG, reader
from worker.domain.containers import wavpack
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Structure

UNKNOWN = 0xFFFF_FFFF
FIRST = 0x1800  # of its time
RATES = 9 << 23  # 44.1 kHz


def a_block(
    index: int,
    *,
    total: int = 2000,
    samples: int = 1000,
    flags: int = FIRST | RATES,
    high: int = 0,
    content: bytes = b"x" * 100,
) -> bytes:
    head = struct.pack("<4sIHBBIIIII", b"wvpk", 24 + len(content), 0x410, 0xFF, high, total, index, samples, flags, 0)
    return head + content


def examined(*blocks: bytes) -> Structure:
    data = b"".join(blocks)
    return wavpack.examine(reader(data), 0, len(data))


def test_a_length_may_be_unknown_or_have_40_bits() -> None:
    blocks = a_block(0, total=UNKNOWN), a_block(1000, total=UNKNOWN)

    assert (examined(*blocks).problem, examined(*blocks).track_seconds) == (None, (2000 / 44_100,))
    long = a_block(0, high=1), a_block(1000)
    assert examined(*long).problem == CUT_OFF
    assert examined(*long).track_seconds == (((1 << 32) + 2000) / 44_100,)


def test_blocks_without_a_number_of_their_own_are_not_compared() -> None:
    assert examined(a_block(UNKNOWN), a_block(UNKNOWN)).problem is None
    assert examined(a_block(UNKNOWN, total=UNKNOWN), a_block(UNKNOWN)).problem is None
    assert examined(a_block(0), a_block(UNKNOWN)).problem is None
    assert examined(a_block(0, total=3000), a_block(1000)).problem == CUT_OFF
    assert examined(a_block(0, total=3000), a_block(1001, total=3000)).problem == (
        "the source is damaged: of 3000 samples, 2000 are there"
    )


def test_blocks_for_further_channels_take_no_time() -> None:
    of_16_bits = RATES | 1
    further = a_block(0, flags=of_16_bits)

    structure = examined(a_block(0), further, a_block(1000), a_block(1000, flags=of_16_bits))

    assert (structure.problem, structure.track_seconds) == (None, (2000 / 44_100,))
    assert examined(a_block(0), further, a_block(0, flags=of_16_bits)).problem == CUT_OFF


@pytest.mark.parametrize(
    ("flags", "seconds"), [(FIRST | 15 << 23, ()), (FIRST | RATES | 1 << 31, ()), (FIRST, (1 / 3,))]
)
def test_a_rate_of_no_number_and_that_of_dsd_say_no_length(flags: int, seconds: tuple[float, ...]) -> None:
    assert examined(a_block(0, flags=flags), a_block(1000, flags=flags)).track_seconds == pytest.approx(seconds)


def test_a_part_of_another_file_needs_a_length_of_its_own() -> None:
    assert examined(a_block(5000), a_block(6000)).problem is None
    assert examined(a_block(5000, total=2001), a_block(6000)).problem is not None
    assert examined(a_block(5000, total=0), a_block(6000)).problem is not None
    assert examined(a_block(5000, total=UNKNOWN), a_block(6000)).problem is not None
    assert examined(a_block(5000, total=1), a_block(6000)).problem is None
    assert examined(a_block(200, total=UNKNOWN), a_block(1200)).problem is not None


def test_a_second_file_begins_behind_the_first_or_behind_its_tags() -> None:
    whole = a_block(0), a_block(1000)

    assert examined(*whole, *whole).problem == JOINED
    assert examined(*whole, ID3_TAG, *whole).problem == JOINED
    assert examined(*whole, ID3_TAG[:-1]).problem is None
    assert examined(*whole).end == 2 * 132
    assert examined(*whole, b"junk" * 9).read_range == (0, 2 * 132)
    assert examined(*whole, b"junk" * 9).repairs == (BYTES_BEHIND,)
    assert examined(*whole, ID3_TAG, bytes(9)).repairs == ()
    shortest = a_block(0, total=1, samples=1)
    assert examined(shortest, shortest).problem == JOINED
    as_a_tag = a_block(2000) + b"APETAGEX" + struct.pack("<IIII8x", 2000, 132 + 32, 1, 0)
    assert examined(*whole, as_a_tag).problem == JOINED


@pytest.mark.parametrize("length", [31, 32, 131, 132, 133, 163, 263])
def test_wavpack_is_cut_off_anywhere_before_its_last_byte(length: int) -> None:
    assert examined((a_block(0) + a_block(1000))[:length]).problem == CUT_OFF
    assert examined(a_block(0, total=0)[: min(length, 131)]).problem == CUT_OFF


@pytest.mark.parametrize(
    ("information", "names_positions"),
    [
        ("4d 02 06 00 00 01", False),  # the byte that fills it up is none of the mask
        ("0d 02 06 00 00 01", True),
        ("0d 03 05 05 00 01 00 00", True),  # six bytes: counts in three
        ("0d 03 05 05 01 00 00 00", False),
        ("4d 03 05 00 00 00 01 00", True),  # five bytes: counts in one
        ("8d 01 00 00 06 01", True),
        ("8d 01 00 00 06 00", False),
        ("21 01 ff ff 0d 01 06 00", False),
        ("0c 01 06 00", True),
        ("4d 03 05 01 00 00 00 00", True),  # the lowest byte of the mask
    ],
)
def test_the_channels_have_positions_where_their_mask_has_a_bit(information: str, *, names_positions: bool) -> None:
    block = a_block(0, total=1000, content=bytes.fromhex(information))

    assert examined(block).names_positions is names_positions


def test_the_channels_of_the_second_block_are_not_those_of_the_first() -> None:
    # Read as metadata, "wv" is a head, and 236 bytes behind it are its content.
    second = a_block(1000, content=b"x" * 206 + bytes.fromhex("0d 01 06 00") + b"x" * 20)

    assert examined(a_block(0, content=b""), second).names_positions


INTEGERS, HYBRID = 0x100, 0x08  # of the flags
SPLIT = "WavPack of 32-bit integers whose lowest bits are all alike, with others apart, is not supported"


def integers(*fields: int, kind: int = 0x09, in_front: bytes = b"\x05\x03" + bytes(6)) -> bytes:
    """Metadata of a block: how many low bits stand apart, and how many are zeros, ones, or like the next."""
    return in_front + bytes([kind, 2]) + bytes(fields) + b"\x0a\x30" + bytes(96)


@pytest.mark.parametrize(
    ("content", "flags", "problem"),
    [
        *((integers(3, *alike), INTEGERS, SPLIT) for alike in ((4, 0, 0), (0, 1, 0), (0, 0, 31))),
        (integers(1, 1, 0, 0, in_front=b"\xa1\xc8\0\0" + bytes(400)), INTEGERS, SPLIT),
        (integers(3, 4, 0, 0), INTEGERS | HYBRID, None),
        (integers(3, 4, 0, 0), 0, None),
        (integers(0, 12, 0, 0), INTEGERS, None),
        (integers(7, 0, 0, 0), INTEGERS, None),
        (integers(3, 4, 0, 0, kind=0x08), INTEGERS, None),
        (b"", INTEGERS, None),
        (b"\x09\x02\x03\x04", INTEGERS, SPLIT),
        (b"\x09\x02\x03", INTEGERS, None),
    ],
)
def test_low_bits_that_ffmpeg_has_another_checksum_of_are_refused_as_that(
    content: bytes, flags: int, problem: str | None
) -> None:
    odd = a_block(1000, flags=FIRST | RATES | 3 | flags, content=content)

    assert examined(a_block(0), odd).problem == problem
    assert examined(a_block(0, total=1000), odd).problem == problem
    assert examined(a_block(0, total=3000), odd).problem == CUT_OFF
