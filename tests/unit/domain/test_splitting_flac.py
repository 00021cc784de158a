"""Joining FLAC: frames with the numbers of the whole, and a header that says what the whole has."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.support.pieces import FRAME, a_piece, an_mp4, joined
from worker.domain.containers.flac_frames import crc8, crc16, frame_header, has_right_checksum
from worker.domain.splitting.flac import FlacJoiner, numbered
from worker.domain.splitting.joiner import EncodedPiece, JoinError

MD5 = bytes(range(16))
FORM = 44_100 << 44 | 1 << 41 | 15 << 36  # stereo, 16 bits; the samples follow
# STREAMINFO: two block sizes, two frame sizes, and what the header was written for, which states other samples.
STREAMINFO = struct.pack(">HH6xQ", FRAME, FRAME, FORM | 0x7_1234_5678) + bytes(16)
HEADER = b"fLaC\0\0\0\x22" + STREAMINFO + b"\x84\0\0\x04" + bytes(4)


def a_frame(number: int, body: bytes) -> bytes:
    """Of 4096 samples, 44.1 kHz, stereo, 16 bits."""
    return numbered(_frame_0(body), number)


def _frame_0(body: bytes, codes: int = 0xC9, stated: bytes = b"") -> bytes:
    """`codes` are those of its block size and its rate, of which some say that the values themselves are `stated`."""
    header = b"\xff\xf8" + bytes([codes]) + b"\x18\0" + stated
    frame = header + bytes([crc8(header)]) + body
    return frame + crc16(frame).to_bytes(2, "big")


def bodies(count: int) -> list[bytes]:
    """Of 20 to 51 bytes."""
    return [bytes([number]) * (20 + number * 7 % 32) for number in range(count)]


def a_part(contents: list[bytes], first: int, begin: int, end: int | None, samples: int) -> EncodedPiece:
    """A piece of an encoder that counts its frames from 0."""
    frames = [a_frame(number, body) for number, body in enumerate(contents[first:end])]
    return a_piece(an_mp4(frames), first, begin, end, samples)


def patched_header(smallest: int, largest: int, samples: int) -> bytes:
    header = bytearray(HEADER)
    header[12:18] = smallest.to_bytes(3, "big") + largest.to_bytes(3, "big")
    header[18:26] = (FORM | samples).to_bytes(8, "big")
    header[26:42] = MD5
    return bytes(header)


@pytest.mark.parametrize("count", [5, 200])
def test_pieces_become_one_file_whose_frames_are_numbered_and_whose_header_counts_them(count: int) -> None:
    contents = bodies(count)
    samples = (count - 1) * FRAME + 100
    one = a_part(contents, 0, 0, 2, 2 * FRAME)
    other = a_part(contents, 1, 2, None, samples - FRAME)

    data = joined(FlacJoiner(HEADER, lambda: MD5), one, other)

    frames = [a_frame(number, body) for number, body in enumerate(contents)]
    lengths = [len(frame) for frame in frames]
    assert data == patched_header(min(lengths), max(lengths), samples) + b"".join(frames)


def test_the_number_of_samples_has_36_bits() -> None:
    joiner = FlacJoiner(HEADER, lambda: MD5)
    samples = (9 << 32) + 4  # which do not fit the first 32 bits

    list(joiner.add(a_part(bodies(2), 0, 0, None, samples)))

    (_, (at, content), _) = joiner.patches()
    assert (at, content) == (21, bytes([HEADER[21] & 0xF0 | 9]) + (4).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("number", "size"),
    [
        (0, 1),
        (0x7F, 1),
        (0x80, 2),
        (0x7FF, 2),
        (0x800, 3),
        (0xFFFF, 3),
        (0x1_0000, 4),
        (0x1F_FFFF, 4),
        (0x20_0000, 5),
        (0x3FF_FFFF, 5),
        (0x400_0000, 6),
        (0x7FFF_FFFF, 6),
    ],
)
def test_a_number_is_written_in_as_few_bytes_as_it_needs(number: int, size: int) -> None:
    frame = _frame_0(b"body")

    changed = numbered(frame, number)

    header = frame_header(changed)
    assert header is not None
    assert header.number == number
    assert len(changed) == len(frame) - 1 + size


@pytest.mark.parametrize(
    ("codes", "stated"),
    [(0xC9, ""), (0x69, "0f"), (0x79, "0fff"), (0xCC, "2c"), (0xCD, "ac44"), (0xCE, "113a"), (0x7E, "0fff113a")],
)
def test_a_block_size_and_a_rate_that_a_frame_states_stay_behind_its_number(codes: int, stated: str) -> None:
    frame = _frame_0(b"body", codes, bytes.fromhex(stated))
    header = frame_header(frame)
    assert header is not None

    changed = numbered(frame, 300)

    assert frame_header(changed) == replace(header, number=300)
    assert has_right_checksum(changed)


def test_a_piece_that_does_not_begin_where_the_last_one_ended_is_not_joined() -> None:
    joiner = FlacJoiner(HEADER, lambda: MD5)
    list(joiner.add(a_part(bodies(9), 0, 0, 4, 4 * FRAME)))

    with pytest.raises(JoinError, match="begin where"):
        list(joiner.add(a_part(bodies(9), 3, 5, None, FRAME)))
