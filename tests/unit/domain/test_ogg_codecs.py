"""What the first packets of Ogg's codecs say, field by field, and how long a packet of Opus is."""

from __future__ import annotations

import struct

import pytest

from worker.domain.containers.ogg_codecs import HEAD_BYTES, OggCodec, codec_of, packet_samples

# RFC 6716, table 2: milliseconds of a frame, by configuration.
OPUS_MS = (10, 20, 40, 60) * 3 + (10, 20) * 2 + (2.5, 5, 10, 20) * 4


def padded(head: bytes) -> bytes:
    return head.ljust(HEAD_BYTES, b"\xee")


@pytest.mark.parametrize(("configuration", "milliseconds"), list(enumerate(OPUS_MS)))
def test_a_packet_of_opus_has_the_frames_of_its_first_bytes(configuration: int, milliseconds: float) -> None:
    frame = round(48 * milliseconds)
    for stereo in (0, 4):
        first = configuration << 3 | stereo
        assert packet_samples(bytes([first])) == frame
        assert packet_samples(bytes([first | 1])) == 2 * frame
        assert packet_samples(bytes([first | 2, 0xFF])) == 2 * frame
        assert packet_samples(bytes([first | 3, 0xC0 | 5])) == 5 * frame
        assert packet_samples(bytes([first | 3, 48])) == 48 * frame
        assert packet_samples(bytes([first | 3])) == 0
    assert packet_samples(b"") == 0


def test_the_header_of_vorbis() -> None:
    head = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 6, 44_100, -1, 128_000, -1, 0xB8, 1)

    assert codec_of(padded(head)) == OggCodec("Vorbis", 6, 44_100, 2048, settings=b"\xb8", decoder_delay=128)


def test_the_header_of_opus() -> None:
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 3840, 16_000, 256, 0)

    codec = codec_of(padded(head))

    assert codec == OggCodec(
        "Opus", 2, 48_000, 5760, 3840, padded(head)[16:40], decoder_delay=0, encoder_delay=0, problem=None
    )


@pytest.mark.parametrize(("channels", "rate_hz", "block"), [(1, 8000, 4096), (8, 655_350, 65_535), (2, 44_100, 256)])
def test_the_header_of_flac(channels: int, rate_hz: int, block: int) -> None:
    packed = rate_hz << 44 | (channels - 1) << 41 | 15 << 36 | 0xF_FFFF_FFFF
    info = struct.pack(">HH", 16, block) + bytes(6) + packed.to_bytes(8, "big")
    head = b"\x7fFLAC\x01\x00\x00\x01fLaC\x00\x00\x00\x22" + info

    assert codec_of(padded(head)) == OggCodec("FLAC", channels, rate_hz, block)


@pytest.mark.parametrize(("channels", "frames", "longest"), [(2, 0, 320), (2, 1, 320), (1, 3, 960)])
@pytest.mark.parametrize(("mode", "delays"), [(0, (40, 40)), (1, (80, 143)), (2, (160, 349)), (3, (0, 0))])
def test_the_header_of_speex(channels: int, frames: int, longest: int, mode: int, delays: tuple[int, int]) -> None:
    fields = struct.pack("<iiiiiiiiiii", 1, 80, 16_000, mode, 4, channels, -1, 320, 1, frames, 1)

    assert codec_of(padded(b"Speex   " + b"1.2".ljust(20, b"\0") + fields)) == OggCodec(
        "Speex", channels, 16_000, longest, decoder_delay=delays[0], encoder_delay=delays[1]
    )


def test_a_header_without_a_rate_or_of_no_sound_is_none() -> None:
    assert codec_of(padded(b"\x01vorbis" + bytes(22))) is None
    assert codec_of(padded(b"\x80theora")) is None
