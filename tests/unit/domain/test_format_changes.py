"""ADTS and MP3 whose sample rate changes: parts with a decoder each."""

from __future__ import annotations

import struct

import pytest

from tests.support.adts import a_stream, flipped, frames_of
from tests.support.frames import ADTS_FRAME, ID3_TAG, MPEG_FRAME, reader
from tests.support.sounds import sound
from worker.domain.containers import adts, mp3
from worker.domain.containers.format_changes import Formats
from worker.domain.containers.structure import MAX_PARTS, Structure

AT_44 = ADTS_FRAME
AT_48 = ADTS_FRAME[:2] + b"\x4c" + ADTS_FRAME[3:]
_LENGTH = len(ADTS_FRAME)
_SECONDS_AT_44, _SECONDS_AT_48 = 1024 / 44_100, 1024 / 48_000


def examined(data: bytes) -> Structure:
    return adts.examine(reader(data), 0, len(data))


def test_each_stretch_of_frames_of_one_rate_is_a_part() -> None:
    structure = examined(AT_44 * 50 + AT_48 * 40 + AT_44 * 30)

    assert structure.problem is None
    assert [part.read_range for part in structure.parts] == [
        (0, 50 * _LENGTH),
        (50 * _LENGTH, 90 * _LENGTH),
        (90 * _LENGTH, 120 * _LENGTH),
    ]
    seconds = [50 * _SECONDS_AT_44, 40 * _SECONDS_AT_48, 30 * _SECONDS_AT_44]
    assert [part.track_seconds for part in structure.parts] == [pytest.approx((each,)) for each in seconds]
    assert structure.track_seconds == pytest.approx((sum(seconds),))


@pytest.mark.parametrize(
    ("at", "bits", "is_other_format"),
    [
        *((2, 1, True), (2, 2, False), (2, 4, True), (2, 0x20, True), (2, 0x40, False), (2, 0x80, False)),
        *((3, 0x80, True), (3, 0x40, True), (3, 0x20, False)),
    ],
)
def test_only_the_bits_of_rate_and_channels_tell_formats_apart(at: int, bits: int, *, is_other_format: bool) -> None:
    alone = ADTS_FRAME[:at] + bytes([ADTS_FRAME[at] ^ bits]) + ADTS_FRAME[at + 1 :]

    assert bool(examined(AT_44 * 10 + alone + AT_44 * 10).repairs) is is_other_format


def test_a_change_of_channels_begins_a_part_where_the_rate_changes_too() -> None:
    mono = AT_44[:3] + b"\x40" + AT_44[4:]

    structure = examined(AT_44 * 10 + mono * 20 + AT_48 * 30)

    assert [(part.begin, part.end) for part in structure.parts] == [
        (0, 10 * _LENGTH),
        (10 * _LENGTH, 30 * _LENGTH),
        (30 * _LENGTH, 60 * _LENGTH),
    ]
    assert structure.track_seconds == pytest.approx((30 * _SECONDS_AT_44 + 30 * _SECONDS_AT_48,))


def test_frames_of_one_rate_are_no_parts() -> None:
    mono = ADTS_FRAME[:3] + b"\x40" + ADTS_FRAME[4:]

    assert examined(AT_44 * 50 + mono * 50).parts == ()


@pytest.mark.parametrize("more", [0, 9])
def test_a_stretch_longer_than_what_is_read_at_once_is_one_part(more: int) -> None:
    frames = (1 << 20) // _LENGTH + 7
    longer = AT_44[:4] + ((_LENGTH + more) << 5 | 0x1F).to_bytes(2, "big") + AT_44[6:] + bytes(more)

    structure = examined(longer + AT_44 * 4 + AT_48 * frames)

    assert [part.end - part.begin for part in structure.parts] == [5 * _LENGTH + more, frames * _LENGTH]
    assert structure.parts[1].track_seconds == pytest.approx((frames * _SECONDS_AT_48,))


