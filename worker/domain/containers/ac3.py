"""AC-3 and E-AC-3, raw streams of frames (ETSI TS 102 366, sections 4.4 and E.1.3)."""

from __future__ import annotations

from dataclasses import replace

from worker.domain.containers.frames import Frame, FrameKind, frame_clock
from worker.domain.containers.stream import examine_stream
from worker.domain.containers.structure import ReadAt, Structure

_SYNC = b"\x0b\x77"
_HEADER_BYTES = 6
_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_RATES_HZ = (48000, 44100, 32000)
_FRAME_SAMPLES, _BLOCK_SAMPLES = 1536, 256
_BLOCKS = (1, 2, 3, 6)
_LAST_AC3, _LAST_EAC3 = 10, 16  # of bsid, which differs between the two
_DESCRIBED_FRAMES = 256  # more than FFmpeg looks at, which are those of some 2 s
_FIRST_FRAMES = 2  # that are alike; a first one that is alone may be damaged
_STEREO = 2  # the mode of two channels
_INDEPENDENT = {0, 2}  # of strmtyp: a dependent substream has further channels of the same time


def _measure_ac3(block: bytes, offset: int) -> Frame | None:
    if block[offset : offset + 2] != _SYNC or block[offset + 5] >> 3 > _LAST_AC3:
        return None
    code = block[offset + 4]
    if code >> 6 == 3 or (code & 63) // 2 >= len(_KBPS):
        return None
    rate_hz, kbps = _RATES_HZ[code >> 6], _KBPS[(code & 63) // 2]
    words = kbps * 1000 * _FRAME_SAMPLES // rate_hz // 16
    if rate_hz == 44100:
        words += code & 1
    # Half the rate for each step above 8 (annex A of the first edition, and what decoders do).
    return 2 * words, frame_clock(_FRAME_SAMPLES, rate_hz >> max(0, (block[offset + 5] >> 3) - 8))


def _measure_eac3(block: bytes, offset: int) -> Frame | None:
    bsid = block[offset + 5] >> 3
    if block[offset : offset + 2] != _SYNC or not _LAST_AC3 < bsid <= _LAST_EAC3:
        return None
    length = 2 * (((block[offset + 2] & 7) << 8 | block[offset + 3]) + 1)
    fscod, numblkscod = block[offset + 4] >> 6, block[offset + 4] >> 4 & 3
    if length < _HEADER_BYTES or (fscod == 3 and numblkscod == 3):
        return None
    rate_hz, blocks = (_RATES_HZ[numblkscod] // 2, 6) if fscod == 3 else (_RATES_HZ[fscod], _BLOCKS[numblkscod])
    is_first = block[offset + 2] >> 6 in _INDEPENDENT and block[offset + 2] >> 3 & 7 == 0
    return length, frame_clock(_BLOCK_SAMPLES * blocks if is_first else 0, rate_hz)


AC3 = FrameKind(_SYNC, _HEADER_BYTES, _measure_ac3, has_tags_skipped=False)
EAC3 = FrameKind(_SYNC, _HEADER_BYTES, _measure_eac3, has_tags_skipped=False)


def ac3_format_bits(block: bytes, offset: int) -> int:
    """Those of a header that say the rate and the channels.

    The bit of low frequencies stands behind levels of channels, of which not all are always there (section 4.4.2).
    """
    mode = block[offset + 6] >> 5
    levels = (mode & 1 and mode != 1) + (mode >> 2) + (mode == _STEREO)
    has_low_frequencies = block[offset + 6] >> (4 - 2 * levels) & 1
    return int.from_bytes(block[offset + 4 : offset + 7], "big") & 0xC0_F8_E0 | has_low_frequencies


def eac3_format_bits(block: bytes, offset: int) -> int:
    """Those of a header that say the rate and the channels."""
    code = block[offset + 4]
    return code & (0xFF if code >> 6 == 3 else 0xCF)


def examine_ac3(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame, and nothing else lies between the frames."""
    structure = examine_stream(read_at, start, size, AC3)[0]
    return replace(structure, probe_bytes=_probe_bytes(read_at, structure))


def _probe_bytes(read_at: ReadAt, structure: Structure) -> int | None:
    """How far a demuxer may read to describe the first frames, where the format changes soon behind them.

    FFmpeg 9.0 describes the last frames that it has looked at. None where they are as the first.
    """
    first, at, probe_bytes = read_at(structure.begin, _HEADER_BYTES + 1), structure.begin, None
    for number in range(_DESCRIBED_FRAMES):
        header = read_at(at, _HEADER_BYTES + 1)
        frame = _measure_ac3(header, 0) if len(header) > _HEADER_BYTES and at < structure.end else None
        if frame is None:
            return None
        if ac3_format_bits(header, 0) != ac3_format_bits(first, 0):
            return probe_bytes
        at += frame[0]
        if number + 1 == _FIRST_FRAMES:
            probe_bytes = at - structure.begin
    return None


def examine_eac3(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether the file ends with a frame, and nothing else lies between the frames."""
    return examine_stream(read_at, start, size, EAC3)[0]
