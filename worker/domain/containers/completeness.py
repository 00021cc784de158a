"""Whether a source was cut off, from its structure: the decoder plays half a file to its end and says nothing.

A check answers only where the format itself tells. A raw stream that is cut between two frames is complete.
FLAC and MP3 state their number of samples; for them, the converter compares it with what was decoded.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.domain.containers.frames import (
    TAIL_BYTES,
    ReadAt,
    adts_frame_bytes,
    amr_is_cut,
    find_chain,
    last_frame_is_cut,
    mpeg_frame_bytes,
)
from worker.domain.containers.matroska import matroska_is_cut
from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.sniffing import Container, Sniffed

_MAX_CHUNKS = 100_000  # a hostile file of empty chunks must not hold us up
_SLACK_BYTES = 64  # some writers count their own header into the size: less than a millisecond
_MPEG_FRAME_BYTES = 1441  # the longest; encoders differ on whether the frame with the Xing tag counts
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def is_cut_off(sniffed: Sniffed, read_at: ReadAt, size: int) -> bool:
    """Whether the file ends before its own structure does. Total: any bytes have an answer."""
    check = _CHECKS.get(sniffed.container)
    return check is not None and check(read_at, sniffed.start, size)


def _wav(read_at: ReadAt, start: int, size: int) -> bool:
    offset, ds64 = start + 12, 0
    for _ in range(_MAX_CHUNKS):
        header = read_at(offset, 24)
        if len(header) < 8:
            return True  # no data chunk
        kind, length = header[:4], int.from_bytes(header[4:8], "little")
        if kind == b"ds64":
            ds64 = int.from_bytes(header[16:24], "little")
        if kind == b"data":
            length = ds64 if length == 0xFFFF_FFFF and ds64 else length
            return not _is_open_end(length) and offset + 8 + length > size + _SLACK_BYTES
        offset += 8 + length + length % 2
    return False


def _is_open_end(length: int) -> bool:
    """What writers to a pipe put for a length that they cannot know: 0, ffmpeg's -1, sox's and arecord's 2 GiB."""
    return length == 0 or 0x7FFF_F000 <= length <= 0x8000_0000 or 0xFFFF_F000 <= length <= 0xFFFF_FFFF


def _w64(read_at: ReadAt, start: int, size: int) -> bool:
    length = int.from_bytes(read_at(start + 16, 8), "little")
    return 0 < length < 1 << 62 and start + length > size + _SLACK_BYTES


def _aiff(read_at: ReadAt, start: int, size: int) -> bool:
    length = int.from_bytes(read_at(start + 4, 4), "big")
    return not _is_open_end(length) and start + 8 + length > size + _SLACK_BYTES


def _au(read_at: ReadAt, start: int, size: int) -> bool:
    header = read_at(start + 4, 8)
    offset, length = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")
    return not _is_open_end(length) and start + offset + length > size + _SLACK_BYTES


def _caf(read_at: ReadAt, start: int, size: int) -> bool:
    offset, has_data = start + 8, False
    for _ in range(_MAX_CHUNKS):
        if offset >= size:
            break
        header = read_at(offset, 12)
        length = int.from_bytes(header[4:], "big", signed=True)
        if header[:4] == b"data":
            has_data = True
            if length == -1:  # to the end of the file, which only the last chunk may
                return False
        if len(header) < 12 or length < 0:
            return not has_data
        offset += 12 + length
    return not has_data or offset > size + _SLACK_BYTES


def _mp3(read_at: ReadAt, start: int, size: int) -> bool:
    head = read_at(start, TAIL_BYTES)
    first = find_chain(head, mpeg_frame_bytes) or 0
    frame = head[first : first + 192]
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    if tag >= 0 and len(frame) >= tag + 16 and frame[tag + 7] & 2:  # the byte count is there
        offset = tag + 8 + (4 if frame[tag + 7] & 1 else 0)
        length = int.from_bytes(frame[offset : offset + 4], "big")
        if start + first + length > size + _MPEG_FRAME_BYTES:
            return True
    return last_frame_is_cut(read_at, start, size, mpeg_frame_bytes)


def _adts(read_at: ReadAt, start: int, size: int) -> bool:
    return last_frame_is_cut(read_at, start, size, adts_frame_bytes)


def _amr(read_at: ReadAt, _start: int, size: int) -> bool:
    return amr_is_cut(read_at, size)


def _ogg(read_at: ReadAt, start: int, size: int) -> bool:
    """The last page must be complete, and the last of its stream (RFC 3533, section 6)."""
    begin = max(start, size - 2 * TAIL_BYTES)
    window = read_at(begin, size - begin)
    at = window.rfind(b"OggS\x00")
    if at < 0 or len(window) < at + 27:
        return True
    segments = window[at + 27 : at + 27 + window[at + 26]]
    complete = len(segments) == window[at + 26] and len(window) >= at + 27 + len(segments) + sum(segments)
    is_last_of_stream = bool(window[at + 5] & 4)
    return not (complete and is_last_of_stream)


def _mp4(read_at: ReadAt, _start: int, size: int) -> bool:
    last = b""
    kinds = set()
    for box in top_boxes(read_at, size):
        if box.kind in {b"moov", b"moof", b"mdat"}:
            if box.stop > size:
                return True
            last = box.kind
            kinds.add(box.kind)
    return b"moov" not in kinds or last == b"moof"


def _asf(read_at: ReadAt, start: int, size: int) -> bool:
    header = read_at(start, 65_536)
    at = header.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(header) < at + 92:
        return False
    is_broadcast = bool(header[at + 88] & 1)  # then the size is not known
    return not is_broadcast and start + int.from_bytes(header[at + 40 : at + 48], "little") > size + _SLACK_BYTES


def _matroska(read_at: ReadAt, _start: int, size: int) -> bool:
    return matroska_is_cut(read_at, size)


def _mpegts(read_at: ReadAt, start: int, size: int) -> bool:
    window = read_at(start, 5 * 204)
    for packet_bytes, sync in ((188, 0), (192, 4), (204, 0)):
        if all(window[sync + i * packet_bytes : sync + i * packet_bytes + 1] == b"\x47" for i in range(5)):
            return (size - start) % packet_bytes != 0
    return False


_CHECKS: dict[Container, Callable[[ReadAt, int, int], bool]] = {
    Container.WAV: _wav,
    Container.W64: _w64,
    Container.AIFF: _aiff,
    Container.AU: _au,
    Container.CAF: _caf,
    Container.MP3: _mp3,
    Container.ADTS: _adts,
    Container.AMR: _amr,
    Container.OGG: _ogg,
    Container.MP4: _mp4,
    Container.ASF: _asf,
    Container.MATROSKA: _matroska,
    Container.MPEGTS: _mpegts,
}
