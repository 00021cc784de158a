"""Recordings of other sample rates or channels that were joined in a transport stream, with the same number."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import pytest

from tests.support.frames import ADTS_FRAME
from tests.unit.domain.test_transport_streams import SOUND, TABLES, TICKS, examined, packet, stamped
from worker.domain.containers import ac3, adts, dts, mp3
from worker.domain.containers.mpegts_packets import format_of
from worker.domain.containers.structure import JOINED, MAX_PARTS
from worker.domain.containers.succession import Tracks

# Headers, and of each the places and bits that say another format, or only something else.
MP3 = b"\xff\xfb\x90\x64"
AAC = ADTS_FRAME[:7]
AC3 = bytes.fromhex("0b771234 1c 40 43")
EAC3 = bytes.fromhex("0b7700ff 34 87")
DTS = bytes.fromhex("7ffe8001 fc3c3ff1 3440 0138")
IN_FRONT = stamped(0)
# The modes of AC-3, and the bit that says whether there are low frequencies (ETSI TS 102 366, section 4.3).
LOW_FREQUENCIES = ((0, 0x10), (1, 0x10), (2, 0x04), (3, 0x04), (4, 0x04), (5, 0x01), (6, 0x04), (7, 0x01))


def payload(header: bytes) -> bytes:
    return IN_FRONT + header.ljust(16, b"\x11")


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        (MP3, [(1, 0x08), (2, 0x04), (2, 0x08), (3, 0xA0)]),
        (AAC, [(2, 0x04), (2, 0x20), (2, 0x01), (3, 0x40), (3, 0x80)]),
        (AC3, [(4, 0x40), (5, 0x08), (6, 0x20), (6, 0x80)]),
        (EAC3, [(4, 0x40), (4, 0x02), (4, 0x08), (4, 0x01)]),
        (DTS, [(8, 0x04), (8, 0x08), (7, 0x01), (8, 0x80)]),
    ],
    ids=["MP3", "AAC", "AC-3", "E-AC-3", "DTS"],
)
def test_rate_and_channels_tell_formats_apart(header: bytes, changes: list[tuple[int, int]]) -> None:
    formats = {format_of(payload(header))}
    for at, bits in changes:
        changed = bytearray(header)
        changed[at] ^= bits
        formats.add(format_of(payload(bytes(changed))))

    assert None not in formats
    assert len(formats) == 1 + len(changes)


@pytest.mark.parametrize(
    ("header", "at", "bits"),
    [(MP3, 2, 0x10), (MP3, 3, 0x20), (AAC, 4, 0x01), (AC3, 4, 0x02), (AC3, 6, 0x02), (EAC3, 3, 0x01), (DTS, 9, 0x02)],
)
def test_the_length_of_a_frame_is_not_of_its_format(header: bytes, at: int, bits: int) -> None:
    changed = bytearray(header)
    changed[at] ^= bits

    assert format_of(payload(bytes(changed))) == format_of(payload(header)) is not None


@pytest.mark.parametrize(
    ("format_bits", "header", "mask"),
    [
        (mp3.format_bits, MP3, 0x18_0C_80),
        (adts.format_bits, AAC, 0x3D_C0_00_00_00),
        *((ac3.ac3_format_bits, AC3[:6] + bytes([mode << 5]), 0xC0_F8_E0 | low) for mode, low in LOW_FREQUENCIES),
        (ac3.eac3_format_bits, EAC3, 0xCF_00),
        (ac3.eac3_format_bits, EAC3[:4] + b"\xd4" + EAC3[5:], 0xFF_00),
        (dts.format_bits, DTS, 0x0F_FC_00_00_00),
    ],
    ids=[
        "MP3",
        "AAC",
        *(f"AC-3, mode {mode}" for mode, _ in LOW_FREQUENCIES),
        "E-AC-3",
        "E-AC-3 with half the rate",
        "DTS",
    ],
)
def test_no_other_bits_of_a_header_are_of_its_format(
    format_bits: Callable[[bytes, int], int], header: bytes, mask: int
) -> None:
    whole = int.from_bytes(header, "big")
    for bit in range(8 * len(header)):
        changed = (whole ^ 1 << bit).to_bytes(len(header), "big")
        assert (format_bits(b"x" + changed, 1) != format_bits(header, 0)) == bool(mask >> bit & 1), bit


def test_what_is_no_frame_has_no_format() -> None:
    assert format_of(payload(b"\xff\xff\xff\xff")) is None
    assert format_of(IN_FRONT + MP3.ljust(15, b"\x11")) is None
    assert format_of(IN_FRONT + MP3.ljust(16, b"\x11")) is not None
    assert format_of(IN_FRONT[:8]) is None


def recording(header: bytes, *, begin: int = 0, count: int = 30) -> list[bytes]:
    contents = [stamped(begin + TICKS * index) + header.ljust(90, b"\x11") for index in range(count)]
    return [packet(SOUND, index, content, begins=True) for index, content in enumerate(contents)]


AT_44, AT_48, NONE = MP3, b"\xff\xfb\x94\x64", b"\x11"
TABLE = packet(TABLES, 0, b"\0table", begins=True)


def test_a_recording_of_another_format_is_a_part_where_its_clock_begins_anew() -> None:
    parts = examined(TABLE, *recording(AT_44), TABLE, *recording(AT_48), TABLE, *recording(AT_44)).parts

    borders = [0, 31 * 188, 62 * 188, 93 * 188]
    assert [part.read_range for part in parts] == [*pairwise(borders)]


@pytest.mark.parametrize(
    "packets",
    [
        [TABLE, *recording(AT_44), TABLE, *recording(AT_44)],
        [TABLE, *recording(AT_44), *recording(AT_48)],
        [*recording(AT_44), TABLE, *recording(AT_48, begin=30 * TICKS)],
        [*recording(AT_44), TABLE, *recording(NONE)],
        [*recording(NONE), TABLE, *recording(AT_44)],
        [TABLE, *recording(AT_44), *recording(AT_44), TABLE, *recording(AT_44)],
    ],
    ids=["same format", "no tables", "the clock goes on", "no frames", "no frames before", "several"],
)
def test_other_recordings_are_no_parts(packets: list[bytes]) -> None:
    structure = examined(*packets)

    assert (structure.problem, structure.parts) == (None, ())


def test_a_format_is_compared_with_that_of_the_last_frame_that_was_seen() -> None:
    unaligned = recording(NONE, begin=30 * TICKS, count=3)

    assert len(examined(*recording(AT_44), *unaligned, TABLE, *recording(AT_48)).parts) == 2


@pytest.mark.parametrize("recordings", [MAX_PARTS, MAX_PARTS + 1, 3 * MAX_PARTS])
def test_a_file_of_more_recordings_than_parts_is_refused_and_takes_no_more_memory(
    recordings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, add = set[int](), Tracks.add

    def noted(tracks: Tracks, number: int, *others: Any, **named: Any) -> None:
        numbers.add(number)
        add(tracks, number, *others, **named)

    monkeypatch.setattr(Tracks, "add", noted)
    packets = [[TABLE, *recording((AT_44, AT_48)[index % 2], count=3)] for index in range(recordings)]

    structure = examined(*chain.from_iterable(packets))

    assert structure.problem == (JOINED if recordings > MAX_PARTS else None)
    assert len(structure.parts) == (0 if recordings > MAX_PARTS else MAX_PARTS)
    assert len(numbers) == min(recordings, MAX_PARTS + 1)
