"""The headers of raw frames: each code of every field has the length, the samples and the rate of its standard."""

from __future__ import annotations

from io import BytesIO

import pytest
from mutagen.mp3 import HeaderNotFoundError, MPEGFrame

from tests.support.frames import reader
from worker.domain.containers import ac3, adts, amr, dts, mp3
from worker.domain.containers.adts import _silent_frame as silent_frame_of_adts
from worker.domain.containers.adts import _stretched as stretched_of_adts
from worker.domain.containers.frames import Clock, Frame, FrameKind
from worker.domain.containers.mp3 import _silent_frame as silent_frame_of_mpeg
from worker.domain.containers.structure import CUT_OFF

# ATSC A/52, table 5.18: words of 16 bits for each pair of codes, at 48, 44.1 (the even code) and 32 kHz.
AC3_WORDS = {
    48_000: (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1152, 1280),
    44_100: (69, 87, 104, 121, 139, 174, 208, 243, 278, 348, 417, 487, 557, 696, 835, 975, 1114, 1253, 1393),
    32_000: (96, 120, 144, 168, 192, 240, 288, 336, 384, 480, 576, 672, 768, 960, 1152, 1344, 1536, 1728, 1920),
}
# ISO 14496-3, table 1.18.
AAC_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
# ETSI TS 102 114, table 5-5: by code.
DTS_RATES_HZ = {1: 8000, 2: 16000, 3: 32000, 6: 11025, 7: 22050, 8: 44100, 11: 12000, 12: 24000, 13: 48000} | {
    14: 96000,
    15: 192000,
}
# 3GPP TS 26.101 and 26.201: bits of a frame of each mode, and of one of comfort noise.
AMR_BITS = (95, 103, 118, 134, 148, 159, 204, 244, 39)
AMR_WB_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)


def measured(kind: FrameKind, header: bytes) -> Frame | None:
    """By a header that stands behind other bytes."""
    return kind.measure(b"\xff\x0b\x77" + header + bytes(20), 3)


@pytest.mark.parametrize("mode", range(4))
@pytest.mark.parametrize("first", range(0xE0, 0x100))
def test_a_header_of_mpeg_audio_says_what_another_reader_takes_from_it(first: int, mode: int) -> None:
    for second in range(0x100):
        header = bytes((0xFF, first, second, mode << 6))
        try:
            frame = MPEGFrame(BytesIO(header + bytes(4)))
        except HeaderNotFoundError:
            assert measured(mp3.KIND, header) is None
            continue
        samples = 384 if frame.layer == 1 else 576 if frame.layer == 3 and frame.version >= 2 else 1152
        slot_bytes = 4 if frame.layer == 1 else 1
        slots = samples // 8 // slot_bytes * frame.bitrate // frame.sample_rate + frame.padding

        assert measured(mp3.KIND, header) == (slots * slot_bytes, Clock(samples, frame.sample_rate, frame.channels))


def test_bytes_without_the_sync_word_begin_no_frame() -> None:
    assert measured(mp3.KIND, b"\xfe\xfb\x90\x64") is None
    assert measured(mp3.KIND, b"\xff\xdb\x90\x64") is None
    assert mp3.KIND.measure(b"\xff\xfb\x90", 0) is None
    assert measured(adts.KIND, b"\xff\xe1\x50\x80\x02\x1f\xfc") is None
    assert measured(ac3.AC3, b"\x0b\x78\0\0\0\x40") is None
    assert measured(ac3.EAC3, b"\x0b\x78\0\xff\0\x80") is None


def adts_header(first: int, rate_code: int, length: int, blocks: int = 1) -> bytes:
    bits = 1 << 38 | rate_code << 34 | 2 << 30 | length << 13 | 0x7FF << 2 | blocks - 1
    return bytes((0xFF, first)) + bits.to_bytes(5, "big")


@pytest.mark.parametrize("first", [0xF0, 0xF1, 0xF8, 0xF9])
@pytest.mark.parametrize("code", range(16))
def test_a_header_of_adts_says_length_blocks_and_rate(first: int, code: int) -> None:
    for length in (7, 8, 2048, 8191):
        for blocks in (1, 2, 3, 4):
            expected = (length, Clock(1024 * blocks, AAC_RATES_HZ[code])) if code < len(AAC_RATES_HZ) else None
            assert measured(adts.KIND, adts_header(first, code, length, blocks)) == expected
    assert measured(adts.KIND, adts_header(first, code, 6)) is None


def ac3_header(rate_code: int, size_code: int, bsid: int = 8) -> bytes:
    return b"\x0b\x77\0\0" + bytes((rate_code << 6 | size_code, bsid << 3))


