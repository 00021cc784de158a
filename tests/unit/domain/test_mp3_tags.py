"""What the encoder's tag in the first frame of an MP3 states, with values on both sides of each limit."""

from __future__ import annotations

import pytest

from tests.support.frames import MPEG_FRAME, reader
from worker.domain.containers import adts, mp3
from worker.domain.containers.frames import Clock
from worker.domain.containers.structure import CUT_OFF, Structure

SAMPLES, RATE_HZ, FRAME_BYTES = 1152, 44_100, 417
COUNT = 60  # frames behind the one with the tag


def a_tag(
    *,
    frames: int | None = None,
    size: int | None = None,
    flags: int = 0,
    name: bytes = b"Xing",
    encoder: bytes = b"",
    trimmed: int = 0,
) -> bytes:
    fields = [each.to_bytes(4, "big") for each in (frames, size) if each is not None]
    flags |= (frames is not None) | (size is not None) << 1
    tag = bytearray(FRAME_BYTES)
    tag[: len(MPEG_FRAME)] = MPEG_FRAME
    tag[36:44] = name + b"\xff\xff\xff" + bytes([flags])
    tag[44 : 44 + 4 * len(fields)] = b"".join(fields)
    tag[156 : 156 + len(encoder)] = encoder
    tag[177:180] = trimmed.to_bytes(3, "big")
    tag[180] = 0xFF
    return bytes(tag)


def examined(tag: bytes, count: int = COUNT, *, cut: int = 0) -> Structure:
    data = tag + MPEG_FRAME * count
    data = data[: len(data) - cut]
    return mp3.examine(reader(data), 0, len(data))


def played(samples: int) -> object:
    return pytest.approx((samples / RATE_HZ,))


@pytest.mark.parametrize("name", [b"Xing", b"Info"])
def test_the_frame_with_a_tag_is_not_played(name: bytes) -> None:
    assert examined(a_tag(name=name)).track_seconds == played(COUNT * SAMPLES)
    assert examined(a_tag(name=b"Xinh")).track_seconds == played((COUNT + 1) * SAMPLES)


@pytest.mark.parametrize(
    ("encoder", "flags", "trimmed"),
    [
        (b"LAME", 15, 1576),
        (b"Lavc", 15, 1576),
        (b"Lavf", 0xFF, 1576),
        (b"LAMF", 15, 0),
        (b"LAME", 7, 0),
        (b"LAME", 14, 0),
    ],
)
def test_what_an_encoder_put_around_the_sound_is_said_by_a_tag_with_all_fields(
    encoder: bytes, flags: int, trimmed: int
) -> None:
    tag = a_tag(encoder=encoder, trimmed=576 << 12 | 1000)
    tag = tag[:43] + bytes([flags & 0xFC]) + bytes(8) + tag[52:]
    if flags & 3:
        tag = tag[:43] + bytes([flags]) + (COUNT).to_bytes(4, "big") + bytes(4) + tag[52:]

    assert examined(tag).track_seconds == played(COUNT * SAMPLES - trimmed)


def test_a_tag_that_trims_more_samples_than_there_are_leaves_a_length_of_0() -> None:
    tag = a_tag(frames=2, size=0, flags=12, encoder=b"LAME", trimmed=4000 << 12 | 4000)

    assert examined(tag, 4).track_seconds == (0.0,)


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (0, None),
        (1, None),
        (COUNT, None),
        (COUNT + 1, None),
        (COUNT + 2, None),
        (COUNT + 3, "the source is damaged: of 63 frames, 61 are there"),
    ],
)
def test_all_frames_are_there_that_the_tag_counts(frames: int, problem: str | None) -> None:
    assert examined(a_tag(frames=frames)).problem == problem


@pytest.mark.parametrize(("more", "problem"), [(1441, None), (1442, CUT_OFF)])
def test_a_file_may_be_shorter_than_stated_by_the_longest_frame(more: int, problem: str | None) -> None:
    size = FRAME_BYTES * (COUNT + 1) + more

    assert examined(a_tag(size=size)).problem == problem
    assert examined(a_tag(frames=COUNT, size=size)).problem == problem


@pytest.mark.parametrize(
    ("frames", "cut", "problem"),
    [(COUNT, 64, None), (COUNT, 65, CUT_OFF), (COUNT + 1, 1, CUT_OFF), (1, 1, None), (0, 1, CUT_OFF)],
)
def test_a_last_frame_that_the_tag_does_not_count_may_lack_some_bytes(
    frames: int, cut: int, problem: str | None
) -> None:
    assert examined(a_tag(frames=frames), cut=cut).problem == problem


def adts_header(channels: int, *, length: int = 100, first: int = 0xF1) -> bytes:
    bits = 1 << 38 | 4 << 34 | channels << 30 | length << 13 | 0x7FF << 2
    return bytes((0xFF, first)) + bits.to_bytes(5, "big")


