"""Joining FLAC: frames of 4096 samples do not depend on each other, only their numbers do (RFC 9639, section 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from worker.domain.containers.flac_frames import crc8, crc16
from worker.domain.splitting.checksums import with_zeros
from worker.domain.splitting.joiner import EncodedPiece, JoinError
from worker.domain.splitting.packets import kept_packets
from worker.domain.splitting.pieces import FLAC_FRAME_SAMPLES

_STREAMINFO = 8  # its content's offset (RFC 9639, section 8.2)
_FRAME_SIZES, _SAMPLES, _MD5 = _STREAMINFO + 4, _STREAMINFO + 13, _STREAMINFO + 18
_SIZE_BYTES = {6: 1, 7: 2}
_RATE_BYTES = {12: 1, 13: 2, 14: 2}


class FlacJoiner:
    """Joins pieces of FLAC. `header` is all that stands before the first frame of the output.

    `md5` is called at the end, and returns the checksum of all samples.
    """

    needs_last: ClassVar[bool] = False

    def __init__(self, header: bytes, md5: Callable[[], bytes]) -> None:
        self._header = header
        self._samples = 0
        self._md5 = md5
        self._next_frame = 0
        self._smallest, self._largest = 1 << 24, 0

    def add(self, piece: EncodedPiece) -> Iterator[bytes]:
        if self._next_frame == 0:
            yield self._header
        packets = kept_packets(piece, self._next_frame)
        self._samples = piece.first_frame * FLAC_FRAME_SAMPLES + piece.samples
        for offset, length in packets:
            frame = numbered(piece.read_at(offset, length), self._next_frame)
            self._next_frame += 1
            self._smallest, self._largest = min(self._smallest, len(frame)), max(self._largest, len(frame))
            yield frame

    def finish(self) -> Iterator[bytes]:
        return iter(())

    def patches(self) -> list[tuple[int, bytes]]:
        sizes = self._smallest.to_bytes(3, "big") + self._largest.to_bytes(3, "big")
        high = self._header[_SAMPLES] & 0xF0 | self._samples >> 32
        samples = bytes([high]) + (self._samples & 0xFFFF_FFFF).to_bytes(4, "big")
        return [(_FRAME_SIZES, sizes), (_SAMPLES, samples), (_MD5, self._md5())]


def numbered(frame: bytes, number: int) -> bytes:
    """The frame with another number, and with the checksums that follow from it. Raises JoinError."""
    number_bytes = 1 if frame[4] < 0x80 else 8 - (frame[4] ^ 0xFF).bit_length()
    behind = 4 + number_bytes
    end = behind + _SIZE_BYTES.get(frame[2] >> 4, 0) + _RATE_BYTES.get(frame[2] & 15, 0)
    header = frame[: end + 1]
    if frame[:2] != b"\xff\xf8" or crc8(header):
        raise JoinError("a packet of a piece is no frame")
    changed = frame[:4] + _coded(number) + frame[behind:end]
    changed += bytes([crc8(changed)])
    rest = frame[end + 1 : -2]
    checksum = int.from_bytes(frame[-2:], "big") ^ with_zeros(crc16(header) ^ crc16(changed), len(rest))
    return changed + rest + checksum.to_bytes(2, "big")


def _coded(number: int) -> bytes:
    """The number in the extended UTF-8 of RFC 9639, section 9.1.5."""
    if number < 0x80:
        return bytes([number])
    count = 2
    while number >> (5 * count + 1):
        count += 1
    lead = (0xFF00 >> count) & 0xFF
    tail = [0x80 | number >> 6 * each & 0x3F for each in range(count - 2, -1, -1)]
    return bytes([lead | number >> 6 * (count - 1), *tail])
