"""Musepack, stream versions 7 and 8 (https://trac.musepack.net/musepack/wiki/SV8Specification)."""

from __future__ import annotations

from worker.domain.containers.behind import joined_behind, repairs_behind
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, range_to

_RATES_HZ = (44100, 48000, 37800, 32000)
_FRAME_SAMPLES = 1152
_MAX_PACKETS = 1_000_000
_END = b"SE"
_MAGIC_8 = b"MPCK"


def examine_7(read_at: ReadAt, start: int, size: int) -> Structure:
    """How long the sound is, which is compared later: frames begin at any bit, and only a decoder finds their end."""
    header = read_at(start, 12)
    if len(header) < 12:
        return Structure(start, size, problem=CUT_OFF)
    frames = int.from_bytes(header[4:8], "little")
    return Structure(start, size, track_seconds=(frames * _FRAME_SAMPLES / _RATES_HZ[header[10] & 3],))


def examine_8(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the packets are all there, to the one that ends the stream."""
    offset, has_ended = start + 4, False
    seconds: tuple[float, ...] = ()
    for _ in range(_MAX_PACKETS):
        header = read_at(offset, 24)
        key, (length, size_bytes) = header[:2], _number(header[2:])
        if not (key.isalpha() and key.isupper()) or length < 2 + size_bytes:
            break
        if key == b"SH":
            seconds = _seconds(header[2 + size_bytes :])
        offset += length
        has_ended = key == _END and offset <= size
        if has_ended:
            break
    return Structure(
        start,
        min(offset, size),
        problem=joined_behind(read_at, offset, size, _MAGIC_8) if has_ended else CUT_OFF,
        track_seconds=seconds,
        repairs=repairs_behind(read_at, offset, size),
        read_range=range_to(offset, size),
    )


def _number(data: bytes) -> tuple[int, int]:
    """A number of seven bits a byte, and how many bytes it takes; (0, 0) where it does not end."""
    number = 0
    for index, byte in enumerate(data[:9]):
        number = number << 7 | byte & 127
        if byte < 128:
            return number, index + 1
    return 0, 0


def _seconds(stream_header: bytes) -> tuple[float, ...]:
    """The length by the stream's header; empty where it does not say it.

    The header has a checksum (4 bytes), the version, the number of samples, the samples of silence at the beginning,
    and the rate's number in three bits.
    """
    samples, samples_bytes = _number(stream_header[5:])
    silence, silence_bytes = _number(stream_header[5 + samples_bytes :])
    rate = stream_header[5 + samples_bytes + silence_bytes :]
    if not samples_bytes or not silence_bytes or not rate or rate[0] >> 5 >= len(_RATES_HZ):
        return ()
    return (max(0, samples - silence) / _RATES_HZ[rate[0] >> 5],)
