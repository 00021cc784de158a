"""How many frames were lost in a damaged MP3 whose frames differ in length: the encoder's tag counts all of them."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers import mp3
from worker.domain.containers.structure import Structure

SHORT, LONG = (header + bytes(size - 4) for header, size in ((b"\xff\xfb\x10\x64", 104), (b"\xff\xfb\x90\x64", 417)))
FRAME_SECONDS = 1152 / 44_100
FRAMES = [SHORT, SHORT, SHORT, LONG] * 20
SECONDS = len(FRAMES) * FRAME_SECONDS


def a_tag(frames: int, encoder: bytes = b"LAME") -> bytes:
    tag = LONG[:36] + b"Xing\0\0\0\x0f" + frames.to_bytes(4, "big") + bytes(4) + bytes(104) + encoder
    return tag.ljust(len(LONG), b"\0")


def examined(tag: bytes, frames: list[bytes]) -> Structure:
    data = tag + b"".join(frames)
    return mp3.examine(reader(data), 0, len(data))


def noise(*frames: bytes) -> bytes:
    return bytes(7 + number % 101 for number in range(len(b"".join(frames))))


def damaged(first: int, count: int) -> list[bytes]:
    """The frames with noise in the place of so many of them."""
    return [*FRAMES[:first], noise(*FRAMES[first : first + count]), *FRAMES[first + count :]]


@pytest.mark.parametrize(("first", "count"), [(40, 3), (41, 2), (43, 1), (42, 2), (40, 4)])
def test_as_many_frames_are_silent_as_the_tag_counts_more_than_there_are(first: int, count: int) -> None:
    structure = examined(a_tag(len(FRAMES)), damaged(first, count))

    assert structure.problem is None
    assert structure.track_seconds == pytest.approx((SECONDS,))
    assert structure.repairs == (f"{count * FRAME_SECONDS:.2f} s of sound were damaged; silence took its place",)


@pytest.mark.parametrize(
    "tag",
    [a_tag(len(FRAMES), b"XXXX"), a_tag(0), a_tag(len(FRAMES) - 4), a_tag(len(FRAMES) - 40), b""],
    ids=["another encoder", "no count", "a count that the length of the gap contradicts", "joined files", "no tag"],
)
def test_without_such_a_tag_their_number_is_that_of_frames_of_mean_length(tag: bytes) -> None:
    structure = examined(tag, damaged(40, 3))

    assert structure.track_seconds == pytest.approx((SECONDS - FRAME_SECONDS,))


def test_of_several_gaps_the_tag_does_not_say_where_frames_were_lost() -> None:
    frames = damaged(40, 3)
    frames[12:15] = [noise(*FRAMES[12:15])]

    assert examined(a_tag(len(FRAMES)), frames).track_seconds == pytest.approx((SECONDS - 2 * FRAME_SECONDS,))


def test_where_no_more_silence_has_room_a_frame_is_left_out() -> None:
    frames = [*FRAMES[:40], noise(bytes(180)), *FRAMES[42:]]

    assert examined(a_tag(len(FRAMES)), frames).track_seconds == pytest.approx((SECONDS - FRAME_SECONDS,))


def test_junk_as_long_as_a_frame_is_no_lost_one_where_the_tag_counts_all() -> None:
    frames = [*FRAMES[:40], noise(SHORT, SHORT), *FRAMES[40:]]
    structure = examined(a_tag(len(FRAMES)), frames)

    assert structure.track_seconds == pytest.approx((SECONDS,))
    assert structure.repairs == ("208 bytes of junk amid the sound were skipped",)
