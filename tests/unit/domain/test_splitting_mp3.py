"""Joining MP3: the sound of each frame is whole across a joint, and the tag is right for the whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pytest

from tests.support.frames import ID3_TAG
from tests.support.pieces import a_piece, joined
from worker.domain.splitting.joiner import EncodedPiece, JoinError
from worker.domain.splitting.mp3 import Mp3Joiner, _Frames

SAMPLES = 1152  # of a frame
FRAME_BYTES, BODY, BODY_BYTES = 417, 36, 381  # 128 kbit/s at 44.1 kHz, in stereo
DELAY, PADDING = 1105, 900
COPYRIGHT = 8  # a bit of the header, which tells the second piece's frames from the first one's


def _of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_OF_BYTES = [_of_byte(byte) for byte in range(256)]


def checksum(data: bytes) -> int:
    """CRC-16/ARC, byte by byte from its low end."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _OF_BYTES[(crc ^ byte) & 0xFF]
    return crc


def a_tag(frames: int, music: bytes, *, header: bytes = b"\xff\xfb\x90\x64") -> bytes:
    tag = bytearray(header.ljust(BODY, b"\0") + bytes(number % 251 for number in range(FRAME_BYTES - BODY)))
    size = (len(music) + FRAME_BYTES).to_bytes(4, "big")
    tag[36:52] = b"Info\0\0\0\x0f" + frames.to_bytes(4, "big") + size
    tag[156:165] = b"Lavc60.31"
    tag[177:180] = (DELAY << 12 | PADDING).to_bytes(3, "big")
    tag[184:190] = size + checksum(music).to_bytes(2, "big")
    tag[190:192] = checksum(bytes(tag[:190])).to_bytes(2, "big")
    return bytes(tag)


def a_frame(reach: int, body: bytes, *, window: int = 0, mark: int = 0) -> bytes:
    """`window` is the shape of the first granule's first channel, of three bits."""
    fields = f"{reach:09b}".ljust(20 + 33, "0") + (f"1{window:03b}" if window else "0000")
    side = int(fields.ljust(256, "0"), 2).to_bytes(32, "big")
    return bytes((0xFF, 0xFB, 0x90, 0x64 | mark)) + side + body


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder made of the frames from `first` on."""

    first: int
    frames: Sequence[bytes]

    def file(self) -> bytes:
        music = b"".join(self.frames)
        return a_tag(len(self.frames), music) + music

    def piece(self, begin: int, end: int | None) -> EncodedPiece:
        return a_piece(self.file(), self.first, begin, end, len(self.frames) * SAMPLES - DELAY - PADDING)


def encoded(sounds: Sequence[bytes], first: int, stop: int, *, mark: int = 0, reservoir: int = 500) -> Encoded:
    """Each frame's sound begins behind that of the one before, at most `reservoir` bytes before its own frame."""
    bodies, at = bytearray((stop - first) * BODY_BYTES), 0
    reaches = []
    for number in range(stop - first):
        sound = sounds[first + number]
        at = max(at, number * BODY_BYTES - reservoir)
        reaches.append(number * BODY_BYTES - at)
        bodies[at : at + len(sound)] = sound
        at += len(sound)
    frames = [
        a_frame(reach, bytes(bodies[number * BODY_BYTES : (number + 1) * BODY_BYTES]), mark=mark)
        for number, reach in enumerate(reaches)
    ]
    return Encoded(first, frames)


def sounds(count: int) -> list[bytes]:
    """Of 100 to 300 bytes: the reservoir is full after a few frames."""
    chance = random.Random(4)
    return [chance.randbytes(chance.randrange(100, 300)) for _ in range(count)]


def heard(frames: Sequence[bytes], lengths: Sequence[int]) -> list[bytes]:
    """What a decoder finds for each frame."""
    assert {frame[:4] for frame in frames} == {b"\xff\xfb\x90\x64"}
    bodies = b"".join(frame[BODY:] for frame in frames)
    begins = [n * BODY_BYTES - (frame[4] << 1 | frame[5] >> 7) for n, frame in enumerate(frames)]
    return [bodies[begin : begin + length] for begin, length in zip(begins, lengths, strict=True)]


def frames_of(data: bytes) -> list[bytes]:
    assert len(data) % FRAME_BYTES == 0
    return [data[at : at + FRAME_BYTES] for at in range(0, len(data), FRAME_BYTES)]


