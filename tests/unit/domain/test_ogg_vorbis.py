"""Which blocks the packets of Vorbis have, and where a stream begins by them."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from tests.support.ogg import FIRST, LAST, later, page, page_of, sealed
from tests.support.sounds import run_ffmpeg, sound
from worker.domain.containers import ogg
from worker.domain.containers.ogg_vorbis import MODES_BYTES, blocks_of, samples_of

SHORT, LONG = 256, 2048
CONTINUED = 1
HEAD = b"\x01vorbis" + bytes(4) + b"\x02" + (48_000).to_bytes(4, "little") + bytes(12) + b"\xb8\x01"
SHORT_PACKET, LONG_PACKET = b"\x00" + bytes(8), b"\x02" + bytes(8)


def setup(
    *is_long: int, before: bytes = b"\x05vorbis\xff", types: int = 0, mapping: int = 1, padding: int = 0
) -> bytes:
    """A setup header with these modes, behind bytes that are none."""
    bits, at = int.from_bytes(before, "little"), 8 * len(before)
    bits |= len(is_long) - 1 << at
    at += 6
    for flag in is_long:
        bits |= (flag | types << 1 | mapping << 33) << at
        at += 41
    bits |= 1 << at
    return bits.to_bytes(at // 8 + 1, "little") + bytes(padding)


def seconds_of(data: bytes) -> float:
    structure = ogg.examine(reader(data), 0, len(data))
    assert structure.problem is None
    (seconds,) = structure.track_seconds
    assert seconds is not None
    return seconds


@pytest.mark.parametrize("modes", [(0,), (1,), (0, 1), (1, 0), (0, 1, 1), (0, 1) * 32])
@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("before", [b"", b"\xff" * 999, bytes(999)])
def test_modes_are_read_from_the_end_of_the_setup_header(modes: tuple[int, ...], before: bytes, padding: int) -> None:
    header = setup(*modes, padding=padding, before=before)

    assert blocks_of(header[-MODES_BYTES - padding :], SHORT, LONG) == tuple(LONG if flag else SHORT for flag in modes)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\x05vorbis",
        bytes(400),
        b"\xff" * 400,
        setup(0, 1, types=1),
        setup(0, 1, types=1 << 31),
        setup(0, 1, mapping=64),
    ],
)
def test_what_has_no_modes_says_nothing(header: bytes) -> None:
    assert blocks_of(header, SHORT, LONG) == ()


def test_a_block_is_heard_together_with_the_one_before() -> None:
    blocks = (SHORT, LONG)
    packets = [SHORT_PACKET, LONG_PACKET, LONG_PACKET, SHORT_PACKET]

    assert samples_of(packets, blocks) == 576 + 1024 + 576
    assert samples_of(packets[:1], blocks) == samples_of([], blocks) == 0
    assert samples_of([b"", SHORT_PACKET, b"", b"\x05", SHORT_PACKET], blocks) == 128
    assert samples_of([b"\x00", b"\x06", b"\x04"], (SHORT, LONG, LONG)) == 576  # there is no fourth mode
    assert samples_of([b"\xfe", b"\xfe"], (LONG,)) == 1024  # a packet has no bits for the only mode


@pytest.mark.parametrize("begin", [0, 1, 500, 100_000])
def test_a_stream_begins_where_the_packets_of_its_first_page_say(begin: int) -> None:
    headers = page(HEAD, number=0, flags=FIRST) + page_of([b"\x03vorbis", setup(0, 1)], number=1)
    first = page_of([LONG_PACKET] * 3 + [SHORT_PACKET], number=2, granule=begin + 2 * 1024 + 576)
    last = page_of([LONG_PACKET], number=3, granule=begin + 9000, flags=LAST)

    assert seconds_of(headers + first + last) == 9000 / 48_000


@pytest.mark.parametrize("begin", [0, 500, 100_000])
def test_a_first_block_that_is_alone_on_its_page_is_heard_with_the_next_one(begin: int) -> None:
    headers = page(HEAD, number=0, flags=FIRST) + page_of([b"\x03vorbis", setup(0, 1)], number=1)
    first = page_of([SHORT_PACKET], number=2) + page_of([LONG_PACKET], number=3, granule=begin + 576)
    last = page_of([LONG_PACKET], number=4, granule=begin + 9000, flags=LAST)

    assert seconds_of(headers + first + last) == 9000 / 48_000


def test_a_packet_that_began_on_a_page_that_is_not_there_has_no_samples() -> None:
    headers = page(HEAD, number=0, flags=FIRST) + page_of([b"\x03vorbis", setup(0, 1)], number=1)
    first = page_of([LONG_PACKET] * 3, number=2, granule=50_000, flags=CONTINUED)
    last = page_of([LONG_PACKET], number=3, granule=60_000, flags=LAST)

    assert seconds_of(headers + first + last) == (10_000 + 1024) / 48_000


def test_the_packets_of_a_page_are_read_at_once() -> None:
    """A file may have a million pages of 255 packets, each of which begins a stream."""
    headers = page(HEAD, number=0, flags=FIRST) + page_of([b"\x03vorbis", setup(0, 1)], number=1)
    data = headers + page_of([LONG_PACKET] * 200, number=2, granule=9000, flags=LAST)
    read_at, reads = reader(data), 0

    def counted(offset: int, size: int) -> bytes:
        nonlocal reads
        reads += 1
        return read_at(offset, size)

    ogg.examine(counted, 0, len(data))
    assert reads < 20


def test_a_setup_header_may_go_on_on_the_next_page() -> None:
    header = setup(0, 1, before=b"\x05vorbis" + b"\xff" * 240)
    lacing, cut = bytes([7, 255, len(header) - 255]), 7 + 255
    both = b"\x03vorbis" + header
    pages = [
        struct.pack("<4sBBqIIIB", b"OggS", 0, 0, -1, 7, 1, 0, 2) + lacing[:2] + both[:cut],
        struct.pack("<4sBBqIIIB", b"OggS", 0, CONTINUED, 0, 7, 2, 0, 1) + lacing[2:] + both[cut:],
    ]
    data = page(HEAD, number=0, flags=FIRST) + b"".join(map(sealed, pages))
    data += page_of([LONG_PACKET] * 2, number=3, granule=5000) + page_of(
        [LONG_PACKET], number=4, granule=9000, flags=LAST
    )

    assert seconds_of(data) == (4000 + 1024) / 48_000


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 1.0, 5000.0])
def test_vorbis_of_an_encoder_is_as_long_wherever_it_begins(rate_hz: int, seconds: float) -> None:
    path = sound("plain.ogg").with_name(f"{rate_hz}.ogg")
    if not path.exists():
        run_ffmpeg("-i", str(sound("plain.wav")), "-ar", str(rate_hz), "-c:a", "libvorbis", str(path))
    whole = path.read_bytes()

    assert seconds_of(later(whole, round(seconds * rate_hz))) == pytest.approx(2.3, abs=1e-9 + 1 / rate_hz)
