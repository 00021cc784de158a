"""ADTS whose sample rate changes: parts with a decoder each."""

from __future__ import annotations

import pytest

from tests.support.adts import a_stream, flipped, frames_of
from tests.support.frames import ADTS_FRAME, ID3_TAG, reader
from tests.support.sounds import sound
from worker.domain.containers import adts
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


@pytest.mark.parametrize(("bits", "is_other_rate"), [(1, False), (2, False), (4, True), (0x20, True), (0x40, False)])
def test_only_the_bits_of_the_rate_tell_rates_apart(bits: int, *, is_other_rate: bool) -> None:
    alone = ADTS_FRAME[:2] + bytes([ADTS_FRAME[2] ^ bits]) + ADTS_FRAME[3:]

    assert bool(examined(AT_44 * 10 + alone + AT_44 * 10).repairs) is is_other_rate


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


@pytest.mark.parametrize("more", [0, 1])
def test_more_changes_than_a_process_has_decoders_for_are_refused(more: int) -> None:
    rates = [AT_44, AT_48]

    structure = examined(b"".join(rates[number % 2] * 10 for number in range(MAX_PARTS + more)))

    assert structure.problem == (None if more == 0 else "the source's sample rate changes more than 31 times")
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


def test_a_frame_in_front_of_another_rate_is_sound() -> None:
    assert [part.end for part in examined(AT_44 + AT_48 * 50).parts] == [_LENGTH, 51 * _LENGTH]