@pytest.mark.parametrize("front", [b"", ID3_TAG], ids=["alone", "behind a tag"])
@pytest.mark.parametrize("reservoirs", [(0, 0), (60, 50), (500, 300), (511, 500)])
def test_each_frame_is_heard_and_the_tag_counts_them_all(front: bytes, reservoirs: tuple[int, int]) -> None:
    contents = sounds(120)
    one = encoded(contents, 0, 80, reservoir=reservoirs[0])
    other = encoded(contents, 30, 120, reservoir=reservoirs[1])
    first = a_piece(front + one.file(), 0, 0, 70, 80 * SAMPLES)

    data = joined(Mp3Joiner(SAMPLES), first, other.piece(70, None))

    assert data.startswith(front)
    tag, *frames = frames_of(data[len(front) :])
    assert heard(frames, [len(each) for each in contents]) == contents
    assert tag == a_tag(120, b"".join(frames))


def test_three_pieces_are_joined_as_two_are() -> None:
    contents = sounds(200)
    pieces = [
        encoded(contents, 0, 80).piece(0, 70),
        encoded(contents, 30, 150, reservoir=480).piece(70, 140),
        encoded(contents, 100, 200, reservoir=450).piece(140, None),
    ]

    tag, *frames = frames_of(joined(Mp3Joiner(SAMPLES), *pieces))

    assert heard(frames, [len(each) for each in contents]) == contents
    assert tag == a_tag(200, b"".join(frames))


def test_the_sound_of_the_second_piece_takes_no_more_of_the_first_than_it_needs() -> None:
    first = Encoded(0, [a_frame(511, bytes([n]) * BODY_BYTES) for n in range(60)])
    second = Encoded(20, [a_frame(400, bytes([100 + n]) * BODY_BYTES, mark=COPYRIGHT) for n in range(60)])

    _, *frames = frames_of(joined(Mp3Joiner(SAMPLES), first.piece(0, 50), second.piece(50, None)))

    assert frames[:48] == list(first.frames[:48])
    assert frames[48] == a_frame(511, bytes([48]) * (BODY_BYTES - 19) + bytes([128]) * 19)
    assert frames[49] == a_frame(511, bytes([129]) * BODY_BYTES)
    assert frames[50:] == list(second.frames[30:])


MEANT = 60


def joint(differs: Collection[int], *, first: int = 0, end: int = 120, other_end: int = 120) -> int:
    """Where pieces are joined whose windows differ in some frames: the second piece begins at `first`."""

    def frames(begin: int, stop: int, mark: int) -> list[bytes]:
        windows = [2 if mark and number in differs else 0 for number in range(begin, stop)]
        return [a_frame(0, bytes(BODY_BYTES), window=window, mark=mark) for window in windows]

    one, other = Encoded(0, frames(0, end, 0)), Encoded(first, frames(first, other_end, COPYRIGHT))
    _, *joined_frames = frames_of(joined(Mp3Joiner(SAMPLES), one.piece(0, MEANT), other.piece(MEANT, None)))
    return next(number for number, frame in enumerate(joined_frames) if frame[3] & COPYRIGHT)


def test_pieces_are_joined_where_it_is_meant_to_be_or_near_by() -> None:
    assert joint({}) == MEANT
    assert joint({MEANT}) == MEANT - 1
    assert joint({MEANT - 1}) == MEANT + 1
    assert joint({MEANT - 1, MEANT - 2, MEANT}) == MEANT + 2
    assert joint(range(MEANT - 40, MEANT + 4)) == MEANT + 5


@pytest.mark.parametrize(
    ("differs", "options", "expected"),
    [
        # The last of those that are tried is seven frames behind, and needs the same windows as the one before it.
        (lambda number: number < MEANT + 6, {}, MEANT + 7),
        (lambda number: number < MEANT + 7, {}, None),
        # The first is 24 frames in front,
        (lambda number: number > MEANT - 24, {}, MEANT - 24),
        (lambda number: number > MEANT - 25, {}, None),
        # if the second piece's encoder is settled there, which is so from its 17th frame on.
        (lambda number: number > MEANT - 14, {"first": MEANT - 30}, MEANT - 14),
        (lambda number: number > MEANT - 15, {"first": MEANT - 30}, None),
        # The first piece's encoder looks four frames ahead.
        (lambda number: number < MEANT + 2, {"end": MEANT + 8}, MEANT + 3),
        (lambda number: number < MEANT + 3, {"end": MEANT + 8}, None),
        # Of the second piece at least one frame is kept.
        (lambda number: number < MEANT + 3, {"other_end": MEANT + 5}, MEANT + 4),
        (lambda number: number < MEANT + 4, {"other_end": MEANT + 5}, None),
    ],
)
def test_a_joint_is_looked_for_where_both_encoders_are_settled(
    differs: Callable[[int], bool], options: dict[str, int], expected: int | None
) -> None:
    numbers = set(filter(differs, range(120)))

    if expected is not None:
        assert joint(numbers, **options) == expected
    else:
        with pytest.raises(JoinError, match="nowhere"):
            joint(numbers, **options)


