"""Joining MP3 of one bitrate, with the bit reservoir, and with a tag that is right for the whole (Xing, Info, LAME).

A frame's sound may begin in earlier frames. At a joint, the bytes that the second piece's frame has there are put into
the first piece's frames, at a place where these have left as much room; around it, both pieces have the same windows.
The tag: http://gabriel.mp3-tech.org/mp3infotag.html, as libavformat writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from worker.domain.containers.mp3 import KIND
from worker.domain.containers.reading import BlockReader
from worker.domain.containers.tags import behind_tags
from worker.domain.splitting.checksums import reversed_bits, reversed_crc16, with_zeros
from worker.domain.splitting.joiner import EncodedPiece, JoinError, copied
from worker.domain.splitting.mp3_frames import SideInformation, side_information

_SEARCHED = range(-24, 8)  # frames around the place where a joint is meant to be
_SETTLED_FRAMES = 16  # of a piece that begins anew
_AHEAD_FRAMES = 4  # of a piece that ends: the encoder looks ahead
_ALL_FIELDS = b"\0\0\0\x0f"
_FRAMES, _BYTES, _TRIMMED, _MUSIC_BYTES, _MUSIC_CRC, _TAG_CRC = 8, 12, 141, 148, 152, 154  # from the tag's name on
_CHECKED_BYTES = 190  # of the tag's frame


@dataclass(slots=True)
class _Frames:
    """A piece, and where its frames lie. The first one is a tag, and is not counted."""

    piece: EncodedPiece
    offsets: list[int] = field(init=False)  # of each frame, and behind them the end of the last one
    tag: bytes = field(init=False)
    begin: int = field(init=False)  # of the bytes that are kept: the first frame's offset

    def __post_init__(self) -> None:
        reader = BlockReader(self.piece.read_at)
        at = behind_tags(self.piece.read_at)
        self.offsets = []
        while at < self.piece.size:
            frame = KIND.measure(reader.at(at, 4), 0)
            if frame is None:
                raise JoinError("a piece is not frames alone")
            self.offsets.append(at)
            at += frame[0]
        self.offsets.append(at)
        if at != self.piece.size or len(self.offsets) < 3:
            raise JoinError("a piece is cut off")
        self.tag = self.piece.read_at(self.offsets[0], self.offsets[1] - self.offsets[0])
        name = self.name
        if name < 0 or self.tag[name + 4 : name + 8] != _ALL_FIELDS or len(self.tag) < name + _TAG_CRC + 2:
            raise JoinError("a piece has no complete tag")
        del self.offsets[0]
        self.begin = self.offsets[0]

    @property
    def name(self) -> int:
        return self.tag.find(b"Info")

    @property
    def end_frame(self) -> int:
        return self.piece.first_frame + len(self.offsets) - 1

    def offset(self, frame: int) -> int:
        if frame < self.piece.first_frame:
            raise JoinError("a frame needs bytes from before its piece")
        return self.offsets[frame - self.piece.first_frame]

    def frame(self, frame: int) -> bytes:
        return self.piece.read_at(self.offset(frame), self.offset(frame + 1) - self.offset(frame))

    def checksum(self, begin: int, end: int) -> int:
        """The checksum of the bytes between two offsets, from the tag's checksum of all and that of the few others."""
        read_at, first, last = self.piece.read_at, self.offsets[0], self.offsets[-1]
        head, tail = reversed_crc16(read_at(first, begin - first)), reversed_crc16(read_at(end, last - end))
        stated = reversed_bits(int.from_bytes(self.tag[self.name + _MUSIC_CRC : self.name + _TAG_CRC], "big"))
        return with_zeros(stated ^ with_zeros(head, last - begin) ^ tail, end - last)


