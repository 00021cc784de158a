"""Musepack, stream versions 7 and 8 (https://trac.musepack.net/musepack/wiki/SV8Specification)."""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.containers.behind import joined_behind, repairs_behind
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, range_to

_RATES_HZ = (44100, 48000, 37800, 32000)
_FRAME_SAMPLES = 1152
_MAX_PACKETS = 1_000_000
_DECODER_DELAY = 481  # MPC_DECODER_SYNTH_DELAY of libmpcdec, in samples; FFmpeg's decoders do not leave it out
_HEADER_7_BYTES = 24
_END = b"SE"
_MAGIC_8 = b"MPCK"


@dataclass(frozen=True, slots=True)
class _Length:
    """As a `Structure` has it; nothing where the header does not say it."""

    seconds: tuple[float, ...] = ()
    sound_samples: tuple[int, int] | None = None


def examine_7(read_at: ReadAt, start: int, size: int) -> Structure:
    """How long the sound is, which is compared later: frames begin at any bit, and only a decoder finds their end."""
    header = read_at(start, _HEADER_7_BYTES)
    if len(header) < _HEADER_7_BYTES:
        return Structure(start, size, problem=CUT_OFF)
    samples = int.from_bytes(header[4:8], "little") * _FRAME_SAMPLES
    ending = int.from_bytes(header[20:], "little")  # of encoders that keep the length, and then of the last frame
    is_exact, last_frame = ending >> 31, ending >> 20 & 0x7FF
    lacking = _FRAME_SAMPLES - (last_frame or _FRAME_SAMPLES) if is_exact else _DECODER_DELAY
    samples = max(0, samples - lacking)
    return Structure(
        start,
        size,
        track_seconds=(samples / _RATES_HZ[header[10] & 3],),
        sound_samples=(_DECODER_DELAY, _DECODER_DELAY + samples),
    )


def examine_8(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the packets are all there, to the one that ends the stream."""
    offset, has_ended = start + 4, False
    length = _Length()
    for _ in range(_MAX_PACKETS):
        header = read_at(offset, 24)
        key, (packet_bytes, size_bytes) = header[:2], _number(header[2:])
        if not (key.isalpha() and key.isupper()) or packet_bytes < 2 + size_bytes:
            break
        if key == b"SH":
            length = _length(header[2 + size_bytes :])
        offset += packet_bytes
        has_ended = key == _END and offset <= size
        if has_ended:
            break
    return Structure(
        start,
        min(offset, size),
        problem=joined_behind(read_at, offset, size, _MAGIC_8) if has_ended else CUT_OFF,
        track_seconds=length.seconds,
        sound_samples=length.sound_samples,
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


def _length(stream_header: bytes) -> _Length:
    """The length by the stream's header; empty where it does not say it.

    The header has a checksum (4 bytes), the version, the number of samples, the samples of silence at the beginning,
    and the rate's number in three bits.
    """
    samples, samples_bytes = _number(stream_header[5:])
    silence, silence_bytes = _number(stream_header[5 + samples_bytes :])
    rate = stream_header[5 + samples_bytes + silence_bytes :]
    if not samples_bytes or not silence_bytes or not rate or rate[0] >> 5 >= len(_RATES_HZ):
        return _Length()
    seconds = (max(0, samples - silence) / _RATES_HZ[rate[0] >> 5],)
    # A length of 0 is not known.
    return _Length(seconds, (_DECODER_DELAY + silence, _DECODER_DELAY + samples) if samples > silence else None)