def test_silence_in_a_stretch_has_its_rate_and_its_place() -> None:
    damaged = bytes(3 * _LENGTH)

    structure = examined(AT_44 * 50 + AT_48 * 40 + damaged + AT_48 * 20)

    (patch,) = structure.patches
    assert patch.offset == 90 * _LENGTH
    assert patch.content[2] == AT_48[2]
    assert [part.end - part.begin for part in structure.parts] == [50 * _LENGTH, 63 * _LENGTH]
    assert structure.parts[1].track_seconds == pytest.approx((63 * _SECONDS_AT_48,))


def test_a_tag_between_two_stretches_takes_no_time() -> None:
    structure = examined(AT_44 * 50 + ID3_TAG + AT_48 * 40)

    assert structure.track_seconds == pytest.approx((50 * _SECONDS_AT_44 + 40 * _SECONDS_AT_48,))
    assert structure.parts[1].begin == 50 * _LENGTH + len(ID3_TAG)
    assert structure.parts[0].read_range == (0, 50 * _LENGTH)  # a decoder would take the tag for a damaged frame


@pytest.mark.parametrize("more", [0, 1])
def test_more_changes_than_a_process_has_decoders_for_are_refused(more: int) -> None:
    rates = [AT_44, AT_48]

    structure = examined(b"".join(rates[number % 2] * 10 for number in range(MAX_PARTS + more)))

    assert structure.problem == (
        None if more == 0 else "the source's sample rate and channels change more than 31 times"
    )
    assert len(structure.parts) == (0 if more else MAX_PARTS)


def test_a_long_frame_whose_checksum_is_wrong_is_one_frame_of_its_stretch() -> None:
    frames = a_stream(1)
    damaged = [flipped(frame, 75) if number in {20, 25, 30} else frame for number, frame in enumerate(frames)]

    structure = examined(b"".join(damaged) + AT_48 * 200)

    assert structure.repairs == ("0.07 s of sound were damaged; silence took its place",)
    seconds = [len(frames) * _SECONDS_AT_44, 200 * _SECONDS_AT_48]
    assert [part.track_seconds for part in structure.parts] == [pytest.approx((each,)) for each in seconds]


@pytest.mark.parametrize("bit", [18, 19, 20, 21])
def test_a_frame_that_is_alone_with_its_rate_is_damaged(bit: int) -> None:
    frames = frames_of(sound("plain.aac").read_bytes())
    whole = examined(b"".join(frames))
    frames[30] = flipped(frames[30], bit)

    structure = examined(b"".join(frames))

    assert (structure.problem, structure.parts) == (None, ())
    assert structure.repairs == ("0.02 s of sound were damaged; silence took its place",)
    assert structure.track_seconds == pytest.approx(whole.track_seconds)
    (patch,) = structure.patches
    assert (patch.offset, patch.length) == (sum(map(len, frames[:30])), len(frames[30]))


def test_two_frames_with_a_rate_of_their_own_are_sound() -> None:
    assert len(examined(AT_44 * 50 + AT_48 * 2 + AT_44 * 30).parts) == 3


@pytest.mark.parametrize(("there", "is_right"), [(7, False), (6, True)])
def test_a_frame_is_compared_with_one_of_which_the_block_has_no_more_than_the_header(
    there: int, *, is_right: bool
) -> None:
    formats, block = Formats(adts.KIND, adts.format_bits), AT_44 + AT_48 + AT_44[:there]

    assert formats.is_right(block, 0, _LENGTH)
    assert formats.is_right(block, _LENGTH, 2 * _LENGTH) is is_right


def test_a_first_frame_in_front_of_another_rate_is_damaged() -> None:
    structure = examined(AT_44 + AT_48 * 50)

    assert (structure.problem, structure.parts, structure.begin) == (None, (), 0)
    assert structure.repairs == ("0.02 s of sound were damaged; silence took its place",)
    assert structure.track_seconds == pytest.approx((51 * _SECONDS_AT_48,))
    (patch,) = structure.patches
    assert (patch.offset, patch.length, patch.content[2]) == (0, _LENGTH, AT_48[2])


