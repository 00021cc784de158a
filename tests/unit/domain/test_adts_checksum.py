"""Checksums of ADTS: a frame that does not have the one that it states is damaged."""

from __future__ import annotations

import time

import pytest

from tests.support.adts import a_stream, bits_of, flipped, protected
from tests.support.frames import reader
from worker.domain.containers.adts import examine
from worker.domain.containers.adts_checksum import _behind_fill
from worker.domain.containers.structure import Structure

SILENT_PAIR = bytes.fromhex("210049900219002380")  # of 48 bits for the pair, the second channel from the 29th on


def examined(frames: list[bytes]) -> Structure:
    data = b"".join(frames)
    return examine(reader(data), 0, len(data))


@pytest.mark.parametrize("channels", [1, 2])
def test_frames_with_right_checksums_are_whole(channels: int) -> None:
    structure = examined(a_stream(channels))

    assert (structure.problem, structure.repairs, structure.patches) == (None, (), ())


@pytest.mark.parametrize("number", [20, -1], ids=["amid", "last"])
@pytest.mark.parametrize("bit", [60, 75, 120, 260])
@pytest.mark.parametrize("channels", [1, 2])
def test_silence_takes_the_place_of_a_frame_whose_checksum_is_wrong(channels: int, bit: int, number: int) -> None:
    frames = a_stream(channels)
    whole = examined(frames)
    frames[number] = flipped(frames[number], bit)

    structure = examined(frames)

    assert structure.problem is None
    assert structure.repairs == ("0.02 s of sound were damaged; silence took its place",)
    assert structure.track_seconds == pytest.approx(whole.track_seconds, abs=0.03)
    assert structure.end == whole.end


@pytest.mark.parametrize("channels", [1, 2])
def test_a_short_frame_whose_checksum_is_wrong_is_one_frame_of_silence(channels: int) -> None:
    frames = a_stream(channels)
    payload = {1: "01180007", 2: "210004608c1c"}[channels]
    short = otherwise(protected(frames[0][:7] + bytes.fromhex(payload)))

    structure = examined([*frames[:40], short, *frames[40:]])

    assert structure.problem is None
    assert structure.repairs == ("0.02 s of sound were damaged; silence took its place",)
    (patch,) = structure.patches
    assert patch.length == len(short) == len(patch.content)


@pytest.mark.parametrize("bit", [5, 400])
def test_what_a_checksum_does_not_cover_is_left_to_the_decoder(bit: int) -> None:
    frames = a_stream(1)
    frames[20] = flipped(frames[20], 8 * 9 + 195 + bit)

    assert examined(frames).repairs == ()


def test_a_pair_that_is_shorter_than_what_is_covered_is_filled_up_with_zeros() -> None:
    header = bytes.fromhex("fff15080021ffc")
    frame = protected(header + SILENT_PAIR, second_at=29, element_end=bits_of(SILENT_PAIR).rindex("111"))
    frames = a_stream(2)[:20] + [frame] * 10

    assert examined(frames).repairs == ()
    frames[25] = flipped(frame, 64)
    assert len(examined(frames).repairs) == 1


@pytest.mark.parametrize("fill_bytes", [0, 5, 14, 15, 200])
def test_bytes_that_fill_a_frame_up_are_not_covered(fill_bytes: int) -> None:
    count = f"{fill_bytes:04b}" if fill_bytes < 15 else f"1111{fill_bytes - 14:08b}"
    element = bits_of(SILENT_PAIR)[: bits_of(SILENT_PAIR).rindex("111")]
    bits = element + "110" + count + "10110101" * fill_bytes + "111"
    payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    frame = protected(bytes.fromhex("fff15080021ffc") + payload, second_at=29, element_end=len(element))
    frames = a_stream(2)[:20] + [frame] * 10

    assert examined(frames).repairs == ()
    frames[25] = flipped(frame, 8 * 9 + 12)
    assert len(examined(frames).repairs) == 1


def test_bytes_in_front_of_the_sound_are_passed_over() -> None:
    assert _behind_fill("110" + "0001" + "10110101" + "000") == 15
    assert _behind_fill("110" + "1111" + "00000011" + "1" * 8 * 17 + "001") == 151
    assert _behind_fill("110") == 7


def test_an_encoder_that_writes_other_checksums_is_believed() -> None:
    frames = [frame[:7] + b"\x12\x34" + frame[9:] for frame in a_stream(1)]

    assert examined(frames).repairs == ()


def test_some_encoders_cover_the_name_of_the_element_too() -> None:
    frames = [protected(frame[:7] + frame[9:], begin=0) for frame in a_stream(1)]

    assert examined(frames).repairs == ()
    frames[20] = flipped(frames[20], 120)
    assert len(examined(frames).repairs) == 1


