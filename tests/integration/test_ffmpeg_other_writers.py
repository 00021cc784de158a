"""Files as other programs than ffmpeg write them: what ffmpeg misreads in them, or complains of."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.mutation.trial import convert
from tests.support import rare_sounds
from tests.support.conversions import an_output, converted
from tests.support.pcm import read_wav
from tests.support.sounds import SECONDS, run_ffmpeg, sound
from worker.domain.audio import AudioFormat


async def seconds_and_repairs(path: Path) -> tuple[float, tuple[str, ...]]:
    """The length of an output in WAV, and what the record says of the source."""
    outcome = await convert(path)
    assert outcome.error is None
    assert outcome.heard is not None
    return outcome.heard.seconds, outcome.repaired


def a_text(text: bytes) -> bytes:
    """A text of AMF0 without the byte that says that it is one."""
    return len(text).to_bytes(2, "big") + text


@pytest.mark.parametrize(
    "metadata",
    [
        a_text(b"gstfiller") + b"\2" + a_text(b" " * 1100) + b"\0\0\x09",  # in the place of GStreamer's index
        a_text(b"keyframes") + b"\3" + a_text(b"times") + b"\x0a" + bytes(4) + b"\0\0\x09\0\0\x09",
        a_text(b"canSeekToEnd") + b"\1\1",  # without an end
    ],
)
async def test_metadata_of_an_flv_that_the_demuxer_cannot_read_is_no_damage(metadata: bytes, tmp_path: Path) -> None:
    content = b"\2" + a_text(b"onMetaData") + b"\x08\0\0\0\1" + metadata
    tag = b"\x12" + len(content).to_bytes(3, "big") + bytes(7) + content + (11 + len(content)).to_bytes(4, "big")
    data, source = sound("plain.flv").read_bytes(), tmp_path / "source.flv"
    source.write_bytes(data[:13] + tag + data[13:])

    seconds, repaired = await seconds_and_repairs(source)

    assert seconds == pytest.approx(SECONDS, abs=0.06)
    assert repaired == ()


def with_a_larger_description(data: bytes, version: int, more: int) -> bytes:
    """An MP4 with its index behind the sound, whose track is described as in QuickTime."""
    grown = bytearray(data)
    entry = data.index(b"Opus")
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"Opus"):
        at = data.index(kind) - 4
        struct.pack_into(">I", grown, at, struct.unpack_from(">I", data, at)[0] + more)
    struct.pack_into(">H", grown, entry + 12, version)
    description = entry + 4 + 28
    return bytes(grown[:description] + bytes(more) + grown[description:])


@pytest.mark.parametrize(
    ("flags", "version", "more"),
    [((), 0, 0), (("-movflags", "+frag_keyframe+empty_moov"), 0, 0), ((), 1, 16)],
    ids=["plain", "fragmented", "in QuickTime"],
)
@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000])
async def test_opus_in_an_mp4_whose_header_was_copied_from_ogg_is_whole(
    rate_hz: int, flags: tuple[str, ...], version: int, more: int, tmp_path: Path
) -> None:
    """GStreamer and Shaka Packager do so: the numbers have the byte order of Ogg."""
    source = tmp_path / "source.mp4"
    run_ffmpeg("-i", str(sound("plain.opus")), "-c", "copy", *flags, str(source))
    data = bytearray(with_a_larger_description(source.read_bytes(), version, more))
    if version:
        data[8:12] = b"qt  "
        source.write_bytes(data)
    whole, repaired = await seconds_and_repairs(source)
    assert repaired == ()
    at = data.index(b"dOps") + 6
    (skipped,) = struct.unpack_from(">H", data, at)
    struct.pack_into("<HIh", data, at, skipped, rate_hz, -256)
    source.write_bytes(data)

    seconds, repaired = await seconds_and_repairs(source)

    assert seconds == whole
    assert any("byte order" in each for each in repaired)


async def test_g721_in_a_wav_begins_with_the_lower_half_of_each_byte(tmp_path: Path) -> None:
    """As libsndfile writes and reads it; FFmpeg takes it for G.726 with the upper half first, and plays noise."""
    raw, source = tmp_path / "raw.g726le", tmp_path / "source.wav"
    tone = sound("g726.wav")
    run_ffmpeg("-i", str(tone), "-c:a", "g726le", "-f", "g726le", str(raw))
    samples = raw.read_bytes()
    form = struct.pack("<HHIIHHHH", 0x40, 1, 8000, 4000, 64, 4, 2, 0)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(samples)) + samples
    source.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)

    (artifact,) = await converted(source, tmp_path, an_output(AudioFormat.WAV))

    run_ffmpeg("-i", str(tone), str(tmp_path / "tone.wav"))
    heard, wanted = (read_wav(path.read_bytes()).channel(0) for path in (artifact.path, tmp_path / "tone.wav"))
    pairs = list(zip(heard, wanted, strict=False))
    assert len(heard) == pytest.approx(len(wanted), abs=80)
    assert sum(abs(a - b) for a, b in pairs) < 0.1 * sum(abs(b) for _, b in pairs)


async def test_gsm_in_an_aiff_may_state_its_samples_in_place_of_its_packets(tmp_path: Path) -> None:
    """As libsndfile writes it; FFmpeg's demuxer counts packets, and took the file for one of 160 times the length."""
    packets = rare_sounds.gsm()
    rate = b"\x40\x0b\xfa" + bytes(7)  # 8000 as a number of 80 bits
    common = struct.pack(">HIH", 1, len(packets) // 33 * 160, 0) + rate + b"GSM " + bytes(2)
    chunks = b"AIFCCOMM" + struct.pack(">I", len(common)) + common
    chunks += b"SSND" + struct.pack(">III", 8 + len(packets), 0, 0) + packets + bytes(len(packets) % 2)
    (tmp_path / "source.aifc").write_bytes(b"FORM" + struct.pack(">I", len(chunks)) + chunks)
    (tmp_path / "source.gsm").write_bytes(packets)

    seconds, repaired = await seconds_and_repairs(tmp_path / "source.aifc")

    assert (seconds, repaired) == await seconds_and_repairs(tmp_path / "source.gsm")