def test_a_lost_frame_in_front_has_the_time_of_the_first_stretch() -> None:
    structure = examined(b"\xfe" + AT_44[1:] + AT_44 * 50 + AT_48 * 40)

    assert [part.read_range for part in structure.parts] == [(0, 51 * _LENGTH), (51 * _LENGTH, 91 * _LENGTH)]
    seconds = [51 * _SECONDS_AT_44, 40 * _SECONDS_AT_48]
    assert [part.track_seconds for part in structure.parts] == [pytest.approx((each,)) for each in seconds]
    assert structure.track_seconds == pytest.approx((sum(seconds),))


@pytest.mark.parametrize("second", [AT_48, ADTS_FRAME[:3] + b"\x40" + ADTS_FRAME[4:]])
def test_a_second_frame_of_another_format_is_damaged_and_not_the_first(second: bytes) -> None:
    structure = examined(AT_44 + second + AT_44 * 50)

    assert [(patch.offset, patch.length) for patch in structure.patches] == [(_LENGTH, _LENGTH)]


# Of 1152 samples, at 128 kbit/s.
MP3_AT_44, MP3_AT_48 = MPEG_FRAME, b"\xff\xfb\x94\x64" + bytes(380)
_MP3_SECONDS_AT_44, _MP3_SECONDS_AT_48 = 1152 / 44_100, 1152 / 48_000


def examined_mp3(data: bytes) -> Structure:
    return mp3.examine(reader(data), 0, len(data))


def in_a_frame(frame: bytes, content: bytes) -> bytes:
    return frame[:36] + content + frame[36 + len(content) :]


def test_mp3_has_a_part_for_each_stretch_of_one_rate() -> None:
    structure = examined_mp3(MP3_AT_44 * 20 + ID3_TAG + MP3_AT_48 * 30)

    begin = 20 * 417 + len(ID3_TAG)
    assert [part.read_range for part in structure.parts] == [(0, 20 * 417), (begin, begin + 30 * 384)]
    seconds = [20 * _MP3_SECONDS_AT_44, 30 * _MP3_SECONDS_AT_48]
    assert [part.track_seconds for part in structure.parts] == [pytest.approx((each,)) for each in seconds]
    assert structure.track_seconds == pytest.approx((sum(seconds),))


def test_the_tag_of_an_encoder_is_left_out_of_each_part() -> None:
    tags = [in_a_frame(frame, b"Info" + struct.pack(">II", 1, 20)) for frame in (MP3_AT_44, MP3_AT_48)]

    structure = examined_mp3(tags[0] + MP3_AT_44 * 20 + tags[1] + MP3_AT_48 * 30)

    assert structure.problem is None
    seconds = [20 * _MP3_SECONDS_AT_44, 30 * _MP3_SECONDS_AT_48]
    assert [part.track_seconds for part in structure.parts] == [pytest.approx((each,)) for each in seconds]
    assert structure.track_seconds == pytest.approx((sum(seconds),))


def test_what_the_decoder_leaves_out_of_a_part_is_said() -> None:
    other_mode = MP3_AT_48[:3] + b"\x04" + MP3_AT_48[4:]

    structure = examined_mp3(MP3_AT_44 * 20 + other_mode + MP3_AT_48 * 30)

    assert structure.repairs == ("0.024 s of sound at the start were left out: its frames change their mode",)
    assert structure.track_seconds == pytest.approx((20 * _MP3_SECONDS_AT_44 + 30 * _MP3_SECONDS_AT_48,))
    assert structure.parts[1].begin == 20 * 417 + 384


@pytest.mark.parametrize(("bits", "is_part"), [(0x40, False), (0xC0, True)])
def test_mono_is_a_part_of_its_own_where_the_rate_changes_too(bits: int, *, is_part: bool) -> None:
    other = MP3_AT_44[:3] + bytes([MP3_AT_44[3] & 0x3F | bits]) + MP3_AT_44[4:]

    assert len(examined_mp3(MP3_AT_44 * 10 + other * 10 + MP3_AT_48 * 10).parts) == (3 if is_part else 2)