@pytest.mark.parametrize("fills", [2, 3, 5])
def test_several_elements_may_fill_up_a_frame_with_a_short_pair(fills: int) -> None:
    element = bits_of(SILENT_PAIR)[: bits_of(SILENT_PAIR).rindex("111")]
    fill = "110" + "1111" + "00110011" + "10110101" * (51 + 14)
    frames = a_stream(2)[:20] + [protected_bits(element + fill * fills + "111", element_end=len(element))] * 20

    assert examined(frames).repairs == ()
    frames[30] = flipped(frames[30], 8 * 9 + 12)
    assert len(examined(frames).repairs) == 1


def protected_bits(bits: str, *, element_end: int) -> bytes:
    size = -(-len(bits) // 8)
    payload = int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")
    return protected(bytes.fromhex("fff15080021ffc") + payload, second_at=29, element_end=element_end)


def otherwise(frame: bytes) -> bytes:
    """The frame with a checksum that nothing compared here has."""
    return frame[:7] + bytes((frame[7] ^ 0x5A, frame[8] ^ 0xA5)) + frame[9:]


@pytest.mark.parametrize("configuration", [3, 5, 6, 7])
def test_frames_of_several_elements_are_right_behind_frames_of_one(configuration: int) -> None:
    frames = a_stream(2)[:20]
    changed = [
        otherwise(
            frame[:2]
            + bytes((frame[2] & 0xFE | configuration >> 2, frame[3] & 63 | (configuration & 3) << 6))
            + frame[4:]
        )
        for frame in frames
    ]

    assert examined(frames + changed).repairs == ()


def test_a_layout_with_checksums_of_its_own_is_not_judged_by_the_one_before_it() -> None:
    one, two = a_stream(1), [otherwise(frame) for frame in a_stream(2)]

    assert examined(one[:30] + two).repairs == ()


@pytest.mark.parametrize("is_aligned", [False, True])
@pytest.mark.parametrize("data_bytes", [1, 40, 300])
def test_a_frame_with_data_behind_the_sound_is_right(data_bytes: int, *, is_aligned: bool) -> None:
    element = bits_of(SILENT_PAIR)[: bits_of(SILENT_PAIR).rindex("111")]
    count = f"{data_bytes:08b}" if data_bytes < 255 else f"11111111{data_bytes - 255:08b}"
    head = element + "100" + "0000" + str(int(is_aligned)) + count
    if is_aligned:
        head = head.ljust(-(-len(head) // 8) * 8, "0")
    with_data = protected_bits(head + "10110101" * data_bytes + "111", element_end=len(element))
    plain = a_stream(2)[:40]

    assert examined([*plain, *[otherwise(with_data)] * 9, *plain]).repairs == ()


def test_where_one_frame_in_ten_fails_all_are_right() -> None:
    frames = a_stream(1)
    assert len(frames) > 40
    frames[12:40] = [otherwise(frame) for frame in frames[12:40]]

    structure = examined(frames)

    assert (structure.problem, structure.repairs, structure.patches) == (None, (), ())


def test_silent_frames_that_are_all_the_same_are_no_proof_of_checksums() -> None:
    element_end = bits_of(SILENT_PAIR).rindex("111")
    silent = protected(bytes.fromhex("fff15080021ffc") + SILENT_PAIR, second_at=29, element_end=element_end)

    assert examined([silent] * 30 + [otherwise(frame) for frame in a_stream(2)[:9]]).repairs == ()


@pytest.mark.parametrize("payload", [b"", b"\0" * 60, b"\xe0", b"\x20" + bytes(60), b"\xdf" * 60])
def test_frames_without_a_whole_element_of_sound_are_right(payload: bytes) -> None:
    frame = otherwise(protected(bytes.fromhex("fff15080021ffc") + payload))
    frames = a_stream(2)

    assert examined([*frames[:20], frame, *frames[20:40]]).repairs == ()


def test_a_hostile_file_of_wrong_checksums_costs_bounded_time() -> None:
    frames = a_stream(1)[:8] + [flipped(a_stream(1)[9], 80)] * 20_000

    began = time.process_time()
    assert examined(frames).problem is None
    assert time.process_time() - began < 5


@pytest.mark.parametrize("start", ["", "001"])
@pytest.mark.parametrize("unit", ["1100000", "11000000", "1101111111111111", "0", "1110000"])
def test_a_hostile_file_of_long_frames_costs_bounded_time(unit: str, start: str) -> None:
    bits = (start + unit * (8 * 8182 // len(unit)))[: 8 * 8182 - 3] + "111"
    frame = bytes.fromhex("fff05083fffffc1234") + int(bits.ljust(8 * 8182, "0"), 2).to_bytes(8182, "big")
    data = frame * 2000

    began = time.process_time()
    assert examine(reader(data), 0, len(data)).problem is None
    assert time.process_time() - began < 10
