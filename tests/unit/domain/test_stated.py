"""What the headers of a source state of its sound, and where they do not state it exactly."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.support.headers import LC, a_format, an_edit, an_m4a, box, esds, extensible
from tests.support.reading import bytes_at
from tests.support.sounds import SECONDS, sound
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine, sniff
from worker.domain.containers.stated import StatedSound, first_channels, stated_sound
from worker.domain.containers.structure import Structure


def stated(data: bytes) -> StatedSound | None:
    read_at = bytes_at(data)
    sniffed = sniff(read_at, len(data))
    return stated_sound(sniffed, examine(sniffed, read_at, len(data)), read_at, len(data))


def a_wav(*formats: bytes) -> bytes:
    chunks = b"".join(b"fmt " + struct.pack("<I", len(each)) + each for each in formats)
    body = b"WAVE" + chunks + b"data" + struct.pack("<I", 4800) + bytes(range(240)) * 20
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain.wav", StatedSound("pcm_s16le", 44100, 2, 16)),
        ("deep.wav", StatedSound("pcm_s24le", 44100, 2, 24)),
        ("float.wav", StatedSound("pcm_f32le", 44100, 2, 32)),
        ("plain.flac", StatedSound("flac", 44100, 2, 16)),
        ("plain.mp3", StatedSound("mp3", 44100, 2)),
        ("plain.opus", StatedSound("opus", 48000, 2)),
        ("plain.ogg", StatedSound("vorbis", 44100, 2)),
        ("end.m4a", StatedSound("aac", 44100, 2, seconds=Fraction(str(SECONDS)))),
        ("alac.m4a", StatedSound("alac", 44100, 2, 16, seconds=Fraction(str(SECONDS)))),
        ("surround.wav", None),
        ("adpcm_ms.wav", None),
        ("fragmented.m4a", None),
        ("video.mp4", None),
        ("flac.oga", None),
        ("plain.webm", None),
    ],
)
def test_a_sound_is_stated_where_its_headers_say_all(name: str, expected: StatedSound | None) -> None:
    assert stated(sound(name).read_bytes()) == expected


@pytest.mark.parametrize(
    ("formats", "codec"),
    [
        ([a_format()], "pcm_s16le"),
        ([a_format(bits=8)], "pcm_u8"),
        ([a_format(tag=7, bits=8)], "pcm_mulaw"),
        ([a_format(tag=6, bits=8)], "pcm_alaw"),
        ([a_format(tag=3, bits=64)], "pcm_f64le"),
        ([extensible(mask=3)], "pcm_s16le"),
        ([extensible(mask=0)], "pcm_s16le"),
        ([extensible(mask=4, channels=1)], "pcm_s16le"),
        ([extensible(mask=0x600)], None),  # two side channels
        ([extensible(mask=3, valid_bits=12)], None),
        ([extensible(mask=3, guid=bytes(16))], None),
        ([a_format(align=8)], None),
        ([a_format(bits=12, align=4)], None),
        ([a_format(tag=0x55)], None),
        ([a_format(channels=3)], None),
        ([a_format(), a_format(channels=1)], None),
    ],
)
def test_samples_are_stated_by_one_plain_format_chunk(formats: list[bytes], codec: str | None) -> None:
    found = stated(a_wav(*formats))

    assert (found.codec if found else None) == codec


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (an_m4a(), 2.0),
        (an_m4a(edits=an_edit()), 1.5),
        (an_m4a(esds(b"\x12\x10\x56\xe5\x00")), 2.0),  # a further band is said to be absent
        (an_m4a(esds(b"\x12\x10\x56\xe5\x9d")), None),  # and here to be there (HE-AAC)
        (an_m4a(esds(b"\x2b\x92\x08\x00")), None),  # HE-AAC from the start
        (an_m4a(esds(b"\x13\x90")), None),  # 22.05 kHz, where a further band may come unsaid
        (an_m4a(esds(b"\x12\x30")), None),  # six channels
        (an_m4a(esds(LC, kind=0x6B)), None),  # MP3 in MP4
        (an_m4a(edits=an_edit(begin=-1)), None),  # it begins late
        (an_m4a(edits=an_edit(count=2)), None),
        (an_m4a(tracks=2), None),
        (an_m4a(handler=b"vide"), None),
        (an_m4a(more=box(b"mvex")), None),
        (an_m4a(more=box(b"udta", b"iTunSMPB")), None),
    ],
)
def test_aac_is_stated_in_a_track_without_surprises(data: bytes, seconds: float | None) -> None:
    found = stated(data)

    assert (float(found.seconds) if found and found.seconds else None) == seconds


def test_a_second_stream_in_ogg_is_not_stated() -> None:
    data = sound("plain.opus").read_bytes()
    page = 27 + data[26] + sum(data[27 : 27 + data[26]])

    found = stated_sound(
        Sniffed(Container.OGG, 0),
        Structure(0, len(data), track_seconds=(1.0,)),
        bytes_at(data[:page] + data),
        page + len(data),
    )

    assert found is None


def test_what_is_mended_or_has_parts_is_not_stated() -> None:
    data = sound("plain.mp3").read_bytes()
    part = Structure(0, len(data), track_seconds=(1.0,))
    whole = Structure(0, len(data), track_seconds=(1.0,), parts=(part, part))

    assert stated_sound(Sniffed(Container.MP3, 0), whole, bytes_at(data), len(data)) is None


_STEREO, _JOINED, _MONO = b"\xff\xfb\x90\x00", b"\xff\xfb\x90\x40", b"\xff\xfb\x90\xc0"  # 128 kbit/s at 44.1 kHz
_FRAME_BYTES = 417


@pytest.mark.parametrize(
    ("headers", "channels"),
    [
        ([_STEREO, _STEREO, _MONO], 2),
        ([_STEREO, _JOINED, _MONO], 2),
        ([_MONO, _MONO, _STEREO], 1),
        ([_MONO, _STEREO, _STEREO], None),
        ([_MONO, bytes(4), _MONO], None),
        ([bytes(4), _MONO, _MONO], None),
    ],
)
def test_the_first_channels_of_mpeg_audio_are_those_of_two_frames(headers: list[bytes], channels: int | None) -> None:
    data = b"".join(each.ljust(_FRAME_BYTES, b"s") for each in headers)
    whole = Structure(0, len(data))

    assert first_channels(Sniffed(Container.MP3, 0), whole, bytes_at(data)) == channels
    assert first_channels(Sniffed(Container.AC3, 0), whole, bytes_at(data)) is None
    assert first_channels(Sniffed(Container.MP3, 0), replace(whole, parts=(whole, whole)), bytes_at(data)) is None
    assert first_channels(Sniffed(Container.MP3, 0), Structure(len(data), len(data)), bytes_at(data)) is None