MP3_IN_MONO = MP3_AT_44[:3] + b"\xc4" + MP3_AT_44[4:]


def test_mp3_whose_channels_alone_change_has_a_part_for_each_file_without_its_tag() -> None:
    tags = [in_a_frame(frame, b"Info" + struct.pack(">II", 1, 20)) for frame in (MP3_AT_44, MP3_IN_MONO)]

    structure = examined_mp3(tags[0] + MP3_AT_44 * 20 + tags[1] + MP3_IN_MONO * 30)

    assert [part.read_range for part in structure.parts] == [(0, 21 * 417), (21 * 417, 52 * 417)]
    seconds = [20 * _MP3_SECONDS_AT_44, 30 * _MP3_SECONDS_AT_44]
    assert [part.track_seconds for part in structure.parts] == [pytest.approx((each,)) for each in seconds]
    assert structure.track_seconds == pytest.approx((sum(seconds),))


@pytest.mark.parametrize("bits", [0x40, 0x80])
def test_stereo_that_is_joined_or_dual_is_no_part_of_its_own(bits: int) -> None:
    other = MP3_AT_44[:3] + bytes([MP3_AT_44[3] & 0x3F | bits]) + MP3_AT_44[4:]

    assert examined_mp3(MP3_AT_44 * 10 + other * 10).parts == ()


@pytest.mark.parametrize("frame", [MP3_AT_44, MP3_IN_MONO])
def test_a_tag_in_a_frame_with_other_channels_is_no_change(frame: bytes) -> None:
    (other,) = {MP3_AT_44, MP3_IN_MONO} - {frame}

    structure = examined_mp3(in_a_frame(other, b"Info" + struct.pack(">II", 1, 20)) + frame * 20)

    assert (structure.problem, structure.parts, structure.patches) == (None, (), ())
    assert structure.track_seconds == pytest.approx((20 * _MP3_SECONDS_AT_44,))


@pytest.mark.parametrize(("frames", "parts"), [(1, 0), (7, 0), (8, 3)])
def test_a_few_frames_of_mp3_with_other_channels_are_no_part(frames: int, parts: int) -> None:
    structure = examined_mp3(MP3_AT_44 * 20 + MP3_IN_MONO * frames + MP3_AT_44 * 20)

    assert (structure.problem, len(structure.parts), structure.patches) == (None, parts, ())
    assert structure.track_seconds == pytest.approx(((40 + frames) * _MP3_SECONDS_AT_44,))


def test_channels_of_mp3_that_change_more_often_than_a_process_has_decoders_are_played_by_one() -> None:
    both = MP3_AT_44 * 8 + MP3_IN_MONO * 8

    assert len(examined_mp3(both * 16).parts) == MAX_PARTS
    structure = examined_mp3(both * 17)
    assert (structure.problem, structure.parts) == (None, ())


@pytest.mark.parametrize("alone", [MP3_AT_48, b"\xff\xf3\x90\x64" + bytes(257)], ids=["48 kHz", "22 kHz"])
def test_a_frame_of_mp3_that_is_alone_with_its_rate_is_damaged(alone: bytes) -> None:
    frame = MP3_AT_44[:4] + b"\x55" * 413
    damaged = alone[:4] + frame[4:]

    structure = examined_mp3(frame * 20 + damaged + frame * 20)

    assert (structure.problem, structure.parts) == (None, ())
    assert structure.track_seconds == pytest.approx((41 * _MP3_SECONDS_AT_44,))
    assert [(patch.offset, patch.length) for patch in structure.patches] == [(20 * 417, 417)]
    assert structure.repairs == ("0.03 s of sound were damaged; silence took its place",)


def test_more_changes_of_mp3_than_a_process_has_decoders_for_are_refused() -> None:
    problem = "the source's sample rate and channels change more than 31 times"

    assert examined_mp3((MP3_AT_44 * 4 + MP3_AT_48 * 4) * 16).problem is None
    assert examined_mp3((MP3_AT_44 * 4 + MP3_AT_48 * 4) * 17).problem == problem