@pytest.mark.parametrize(("room", "fits"), [(40, True), (39, False)])
def test_the_sound_of_the_second_piece_needs_as_much_room_as_the_first_has_there(room: int, *, fits: bool) -> None:
    one = Encoded(0, [a_frame(room, bytes(BODY_BYTES)) for _ in range(100)])
    other = Encoded(20, [a_frame(40, b"x" * BODY_BYTES, mark=COPYRIGHT) for _ in range(80)])
    pieces = one.piece(0, 60), other.piece(60, None)

    if fits:
        assert joined(Mp3Joiner(SAMPLES), *pieces)
    else:
        with pytest.raises(JoinError, match="nowhere"):
            joined(Mp3Joiner(SAMPLES), *pieces)


def a_file(count: int = 3) -> bytearray:
    return bytearray(Encoded(0, [a_frame(0, bytes(BODY_BYTES))] * count).file())


def refused(data: bytes | bytearray) -> str:
    with pytest.raises(JoinError) as caught:
        list(Mp3Joiner(SAMPLES).add(a_piece(bytes(data), 0, 0, None, SAMPLES)))
    return str(caught.value)


def test_a_piece_is_whole_frames_behind_a_complete_tag() -> None:
    without_fields, without_name = a_file(), a_file()
    without_fields[43] = 7
    without_name[36:40] = b"xxxx"

    assert refused(a_file()[:-1]) == "a piece is cut off"
    assert refused(a_tag(0, b"")) == "a piece is cut off"  # no frame behind the tag
    assert refused(bytes(a_file()) + b"junk") == "a piece is not frames alone"
    assert refused(without_fields) == "a piece has no complete tag"
    assert refused(without_name) == "a piece has no complete tag"
    assert list(Mp3Joiner(SAMPLES).add(a_piece(bytes(a_file(1)), 0, 0, None, SAMPLES))) == [bytes(a_file(1)[:417])]


@pytest.mark.parametrize(("length", "is_complete"), [(192, True), (168, False)])
def test_a_tag_needs_room_for_its_checksum(length: int, *, is_complete: bool) -> None:
    """A frame of 64 kbit/s at 48 kHz has 192 bytes, which is just enough; one of 56 kbit/s has 168."""
    header = b"\xff\xfb" + bytes((0x54 if is_complete else 0x44,)) + b"\x64"
    tag = a_tag(1, b"", header=header)[:length]
    data = tag + header + bytes(length - 4)

    if is_complete:
        assert list(Mp3Joiner(SAMPLES).add(a_piece(data, 0, 0, None, SAMPLES))) == [tag]
    else:
        assert refused(data) == "a piece has no complete tag"


def test_a_tag_that_is_one_byte_too_short_for_its_checksum_is_none() -> None:
    header = b"\xff\xf3\x74\xc0"  # MPEG 2, 56 kbit/s at 24 kHz in mono
    tag = header.ljust(13, b"\0") + b"Info\0\0\0\x0f".ljust(155, b"\0")

    assert refused(tag + header + bytes(164)) == "a piece has no complete tag"


def test_a_piece_has_no_frames_from_before_it() -> None:
    frames = _Frames(Encoded(20, [a_frame(0, bytes(BODY_BYTES))] * 5).piece(22, None))

    assert frames.offset(20) == FRAME_BYTES
    with pytest.raises(JoinError, match="from before its piece"):
        frames.offset(19)


@pytest.mark.parametrize("more", [-1, 1])
def test_the_last_piece_states_its_samples(more: int) -> None:
    data = bytes(a_file(5))
    samples = 5 * SAMPLES - DELAY - PADDING

    assert joined(Mp3Joiner(SAMPLES), a_piece(data, 0, 0, None, samples)) == data
    with pytest.raises(JoinError, match="does not state"):
        joined(Mp3Joiner(SAMPLES), a_piece(data, 0, 0, None, samples + more))


def test_nothing_is_made_of_no_pieces() -> None:
    with pytest.raises(JoinError, match="no pieces"):
        joined(Mp3Joiner(SAMPLES))
