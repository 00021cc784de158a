"""MP3, and MPEG audio of layers I and II, as a raw stream of frames (ISO 11172-3 and 13818-3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from worker.domain.containers.format_changes import Formats, in_parts
from worker.domain.containers.frames import Chain, Frame, FrameKind, frame_clock
from worker.domain.containers.sizes import SLACK_BYTES
from worker.domain.containers.stream import examine_stream
from worker.domain.containers.structure import CUT_OFF, ReadAt, Structure, damaged, seconds_together

_HEADER_BYTES = 4
_LONGEST_FRAME_BYTES = 1441  # encoders differ on whether the frame with the Xing tag counts
_MPEG1_KBPS = {
    3: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBPS = {
    3: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    1: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SEARCHED_BYTES = 1 << 16  # by FFmpeg 9.0, from the first frame
_ALIKE = b"\xff\xfe\x0c\xcf"  # the bits of headers that it compares: neither bitrate nor how stereo is joined
_ENCODERS = {b"LAME", b"Lavc", b"Lavf"}  # whose tags say what they put around the sound
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _frame(header: bytes) -> Frame | None:
    """The frame of a header (ISO 11172-3, 2.4.2.3). None for a free format, which states no length."""
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] < 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate_index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 0 or bitrate_index in {0, 15} or rate_index == 3:
        return None
    bits_per_second = 1000 * (_MPEG1_KBPS if version == 3 else _MPEG2_KBPS)[layer][bitrate_index - 1]
    rate_hz, padding = _RATES_HZ[version][rate_index], header[2] >> 1 & 1
    channels = 1 if header[3] >> 6 == 3 else 2
    if layer == 3:
        return (12 * bits_per_second // rate_hz + padding) * 4, frame_clock(384, rate_hz, channels)
    samples = 576 if layer == 1 and version != 3 else 1152
    return samples // 8 * bits_per_second // rate_hz + padding, frame_clock(samples, rate_hz, channels)


_FRAMES: dict[bytes, Frame] = {}  # of headers that have been found: each takes a microsecond to read, and comes often
_MOST_HEADERS = 4096  # more than a usual file has: they differ in bitrate, padding and mode


def _measure(block: bytes, offset: int) -> Frame | None:
    header = block[offset : offset + _HEADER_BYTES]
    return _FRAMES.get(header) or _new_frame(header)


def _new_frame(header: bytes) -> Frame | None:
    frame = _frame(header)
    if frame is not None:
        if len(_FRAMES) >= _MOST_HEADERS:
            _FRAMES.clear()
        _FRAMES[header] = frame
    return frame


KIND = FrameKind(b"\xff", _HEADER_BYTES, _measure)


@dataclass(frozen=True, slots=True)
class _Info:
    """The tag of Xing or LAME in the first frame. What it does not state is 0."""

    frames: int = 0  # encoders differ on whether the one that the tag stands in counts
    file_bytes: int = 0
    trimmed_samples: int = 0  # what the encoder put in front and behind, and players leave out
    is_there: bool = False  # then the frame that it stands in is not played
    counts_others: bool = False  # `frames` is the number of all others: so do LAME and FFmpeg


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Whether all frames are there that the encoder's tag states, and what is damaged between them."""

    def is_last_frame(chain: Chain) -> bool:
        return chain.missing_bytes <= SLACK_BYTES and 0 < _info(read_at, chain.begin).frames <= chain.count

    def stated_count(chain: Chain) -> int | None:
        info = _info(read_at, chain.begin)
        return info.frames + 1 if info.frames and info.counts_others else None

    def examined(kind: FrameKind) -> tuple[Structure, Chain]:
        return examine_stream(
            read_at,
            start,
            size,
            kind,
            silent_frame=_silent_frame,
            may_lack=is_last_frame,
            stated_count=stated_count,
        )

    structure, chain = examined(KIND)
    if len(chain.rates_hz) > 1:
        structure, chain = examined(KIND._replace(is_right=Formats(KIND, format_bits).is_right))
    if structure.problem:
        return structure
    info = _info(read_at, chain.begin)
    if chain.begin + info.file_bytes > size + _LONGEST_FRAME_BYTES:
        return replace(structure, problem=CUT_OFF)
    if chain.count + chain.lost_frames + 1 < info.frames:
        return replace(structure, problem=damaged(f"of {info.frames} frames, {chain.count} are there"))
    structure = in_parts(structure, chain, read_at, KIND, format_bits)
    return _played_parts(read_at, structure) if structure.parts else _played(read_at, structure)


