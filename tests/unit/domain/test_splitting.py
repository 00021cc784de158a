"""The pieces of sources, and the byte structures of what is joined."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.audio import AudioFormat
from worker.domain.containers.flac_frames import crc8, crc16, frame_header
from worker.domain.cutting import Cut
from worker.domain.encoding import Encoding
from worker.domain.splitting.checksums import reversed_bits, reversed_crc16, with_zeros
from worker.domain.splitting.flac import numbered
from worker.domain.splitting.joiner import JoinError
from worker.domain.splitting.mp3_frames import side_information
from worker.domain.splitting.pieces import Pace, framing_of, pieces_of

MP3 = Encoding(AudioFormat.MP3, 44_100, 2, 16, 128)
FLAC = Encoding(AudioFormat.FLAC, 44_100, 2, 16, None)
OPUS = Encoding(AudioFormat.OPUS, 48_000, 2, 16, 96)
HOUR = 3600 * 44_100


@given(
    samples=st.integers(1, 4 * HOUR),
    rate=st.sampled_from([8000, 22_050, 44_100, 48_000, 96_000]),
    encodings=st.lists(st.sampled_from([MP3, FLAC, OPUS]), min_size=1, max_size=3, unique=True),
    most=st.integers(1, 64),
)
def test_pieces_follow_each_other_and_have_what_their_encoders_need(
    samples: int, rate: int, encodings: list[Encoding], most: int
) -> None:
    pieces = pieces_of(samples, rate, encodings, most)

    assert not pieces or pieces[0].begin == pieces[0].given_begin == 0
    assert all(one.end == other.begin for one, other in itertools.pairwise(pieces))
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True] * bool(pieces)
    for piece in pieces:
        assert 0 <= piece.given_begin <= piece.begin < piece.end <= piece.given_end <= samples
        assert piece.given_end - piece.given_begin < 1.3 * (piece.end - piece.begin)
        for encoding in encodings:
            framing = framing_of(encoding)
            assert framing is not None
            for sample in (piece.given_begin, piece.begin):
                assert sample * encoding.sample_rate_hz % (rate * framing.samples) == 0
            frame = framing.samples * rate / encoding.sample_rate_hz
            assert piece.begin == 0 or piece.begin - piece.given_begin >= framing.before * frame
            assert piece.is_last or piece.given_end - piece.end >= min(framing.behind * frame, samples - piece.end)


def test_long_sources_are_split_and_short_ones_are_not() -> None:
    assert len(pieces_of(HOUR, 44_100, [MP3], 2)) == 22
    assert len(pieces_of(HOUR, 44_100, [MP3, FLAC], 2)) == 26
    assert pieces_of(3 * 60 * 44_100, 44_100, [MP3], 2) == []
    assert pieces_of(HOUR, 44_100, [MP3], 1) == []


@pytest.mark.parametrize("audio_format", [AudioFormat.OGG, AudioFormat.WAV, AudioFormat.AAC, AudioFormat.WEBM])
def test_with_an_output_that_cannot_be_joined_nothing_is_split(audio_format: AudioFormat) -> None:
    other = Encoding(audio_format, 44_100, 2, 16, None)

    assert pieces_of(HOUR, 44_100, [MP3, other], 2, Pace(0.1, 0.1)) == []


@pytest.mark.parametrize(("channels", "kbps"), [(1, 48), (2, 48), (6, 512)])
def test_opus_is_not_split_where_its_speech_codec_may_be_used(channels: int, kbps: int) -> None:
    assert framing_of(Encoding(AudioFormat.OPUS, 48_000, channels, 16, kbps)) is None


@dataclass(frozen=True, slots=True)
class WithMore(Encoding):
    """An option of the future."""

    fade_in_seconds: float | None = None


def test_an_output_with_an_option_that_is_not_known_to_be_local_in_time_is_not_split() -> None:
    assert framing_of(WithMore(AudioFormat.MP3, 44_100, 2, 16, 128)) is not None
    assert framing_of(WithMore(AudioFormat.MP3, 44_100, 2, 16, 128, fade_in_seconds=1.0)) is None
    assert framing_of(Encoding(AudioFormat.MP3, 44_100, 2, 16, None, vbr_quality=2)) is None


@given(a=st.binary(max_size=80), zeros=st.integers(0, 70_000))
def test_zeros_behind_bytes_are_added_to_a_checksum_and_taken_away(a: bytes, zeros: int) -> None:
    checksum = with_zeros(crc16(a), zeros)

    assert zeros > 1000 or checksum == crc16(a + bytes(zeros))
    assert with_zeros(checksum, -zeros) == crc16(a)


def test_the_checksum_in_the_tag_of_lame_is_the_reflected_one() -> None:
    # CRC-16/ARC, whose check value is known: https://reveng.sourceforge.io/crc-catalogue/16.htm
    assert reversed_bits(reversed_crc16(b"123456789")) == 0xBB3D


@given(
    number=st.integers(0, (1 << 31) - 1),
    before=st.integers(0, 5000),
    body=st.binary(max_size=200),
    extra=st.sampled_from([(0xC9, b""), (0x79, b"\x0f\xff"), (0x6C, b"\xff\x2c")]),
)
def test_a_frame_of_flac_gets_another_number_and_right_checksums(
    number: int, before: int, body: bytes, extra: tuple[int, bytes]
) -> None:
    coded = chr(before).encode()
    header = b"\xff\xf8" + bytes([extra[0], 0x18]) + coded + extra[1]
    frame = header + bytes([crc8(header)]) + body
    frame += crc16(frame).to_bytes(2, "big")

    changed = numbered(frame, number)

    found, original = frame_header(changed), frame_header(frame)
    assert found is not None
    assert original is not None
    assert found.number == number
    assert (found.samples, found.rate_hz, found.is_like(original)) == (original.samples, original.rate_hz, True)
    assert crc16(changed) == 0
    assert changed.endswith(body + changed[-2:])


def test_what_is_no_frame_of_flac_is_not_numbered() -> None:
    with pytest.raises(JoinError):
        numbered(b"\xff\xf8\xc9\x18\0\0" + bytes(20), 1)


@pytest.mark.parametrize(
    ("header", "bits", "expected"),
    [
        # MPEG-1 in stereo: reach 300, the second granule's second channel has short windows that are not mixed.
        (
            b"\xff\xfb\x90\x64",
            f"{300:09b}{0:03b}{0:08b}" + "0" * 59 * 3 + "0" * 33 + "1100" + "0" * 22,
            (300, 36, (0, 0, 0, 12)),
        ),
        # MPEG-2 in mono, with a checksum behind the header.
        (b"\xff\xf2\x80\xc4\0\0", f"{255:08b}0" + "0" * 38 + "1010" + "0" * 21, (255, 15, (10,))),
        # MPEG-2 in stereo: what looks like a window without the flag before it is none.
        (
            b"\xff\xf3\x80\x04",
            f"{1:08b}00" + "0" * 38 + "0111" + "0" * 21 + "0" * 38 + "1001" + "0" * 21,
            (1, 21, (0, 9)),
        ),
        # MPEG-1 in mono: its private bits are five.
        (
            b"\xff\xfb\x90\xc4",
            f"{511:09b}" + "1" * 5 + "0" * 4 + ("0" * 33 + "1111" + "0" * 22) + ("0" * 33 + "1000" + "0" * 22),
            (511, 21, (15, 8)),
        ),
    ],
)
def test_side_information_is_read(header: bytes, bits: str, expected: tuple[int, int, tuple[int, ...]]) -> None:
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")

    side = side_information(header + data + bytes(40))

    assert (side.reach, side.body, side.windows) == expected


def test_a_part_of_the_source_is_made_from_the_whole() -> None:
    whole = Encoding(AudioFormat.FLAC, 48_000, 2, 16, None)

    assert framing_of(whole) is not None
    assert framing_of(replace(whole, cut=Cut(start_seconds=10.0))) is None


def test_shapes_of_windows_have_four_bits_whatever_is_in_front_of_them() -> None:
    assert side_information(b"\xff\xfb\x90\x64" + b"\xff" * 60).windows == (15, 15, 15, 15)