@pytest.mark.parametrize(("code", "rate_hz"), list(enumerate(AC3_WORDS)))
def test_a_header_of_ac_3_says_length_and_rate(code: int, rate_hz: int) -> None:
    for size_code in range(38):
        words = AC3_WORDS[rate_hz][size_code // 2] + (size_code % 2 if rate_hz == 44_100 else 0)
        assert measured(ac3.AC3, ac3_header(code, size_code)) == (2 * words, Clock(1536, rate_hz))
    assert measured(ac3.AC3, ac3_header(code, 38)) is None
    assert measured(ac3.AC3, ac3_header(3, 0)) is None


@pytest.mark.parametrize(("bsid", "divisor"), [(0, 1), (8, 1), (9, 2), (10, 4)])
def test_old_low_rates_of_ac_3_are_halves(bsid: int, divisor: int) -> None:
    assert measured(ac3.AC3, ac3_header(0, 0, bsid)) == (128, Clock(1536, 48_000 // divisor))
    assert measured(ac3.AC3, ac3_header(0, 0, 11)) is None


@pytest.mark.parametrize(
    ("frames", "probe_bytes"),
    [
        ((2, 2), 256),
        ((255, 1), 256),
        ((256, 9), None),
        ((9,), None),
        ((1, 9), None),
    ],
)
def test_only_the_first_frames_of_ac_3_are_described_where_others_follow_soon(
    frames: tuple[int, ...], probe_bytes: int | None
) -> None:
    stereo, mono = (ac3_header(0, 0) + bytes([mode << 5]) + bytes(121) for mode in (2, 1))
    data = b"".join(each * count for each, count in zip((stereo, mono), frames, strict=False))

    assert ac3.examine_ac3(reader(data), 0, len(data)).probe_bytes == probe_bytes


def eac3_header(kind: int, substream: int, length: int, rate_code: int, block_code: int, bsid: int = 16) -> bytes:
    words = length // 2 - 1
    return b"\x0b\x77" + bytes(
        (kind << 6 | substream << 3 | words >> 8, words & 0xFF, rate_code << 6 | block_code << 4, bsid << 3)
    )


@pytest.mark.parametrize("length", [6, 512, 514, 4096])
@pytest.mark.parametrize("block_code", range(4))
def test_a_header_of_e_ac_3_says_length_blocks_and_rate(length: int, block_code: int) -> None:
    for rate_code, rate_hz in enumerate((48_000, 44_100, 32_000)):
        samples = 256 * (1, 2, 3, 6)[block_code]
        header = eac3_header(0, 0, length, rate_code, block_code)
        assert measured(ac3.EAC3, header) == (length, Clock(samples, rate_hz))
    half = (24_000, 22_050, 16_000, None)[block_code]
    assert measured(ac3.EAC3, eac3_header(0, 0, length, 3, block_code)) == (
        None if half is None else (length, Clock(1536, half))
    )


@pytest.mark.parametrize(
    ("kind", "substream", "samples"), [(0, 0, 1536), (2, 0, 1536), (1, 0, 0), (3, 0, 0), (0, 1, 0), (0, 7, 0)]
)
def test_only_the_first_substream_of_e_ac_3_takes_time(kind: int, substream: int, samples: int) -> None:
    assert measured(ac3.EAC3, eac3_header(kind, substream, 512, 0, 3)) == (512, Clock(samples, 48_000))


def test_the_version_tells_e_ac_3_from_ac_3() -> None:
    versions = [bsid for bsid in range(32) if measured(ac3.EAC3, eac3_header(0, 0, 512, 0, 3, bsid))]
    assert versions == [11, 12, 13, 14, 15, 16]
    assert measured(ac3.EAC3, eac3_header(0, 0, 4, 0, 3)) is None


def dts_header(blocks: int, length: int, rate_code: int) -> bytes:
    bits = 0x7FFE8001 << 64 | 1 << 63 | 31 << 58 | (blocks - 1) << 50 | (length - 1) << 36 | rate_code << 26
    return bits.to_bytes(12, "big")


@pytest.mark.parametrize("code", range(16))
def test_a_header_of_dts_says_length_blocks_and_rate(code: int) -> None:
    for blocks, length in ((16, 1006), (6, 96), (128, 16384), (65, 4097), (16, 8000), (65, 96)):
        expected = (length, Clock(32 * blocks, DTS_RATES_HZ[code])) if code in DTS_RATES_HZ else None
        assert measured(dts.KIND, dts_header(blocks, length, code)) == expected
    assert measured(dts.KIND, dts_header(5, 1006, code)) is None
    assert measured(dts.KIND, dts_header(16, 95, code)) is None


@pytest.mark.parametrize("length", [13, 400, 65_536])
def test_an_extension_of_dts_states_its_length_in_16_or_in_20_bits(length: int) -> None:
    narrow = (31 << 45 | (length - 1) << 29).to_bytes(7, "big")
    wide = (1 << 53 | 31 << 41 | (length - 1 + (7 << 16)) << 21).to_bytes(7, "big")

    assert measured(dts.KIND, b"\x64\x58\x20\x25\0" + narrow) == (length, Clock(0, 1))
    assert measured(dts.KIND, b"\x64\x58\x20\x25\0" + wide) == (length + (7 << 16), Clock(0, 1))
    assert measured(dts.KIND, b"\x64\x58\x20\x25\0" + (31 << 45 | 11 << 29).to_bytes(7, "big")) is None


@pytest.mark.parametrize(
    ("magic", "bits"), [(b"#!AMR\n", AMR_BITS), (b"#!AMR-WB\n", AMR_WB_BITS)], ids=["narrow", "wide"]
)
def test_each_mode_of_amr_has_its_length_and_every_frame_is_20_ms(magic: bytes, bits: tuple[int, ...]) -> None:
    modes = [*enumerate(bits), *((mode, 0) for mode in range(len(bits), 16))]
    frames = [bytes((mode << 3 | 4,)) + b"\x55" * -(-count // 8) for mode, count in modes]
    data = magic + b"".join(frames * 3)

    whole, cut = amr.examine(reader(data), 0, len(data)), amr.examine(reader(data[:-1]), 0, len(data) - 1)

    assert (whole.begin, whole.end, whole.problem, whole.read_range) == (len(magic), len(data), None, None)
    assert whole.track_seconds == pytest.approx((48 * 0.02,))
    assert cut.track_seconds == pytest.approx((47 * 0.02,))  # the last one is its first byte alone
    for mode, frame in enumerate(frames[: len(bits)]):
        lacking = data + frame[:-1]
        assert amr.examine(reader(lacking), 0, len(lacking)).problem == CUT_OFF, mode


@pytest.mark.parametrize(
    ("channels", "block"),
    [
        (1, "00c800802380"),
        (2, "210004608c1c"),
        (3, "00c8008020840011823070"),
        (4, "00c800802084001182300164004011c0"),
        (5, "00c8008020840011823011800230460e"),
        (6, "00c800802084001182301180023046060c80080238"),
        (7, "00c8008020840011823011800230460250004608c0c190010047"),
    ],
)
@pytest.mark.parametrize("most_bytes", [*range(10, 40), 1000, 2048, 4097, 8191, 9000])
def test_a_silent_frame_of_adts_is_as_long_as_there_is_room(channels: int, block: str, most_bytes: int) -> None:
    header = bytearray(adts_header(0xF0, 3, 8191))
    header[2] = header[2] & 0xFE | channels >> 2
    header[3] = header[3] & 0x3F | (channels & 3) << 6
    room = most_bytes >= 7 + len(bytes.fromhex(block))

    silent = silent_frame_of_adts(bytes(header), most_bytes)

    assert (silent is not None) == room
    if silent is not None:
        assert len(silent) == min(most_bytes, 8191)
        assert measured(adts.KIND, silent) == (len(silent), Clock(1024, 48_000))
        assert silent[7:] == bytes.fromhex(block).ljust(len(silent) - 7, b"\0")
        assert silent[:3] == b"\xff\xf1" + header[2:3]  # without a checksum
        assert silent[3] & 0xC0 == header[3] & 0xC0
        assert (silent[5] & 0x1F, silent[6]) == (0x1F, 0xFC)  # a bit rate that varies; one block


@pytest.mark.parametrize(
    ("length", "more", "stretched"),
    [(500, 1, 501), (501, 1, 502), (2047, 1, 2048), (8000, 191, 8191), (8000, 192, None), (8191, 1, None)],
)
def test_a_frame_of_adts_is_stretched_by_its_length_alone(length: int, more: int, stretched: int | None) -> None:
    header = bytearray(adts_header(0xF1, 3, length))
    expected = bytearray(adts_header(0xF1, 3, stretched or 0))
    for each in (header, expected):
        each[3] |= 0x3C  # what stands before the length

    assert stretched_of_adts(bytes(header) + b"more", more) == (bytes(expected) if stretched else None)


def test_no_silence_is_known_for_channels_that_only_the_frames_describe() -> None:
    header = bytearray(adts_header(0xF1, 3, 500))
    header[2] &= 0xFE
    header[3] &= 0x3F

    assert silent_frame_of_adts(bytes(header), 1000) is None


@pytest.mark.parametrize(
    ("header", "most_bytes", "length"),
    [
        (b"\xff\xfb\x90\x64", 417, 417),
        (b"\xff\xfa\x90\x64", 416, 365),
        (b"\xff\xfb\xe0\x64", 2000, 1044),
        (b"\xff\xfb\x92\x64", 105, 104),
        (b"\xff\xfb\x90\x64", 103, None),
        (b"\xff\xf3\x90\x64", 40, None),
        (b"\xff\xf3\x40\x64", 52, 52),
    ],
)
def test_a_silent_frame_of_mpeg_audio_is_the_longest_there_is_room_for(
    header: bytes, most_bytes: int, length: int | None
) -> None:
    silent = silent_frame_of_mpeg(header, most_bytes)

    assert (None if silent is None else len(silent)) == length
    if silent is not None:
        assert measured(mp3.KIND, silent) == (length, measured(mp3.KIND, header)[1])  # type: ignore[index]
        assert silent[1] & 1  # without a checksum
        assert silent[4:] == bytes(len(silent) - 4)