def format_bits(block: bytes, offset: int) -> int:
    """Those of a header that say the rate and the channels."""
    is_mono = block[offset + 3] >= 0xC0
    return int.from_bytes(block[offset + 1 : offset + 3], "big") & 0x180C | is_mono


def _played_parts(read_at: ReadAt, structure: Structure) -> Structure:
    parts = tuple(_played(read_at, part) for part in structure.parts)
    return replace(
        structure,
        track_seconds=(seconds_together(parts),),
        parts=parts,
        repairs=(*structure.repairs, *(sentence for part in parts for sentence in part.repairs)),
    )


def _played(read_at: ReadAt, structure: Structure) -> Structure:
    """Without the frames and samples that FFmpeg leaves out."""
    info = _info(read_at, structure.begin)
    seconds, (begin, left_out) = _played_seconds(read_at, structure, info), _left_out(read_at, structure, info)
    if seconds is None or not left_out:
        return replace(structure, track_seconds=(seconds,))
    return replace(
        structure,
        begin=begin,
        track_seconds=(max(0.0, seconds - left_out),),
        repairs=(
            *structure.repairs,
            f"{left_out:.3f} s of sound at the start were left out: its frames change their mode",
        ),
    )


def _left_out(read_at: ReadAt, structure: Structure, info: _Info) -> tuple[int, float]:
    """Where FFmpeg begins to play, and how many seconds lie before: it searches for two frames that are alike.

    Encoders of layer II may change between stereo and joint stereo at each frame.
    """
    at, seconds, is_tag = structure.begin, 0.0, info.is_there
    while at < min(structure.end, structure.begin + _SEARCHED_BYTES):
        header = read_at(at, _HEADER_BYTES)
        frame = _measure(header, 0)
        if frame is None:
            break  # a gap
        next_header = read_at(at + frame[0], _HEADER_BYTES)
        if not is_tag and _is_alike(header, next_header):
            return at, seconds
        at += frame[0]
        seconds += 0 if is_tag else frame[1].seconds
        is_tag = False
    return structure.begin, 0.0


def _is_alike(header: bytes, other: bytes) -> bool:
    return not any((a ^ b) & mask for a, b, mask in zip(header, other, _ALIKE, strict=False))


def _played_seconds(read_at: ReadAt, structure: Structure, info: _Info) -> float | None:
    (seconds,) = structure.track_seconds
    frame = _measure(read_at(structure.begin, _HEADER_BYTES), 0)
    if seconds is None or frame is None or not info.is_there:
        return seconds
    clock = frame[1]
    return max(0.0, seconds - (clock.samples + info.trimmed_samples) / clock.rate_hz)


def _info(read_at: ReadAt, begin: int) -> _Info:
    """Read the tag. It stands behind the side information, whose length depends on version and channels."""
    frame = read_at(begin, 192)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at == -1 or len(frame) < at + 16:
        return _Info()
    flags, position, stated = frame[at + 7], at + 8, dict[str, int]()
    for bit, name in ((1, "frames"), (2, "file_bytes")):
        if flags & bit:
            stated[name] = int.from_bytes(frame[position : position + 4], "big")
            position += 4
    trimmed = 0
    is_of_known_encoder = flags & 15 == 15 and frame[at + 120 : at + 124] in _ENCODERS
    if is_of_known_encoder and len(frame) >= at + 144:
        both = int.from_bytes(frame[at + 141 : at + 144], "big")
        trimmed = (both >> 12) + (both & 0xFFF)
    return _Info(**stated, trimmed_samples=trimmed, is_there=True, counts_others=is_of_known_encoder)


def _silent_frame(header: bytes, most_bytes: int) -> bytes | None:
    """A frame of silence: a header without a checksum, and zeros behind it. None where none is short enough."""
    for index in range(14, 0, -1):
        bits = bytes((0xFF, header[1] | 1, index << 4 | header[2] & 0x0D, header[3]))
        frame = _measure(bits, 0)
        if frame is not None and 40 <= frame[0] <= most_bytes:
            return bits.ljust(frame[0], b"\0")
    return None
