"""What is as long as a frame behind the last one of a raw stream, and what is not."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers.frames import Frame, FrameKind
from worker.domain.containers.stream import examine_stream
from worker.domain.containers.structure import Structure

LENGTH = 40
FRAMES = (b"\xf5" + b"f" * (LENGTH - 1)) * 20


def of_one_length(length: int) -> FrameKind:
    """Frames of a made-up codec, of a tenth of a second."""
    return FrameKind(b"\xf5", 3, lambda block, offset: (length, (10, 100)) if block[offset] == 0xF5 else None)


def examined(data: bytes, *, length: int = LENGTH) -> tuple[Structure, list[tuple[int, int]]]:
    """With the gaps."""
    kind = of_one_length(length)
    structure, run = examine_stream(reader(data), 0, len(data), kind, silent_frame=lambda _, most: b"S" * most)
    return structure, run.gaps


@pytest.mark.parametrize(
    ("length", "rest", "is_frame"), [(4, 3, False), (4, 4, True), (16_384, 16_384, True), (16_384, 16_385, False)]
)
def test_a_damaged_frame_is_longer_than_its_header_and_no_longer_than_any_frame(
    length: int, rest: int, *, is_frame: bool
) -> None:
    frames = (b"\xf5" + bytes(length - 1)) * 20
    data = frames + b"x" + b"y" * (rest - 1)

    assert examined(data, length=length)[1] == ([(len(frames), len(data))] if is_frame else [])


def test_a_last_frame_that_is_damaged_behind_its_header_is_as_long_as_that_states() -> None:
    def measure(block: bytes, offset: int) -> Frame | None:
        return (block[offset + 1], (10, 100)) if block[offset] == 0xF5 and block[offset + 1] > 2 else None

    kind = FrameKind(b"\xf5", 3, measure, is_right=lambda block, _, end: block[end - 1] == 1)
    data = (b"\xf5\x28" + b"\1" * 38) * 20 + b"\xf5\x5a" + b"\1" * 87 + b"\2"

    _, run = examine_stream(reader(data), 0, len(data), kind, silent_frame=lambda _, most: b"S" * most)

    assert run.gaps == [(800, 890)]


def test_a_tag_behind_a_damaged_frame_is_not_of_its_length() -> None:
    data = FRAMES + bytes(number % 7 + 1 for number in range(LENGTH)) + b"TAG" + bytes(125)

    assert examined(data)[1] == [(800, 840)]


def test_what_comes_before_the_sound_is_not_of_its_length() -> None:
    structure, _ = examined(bytes(1 << 20) + FRAMES + b"ab" * 8500)

    assert structure.problem == "the source is damaged: its last 17000 bytes are no audio"
