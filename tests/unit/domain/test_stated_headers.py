"""What headers state of their sound, field by field: WAV, FLAC, MPEG audio, ALAC and AAC in MP4."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from tests.support.headers import LONG, PCM_GUID, a_format, an_edit, an_m4a, box, esds, extensible
from tests.support.reading import bytes_at
from tests.support.sounds import sound
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed
from worker.domain.containers.stated import StatedSound, stated_sound
from worker.domain.containers.structure import Structure


def of(container: Container, data: bytes, start: int = 0) -> StatedSound | None:
    """What a file states whose length is known."""
    whole = b"\xaa" * start + data
    structure = Structure(start, len(whole), track_seconds=(1.0,))
    return stated_sound(Sniffed(container, start), structure, bytes_at(whole), len(whole))


def test_a_format_chunk_is_found_behind_others_and_counts_from_its_own_length() -> None:
    def wav(*chunks: bytes) -> bytes:
        parts = [each[:4] + struct.pack("<I", len(each) - 4) + each[4:] + bytes(len(each) % 2) for each in chunks]
        return b"RIFF\xff\xff\xff\xffWAVE" + b"".join(parts) + b"data"

    expected = StatedSound("pcm_s16le", 44100, 2, 16)
    form = b"fmt " + a_format()

    assert of(Container.WAV, wav(b"junk" + b"x" * 9, form) + bytes(4)) == expected
    assert of(Container.WAV, wav(form, b"junk" + b"x" * 8) + bytes(4), 7) == expected
    assert of(Container.WAV, wav(form)) == expected  # cut off within the header of the samples
    assert of(Container.WAV, wav(form[:-1]) + bytes(4)) is None
    assert of(Container.WAV, wav() + bytes(4)) is None
    assert of(Container.WAV, wav(b"fmt " + extensible(mask=3)) + bytes(4)) == expected
    assert of(Container.WAV, wav(b"fmt " + extensible(mask=3) + b"x") + bytes(4)) == expected
    assert of(Container.WAV, wav(b"fmt " + extensible(mask=3)[:-1]) + bytes(4)) is None
    assert of(Container.WAV, wav(b"fmt " + a_format(channels=1, bits=24)) + bytes(4)) == StatedSound(
        "pcm_s24le", 44100, 1, 24
    )
    assert of(Container.WAV, wav(b"fmt " + extensible(mask=3, channels=1)) + bytes(4)) is None
    assert of(Container.WAV, wav(b"fmt " + extensible(mask=0, channels=1)) + bytes(4)) is not None
    assert of(Container.WAV, wav(b"fmt " + extensible(mask=0, channels=3)) + bytes(4)) is None


def test_a_format_chunk_behind_the_samples_is_none_of_theirs() -> None:
    form = b"fmt " + struct.pack("<I", 16) + a_format()
    data = b"RIFF\xff\xff\xff\xffWAVE" + form + b"data" + struct.pack("<I", 8) + bytes(8) + form

    assert of(Container.WAV, data) == StatedSound("pcm_s16le", 44100, 2, 16)


@pytest.mark.parametrize(("tag", "codec"), [(1, "pcm_s32le"), (3, "pcm_f32le"), (6, None), (0, None), (2, None)])
def test_an_extensible_format_has_its_codec_behind_the_mask(tag: int, codec: str | None) -> None:
    guid = struct.pack("<H", tag) + PCM_GUID[2:]
    form = a_format(tag=0xFFFE, bits=32, rest=struct.pack("<HHI", 22, 32, 3) + guid)

    data = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + bytes(4)
    found = of(Container.WAV, data)

    assert (found.codec if found else None) == codec


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (2, 16), (1, 24), (2, 32)])
def test_a_flac_states_its_sound_in_its_first_block(channels: int, bits: int) -> None:
    packed = 655_350 << 44 | (channels - 1) << 41 | (bits - 1) << 36 | 0xF_FFFF_FFFF
    info = struct.pack(">HH", 4096, 4096) + b"\xff" * 6 + packed.to_bytes(8, "big")

    for kind in (0x00, 0x80):  # the last block of metadata, or not
        data = b"fLaC" + bytes([kind]) + b"\0\0\x22" + info
        assert of(Container.FLAC, data, 3) == StatedSound("flac", 655_350, channels, bits)
        assert of(Container.FLAC, data[:-1]) is None
        assert of(Container.FLAC, data + b"\xff" * 9) == StatedSound("flac", 655_350, channels, bits)
    for kind in (1, 4, 0x81, 0x40):
        assert of(Container.FLAC, b"fLaC" + bytes([kind]) + b"\0\0\x22" + info) is None
    silent = packed & ((1 << 44) - 1)
    assert of(Container.FLAC, b"fLaC\0\0\0\x22" + info[:10] + silent.to_bytes(8, "big")) is None  # of 0 Hz


MPEG_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@pytest.mark.parametrize("version", range(4))
@pytest.mark.parametrize("layer", range(4))
@pytest.mark.parametrize("rate", range(4))
def test_a_header_of_mpeg_audio_states_layer_rate_and_channels(version: int, layer: int, rate: int) -> None:
    codec = {1: "mp3", 2: "mp2", 3: "mp1"}.get(layer)
    is_one = codec and version in MPEG_RATES_HZ and rate < 3
    for mode in range(4):
        header = bytes((0xFF, 0xE1 | version << 3 | layer << 1, 0x92 | rate << 2, mode << 6 | 0x3F))
        found = of(Container.MP3, header, 5)
        if is_one:
            assert found == StatedSound(str(codec), MPEG_RATES_HZ[version][rate], 1 if mode == 3 else 2)
        else:
            assert found is None
        assert of(Container.MP3, header[:3]) is None


def _an_alac(*, cookie_bytes: int = 28, quicktime: int = 0, count: int = 1, more: int = 0) -> bytes:
    cookie = bytes(4) + struct.pack(">IBBBBBBHIII", 4096, 0, 24, 40, 10, 14, 1, 255, 0, 0, 48_000)
    cookie = box(b"alac", cookie.ljust(cookie_bytes, b"\0")[:cookie_bytes])
    entry = box(b"alac", bytes(6), b"\0\1", struct.pack(">HHI", quicktime, 0, 0), bytes(12), cookie)
    entry = (len(entry) + more).to_bytes(4, "big") + entry[4:]
    stsd = box(b"stsd", bytes(4), count.to_bytes(4, "big"), entry)
    media = box(b"mdia", box(b"mdhd", LONG), box(b"hdlr", bytes(8), b"soun"), box(b"minf", box(b"stbl", stsd)))
    return box(b"ftyp", b"M4A ") + box(b"moov", box(b"mvhd", LONG), box(b"trak", media))


def test_an_alac_states_its_sound_in_its_cookie() -> None:
    assert of(Container.MP4, _an_alac()) == StatedSound("alac", 48_000, 1, 24, seconds=Fraction(2))
    for other in (
        _an_alac(cookie_bytes=27),
        _an_alac(cookie_bytes=29),
        _an_alac(quicktime=1),
        _an_alac(quicktime=1 << 8),
        _an_alac(count=2),
        _an_alac(more=1),
        _an_alac(more=-1),
    ):
        assert of(Container.MP4, other) is None


def test_an_index_is_read_from_where_it_begins_to_where_it_ends() -> None:
    data, sound_bytes = an_m4a(), bytes(9 << 20)

    expected = of(Container.MP4, data)
    assert expected is not None
    assert of(Container.MP4, data + box(b"mdat", b"iTunSMPB")) == expected
    assert of(Container.MP4, box(b"mdat", sound_bytes) + data) == expected


def _times(version: int, per_second: int, length: int) -> bytes:
    return struct.pack(">IIIII", version << 24, 0, 0, per_second, length)


@pytest.mark.parametrize(
    ("movie", "media", "edits", "seconds"),
    [
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), b"", Fraction(2)),
        (_times(0, 0, 0), _times(0, 3, 1), b"", Fraction(1, 3)),
        (_times(1, 1000, 0), _times(0, 44_100, 88_200), b"", None),
        (_times(0, 1000, 0), _times(1, 44_100, 88_200), b"", None),
        (_times(0, 1000, 0), _times(0, 0, 88_200), b"", None),
        (_times(0, 1000, 0), _times(0, 44_100, 0), b"", None),
        (_times(0, 1000, 0)[:-1], _times(0, 44_100, 88_200), b"", None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200)[:-1], b"", None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit(length=1), Fraction(1, 1000)),
        (_times(0, 1000, 0), _times(0, 0, 0), an_edit(length=7), Fraction(7, 1000)),
        (_times(0, 0, 0), _times(0, 44_100, 88_200), an_edit(), None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit(length=0), None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit(begin=0), Fraction(3, 2)),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit() + b"x", None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit()[:-1], None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), b"\1" + an_edit()[1:], None),
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit()[:-1] + b"\1", None),  # played at another speed
        (_times(0, 1000, 0), _times(0, 44_100, 88_200), an_edit()[:16] + b"\0\2\0\0", None),
    ],
)
def test_the_length_is_that_of_the_media_or_of_its_only_edit(
    movie: bytes, media: bytes, edits: bytes, seconds: Fraction | None
) -> None:
    data = an_m4a(edits=edits)
    data = data.replace(box(b"mdhd", LONG), box(b"mdhd", media)).replace(box(b"mvhd", LONG), box(b"mvhd", movie))
    # The boxes around shorter ones are longer than what is in them, which their readers allow.

    found = of(Container.MP4, data)

    assert (found.seconds if found else None) == seconds


@pytest.mark.parametrize(
    ("rate", "rate_hz"), [*enumerate((96000, 88200, 64000, 48000, 44100, 32000)), (6, None), (15, None)]
)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_configuration_of_aac_states_rate_and_channels(rate: int, rate_hz: int | None, channels: int) -> None:
    bits = 2 << 11 | rate << 7 | channels << 3
    expected = StatedSound("aac", rate_hz, channels, seconds=Fraction(2)) if rate_hz and channels < 3 else None

    assert of(Container.MP4, an_m4a(esds(bits.to_bytes(2, "big")))) == expected
    assert of(Container.MP4, an_m4a(esds(bits.to_bytes(2, "big") + bytes(3)))) == expected
    for other in (bits | 1, bits | 2, bits | 4, bits & 0x7FF | 1 << 11, bits & 0x7FF | 3 << 11):
        assert of(Container.MP4, an_m4a(esds(other.to_bytes(2, "big")))) is None
    assert of(Container.MP4, an_m4a(esds(bits.to_bytes(2, "big")[:1]))) is None


def test_a_length_that_is_known_nowhere_is_not_stated() -> None:
    data = sound("plain.opus").read_bytes()

    for lengths in ((), (1.0, 2.0)):
        structure = Structure(0, len(data), track_seconds=lengths)
        assert stated_sound(Sniffed(Container.OGG, 0), structure, bytes_at(data), len(data)) is None