class Mp3Joiner:
    """Joins pieces of MP3, each of which has a tag. What the last one's tag says of its end is true of the whole."""

    needs_last: ClassVar[bool] = True

    def __init__(self, frame_samples: int) -> None:
        self._frame_samples = frame_samples
        self._last: _Frames | None = None
        self._front_bytes = 0  # before the tag
        self._tag = b""
        self._music_bytes = 0
        self._music_crc = 0

    def add(self, piece: EncodedPiece) -> Iterator[bytes]:
        frames = _Frames(piece)
        if self._last is None:
            self._front_bytes, self._tag = frames.begin - len(frames.tag), frames.tag
            yield piece.read_at(0, frames.begin)
        else:
            joint = _joint(self._last, frames)
            frames.begin = frames.offset(joint)
            yield from self._kept(self._last, *_with_reservoir(self._last, frames, joint))
        self._last = frames

    def finish(self) -> Iterator[bytes]:
        if self._last is None:
            raise JoinError("there are no pieces")
        last, name = self._last, self._tag.find(b"Info")
        yield from self._kept(last, last.offsets[-1], b"")
        trimmed = last.tag[last.name + _TRIMMED : last.name + _TRIMMED + 3]
        both = int.from_bytes(trimmed, "big")
        frames = last.end_frame - last.piece.first_frame
        if frames * self._frame_samples - (both >> 12) - (both & 0xFFF) != last.piece.samples:
            raise JoinError("the last piece does not state its samples")
        tag = bytearray(self._tag)
        size = (self._music_bytes + len(tag)).to_bytes(4, "big")
        for at, content in (
            (_FRAMES, last.end_frame.to_bytes(4, "big")),
            (_BYTES, size),
            (_TRIMMED, trimmed),
            (_MUSIC_BYTES, size),
            (_MUSIC_CRC, reversed_bits(self._music_crc).to_bytes(2, "big")),
            (_TAG_CRC, bytes(2)),
        ):
            tag[name + at : name + at + len(content)] = content
        checksum = reversed_bits(reversed_crc16(bytes(tag[:_CHECKED_BYTES])))
        tag[name + _TAG_CRC : name + _TAG_CRC + 2] = checksum.to_bytes(2, "big")
        self._tag = bytes(tag)

    def patches(self) -> list[tuple[int, bytes]]:
        return [(self._front_bytes, self._tag)]

    def _kept(self, frames: _Frames, end: int, changed: bytes) -> Iterator[bytes]:
        """Yield the piece's bytes up to an offset, and then `changed`, which takes the place of those behind it."""
        for checksum, length in (
            (frames.checksum(frames.begin, end), end - frames.begin),
            (reversed_crc16(changed), len(changed)),
        ):
            self._music_crc = with_zeros(self._music_crc, length) ^ checksum
            self._music_bytes += length
        yield from copied(frames.piece.read_at, frames.begin, end)
        yield changed


def _joint(one: _Frames, other: _Frames) -> int:
    """The frame from which on `other` is kept. Raises JoinError where none fits."""
    meant = other.piece.begin_frame
    first = max(other.piece.first_frame + _SETTLED_FRAMES, meant + _SEARCHED.start)
    behind = min(one.end_frame - _AHEAD_FRAMES, other.end_frame, meant + _SEARCHED.stop)
    for frame in sorted(range(first, behind), key=lambda frame: abs(frame - meant)):
        before, after = (
            [side_information(each.frame(number)) for each in (one, other)] for number in (frame - 1, frame)
        )
        if _fit(before, after):
            return frame
    raise JoinError("nowhere do the pieces fit together")


def _fit(before: list[SideInformation], after: list[SideInformation]) -> bool:
    has_room = after[1].reach <= after[0].reach
    return has_room and all(one.windows == other.windows for one, other in (before, after))


def _with_reservoir(one: _Frames, other: _Frames, joint: int) -> tuple[int, bytes]:
    """The offset of the first frame of `one` that has to hold sound of `other`, and the frames from there with it."""
    wanted = side_information(other.frame(joint)).reach
    sound = b""
    frame = joint
    while len(sound) < wanted:
        frame -= 1
        data = other.frame(frame)
        sound = data[side_information(data).body :] + sound
    sound, frame, changed = sound[len(sound) - wanted :], joint, b""
    while sound:
        frame -= 1
        data = one.frame(frame)
        room = len(data) - side_information(data).body
        taken = min(room, len(sound))
        changed = data[: len(data) - taken] + sound[len(sound) - taken :] + changed
        sound = sound[: len(sound) - taken]
    return one.offset(frame), changed
