"""What lies around the frames of a raw stream: what is as long as a frame, and what is not."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from worker.domain.containers.frames import Clock, Frame, FrameKind
from worker.domain.containers.stream import examine_stream
from worker.domain.containers.structure import Patch, Structure

LENGTH = 40
FRAMES = (b"\xf5" + b"f" * (LENGTH - 1)) * 20


def of_one_length(length: int) -> FrameKind:
    """Frames of a made-up codec, of a tenth of a second."""
    return FrameKind(b"\xf5", 3, lambda block, offset: (length, Clock(10, 100)) if block[offset] == 0xF5 else None)


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


@pytest.mark.parametrize(
    ("sync", "is_frame"), [(0xF5, True), *((0xF5 ^ 1 << bit, True) for bit in range(8)), (0xF5 ^ 3, False)]
)
def test_a_last_frame_that_is_damaged_is_as_long_as_its_header_states_but_for_a_bit(
    sync: int, *, is_frame: bool
) -> None:
    def measure(block: bytes, offset: int) -> Frame | None:
        is_header = block[offset] == 0xF5 and block[offset + 1] > 2 and block[offset + 2] == 1
        return (block[offset + 1], Clock(10, 100)) if is_header else None

    kind = FrameKind(b"\xf5", 3, measure, is_right=lambda block, _, end: block[end - 1] == 1)
    data = (b"\xf5\x28" + b"\1" * 38) * 20 + bytes([sync]) + b"\x5a" + b"\1" * 87 + b"\2"

    _, run = examine_stream(reader(data), 0, len(data), kind, silent_frame=lambda _, most: b"S" * most)

    assert run.gaps == ([(800, 890)] if is_frame else [])


@pytest.mark.parametrize(("missing", "is_said"), [(0, False), (32, False), (33, True)])
def test_a_tag_behind_the_sound_that_lacks_more_than_a_footer_is_cut_off(missing: int, *, is_said: bool) -> None:
    structure, _ = examined(FRAMES + b"ID3\x04\0\0\0\0\0\x64" + b"t" * (100 - missing))

    assert structure.repairs == (("the tag behind the sound is cut off",) if is_said else ())
    assert (structure.problem, structure.end) == (None, 800)


def test_a_tag_in_front_of_the_sound_is_read_by_the_decoder() -> None:
    data = b"ID3\x04\0\0\0\0\0\0" + FRAMES

    structure, _ = examine_stream(reader(data), 10, len(data), of_one_length(LENGTH))

    assert (structure.begin, structure.end, structure.read_range) == (10, 810, None)


def test_a_tag_between_frames_is_read_as_zeros() -> None:
    structure, gaps = examined(FRAMES + b"TAG" + bytes(125) + FRAMES)

    assert (structure.patches, gaps) == ((Patch(800, 128),), [])
    assert structure.track_seconds == pytest.approx((4.0,))


def test_a_tag_behind_a_damaged_frame_is_not_of_its_length() -> None:
    data = FRAMES + bytes(number % 7 + 1 for number in range(LENGTH)) + b"TAG" + bytes(125)

    assert examined(data)[1] == [(800, 840)]


def test_a_tag_behind_the_sound_that_is_as_long_as_a_frame_is_no_frame() -> None:
    tag = b"ID3\x04\0\0\0\0\0" + bytes([LENGTH - 10]) + b"t" * (LENGTH - 10)

    structure, gaps = examined(FRAMES + tag)

    assert (structure.end, structure.patches, gaps) == (800, (), [])


def test_a_last_frame_that_may_lack_a_byte_is_not_lost() -> None:
    data, kind = FRAMES + FRAMES[: LENGTH - 1], of_one_length(LENGTH)

    structure, _ = examine_stream(
        reader(data), 0, len(data), kind, silent_frame=lambda _, most: b"S" * most, may_lack=lambda _: True
    )

    assert (structure.end, structure.patches) == (len(data), ())
    assert structure.repairs == ("the last frame lacks 1 bytes",)


def test_what_comes_before_the_sound_is_not_of_its_length() -> None:
    structure, _ = examined(bytes(1 << 20) + FRAMES + b"ab" * 8500)

    assert structure.problem == "the source is damaged: its last 17000 bytes are no audio"


@pytest.mark.parametrize(("length", "is_frame"), [(38, False), (39, True), (41, True), (42, False)])
def test_what_is_as_long_as_a_frame_in_front_of_the_first_one_is_a_frame(length: int, *, is_frame: bool) -> None:
    front = bytes(number % 7 + 1 for number in range(length))

    structure, gaps = examined(front + FRAMES)

    assert gaps == ([(0, length)] if is_frame else [])
    if is_frame:
        assert (structure.begin, structure.patches) == (0, (Patch(0, length, b"S" * length),))
        assert structure.repairs == ("0.10 s of sound were damaged; silence took its place",)
        assert structure.track_seconds == pytest.approx((2.1,))
    else:
        assert structure.repairs == (f"{length} bytes of junk before the sound were skipped",)


def test_padding_in_front_of_the_first_frame_is_no_frame() -> None:
    assert examined(bytes(LENGTH) + FRAMES)[1] == []


def test_the_name_of_a_tag_behind_a_damaged_second_frame_does_not_make_it_junk() -> None:
    data = FRAMES[:LENGTH] + b"\xf4" + b"f" * (LENGTH - 1) + b"\xf5Xing" + b"f" * (LENGTH - 5) + FRAMES

    assert examined(data)[1] == [(LENGTH, 2 * LENGTH)]


def test_what_has_no_silence_and_no_header_but_for_a_bit_is_junk_in_front_and_a_refusal_elsewhere() -> None:
    kind, other = of_one_length(LENGTH), b"\x31" + b"o" * (LENGTH - 1)

    def structure_of(data: bytes) -> Structure:
        return examine_stream(reader(data), 0, len(data), kind)[0]

    assert structure_of(other + FRAMES).repairs == ("40 bytes of junk before the sound were skipped",)
    assert structure_of(FRAMES + other + FRAMES).problem == "the source is damaged: 40 bytes amid the audio are none"


def test_headers_that_are_put_right_are_no_lost_sound() -> None:
    """However many they are."""
    kind, damaged = of_one_length(LENGTH), b"\xf4" + b"f" * (LENGTH - 1)
    data = damaged + FRAMES[: 5 * LENGTH] + damaged + FRAMES[: 5 * LENGTH]

    structure, _ = examine_stream(reader(data), 0, len(data), kind)

    assert (structure.problem, structure.begin) == (None, 0)
    assert structure.patches == (Patch(0, 3, b"\xf5ff"), Patch(6 * LENGTH, 3, b"\xf5ff"))
    assert structure.repairs == ("0.20 s of sound had damaged headers, which were put right",)
    assert structure.track_seconds == pytest.approx((1.2,))


def test_a_lost_frame_at_the_end_is_silence_of_the_format_of_the_only_one_in_front_of_it() -> None:
    headers: list[bytes] = []

    def silent_frame(header: bytes, most_bytes: int) -> bytes:
        headers.append(header[:3])
        return b"S" * most_bytes

    data, kind = FRAMES[: 2 * LENGTH - 1] + b"e", of_one_length(LENGTH)
    kind = kind._replace(is_right=lambda block, _, end: block[end - 1] != ord("e"))
    examine_stream(reader(data), 0, len(data), kind, silent_frame=silent_frame)

    assert headers == [FRAMES[:3]]


def test_a_lost_frame_of_many_is_silence_of_the_format_behind_it_where_the_chain_begins_with_it() -> None:
    headers: list[bytes] = []

    def silent_frame(header: bytes, most_bytes: int) -> bytes:
        headers.append(header[:3])
        return b"S" * most_bytes

    data = b"\xf4" + b"x" * (LENGTH - 1) + FRAMES
    examine_stream(reader(data), 0, len(data), of_one_length(LENGTH), silent_frame=silent_frame)

    assert set(headers) == {FRAMES[:3]}