STEREO, JOINT, MONO = (MPEG_FRAME[:3] + bytes([mode << 6]) + MPEG_FRAME[4:] for mode in (0, 1, 3))


@pytest.mark.parametrize(
    ("first", "left_out"),
    [
        ([], 0),
        ([STEREO], 0),
        ([JOINT], 1),
        ([JOINT, STEREO, JOINT], 3),
        ([JOINT, JOINT, MONO], 0),
        ([MONO, JOINT, JOINT, MONO], 1),
    ],
)
@pytest.mark.parametrize("tag", [b"", a_tag()])
def test_frames_that_change_their_mode_are_left_out_up_to_two_that_are_alike(
    first: list[bytes], left_out: int, tag: bytes
) -> None:
    data = tag + b"".join(first) + STEREO * COUNT

    structure = mp3.examine(reader(data), 0, len(data))

    assert structure.track_seconds == played((len(first) + COUNT - left_out) * SAMPLES)
    assert structure.begin == (len(tag) + left_out * FRAME_BYTES if left_out else 0)
    said = f"{left_out * SAMPLES / RATE_HZ:.3f} s of sound at the start were left out: its frames change their mode"
    assert structure.repairs == ((said,) if left_out else ())


def test_how_stereo_is_joined_and_the_bitrate_may_change_at_each_frame() -> None:
    other = JOINT[:2] + b"\x80" + b"\x70" + JOINT[4:365]
    data = (JOINT + other) * COUNT

    assert mp3.examine(reader(data), 0, len(data)).repairs == ()


@pytest.mark.parametrize(("wide", "left_out"), [(66, 157), (67, 0)])
def test_two_frames_that_are_alike_are_searched_in_the_first_64_kib(wide: int, left_out: int) -> None:
    """Of the frames in front, so many have a byte of padding: what is alike begins at 65,535, or behind the search."""
    frames = [(STEREO, MONO)[number % 2] for number in range(157)]
    padded = [each[:2] + b"\x92" + each[3:] + b"\0" if number < wide else each for number, each in enumerate(frames)]
    data = b"".join(padded) + JOINT * COUNT

    structure = mp3.examine(reader(data), 0, len(data))

    assert structure.track_seconds == played((157 + COUNT - left_out) * SAMPLES)


@pytest.mark.parametrize(("at", "trimmed"), [(36, 1576), (48, 1576), (49, 0)])
def test_a_tag_is_read_to_the_byte_192_of_its_frame(at: int, trimmed: int) -> None:
    tag = a_tag(frames=COUNT, size=0, flags=12, encoder=b"LAME", trimmed=576 << 12 | 1000)
    moved = tag[:4] + bytes(at - 4) + tag[36:]

    assert examined(moved[:FRAME_BYTES]).track_seconds == played(COUNT * SAMPLES - trimmed)


@pytest.mark.parametrize(("at", "is_there"), [(176, True), (177, False)])
def test_a_tag_has_16_bytes_at_least_within_the_first_192(at: int, is_there: bool) -> None:
    tag = a_tag(frames=9)
    moved = tag[:4] + bytes(at - 4) + tag[36:]

    assert examined(moved[:FRAME_BYTES]).track_seconds == played((COUNT + (not is_there)) * SAMPLES)


def test_what_follows_on_the_number_of_frames_is_no_size_where_no_flag_says_so() -> None:
    tag = a_tag(frames=COUNT)

    assert examined(tag[:48] + b"\xff" * 4 + tag[52:]).problem is None


def test_a_tag_that_counts_no_frames_does_not_say_which_is_the_last_one() -> None:
    assert examined(a_tag(), cut=1).problem == CUT_OFF


@pytest.mark.parametrize("channels", range(8))
def test_aac_has_frames_of_silence_where_the_header_says_which_channels_there_are(channels: int) -> None:
    header = adts_header(channels, first=0xF0)
    block_bytes = (0, 6, 6, 11, 16, 16, 21, 26)[channels]

    for most in (6 + block_bytes, 7 + block_bytes, 100, 9000):
        frame = adts._silent_frame(header, most)
        if not block_bytes or most < 7 + block_bytes:
            assert frame is None
            continue
        assert frame is not None
        assert len(frame) == min(most, 8191)
        assert adts.KIND.measure(frame, 0) == (len(frame), Clock(1024, 44_100))
        assert frame[:3] == header[:1] + b"\xf1" + header[2:3]
        assert frame[3] >> 6 == header[3] >> 6


@pytest.mark.parametrize(("more", "length"), [(0, 100), (1, 101), (8091, 8191), (8092, None)])
def test_a_frame_of_aac_can_be_as_long_as_its_header_can_say(more: int, length: int | None) -> None:
    header = adts_header(2)

    longer = adts._stretched(header + b"x", more)

    assert longer == (None if length is None else adts_header(2, length=length))
