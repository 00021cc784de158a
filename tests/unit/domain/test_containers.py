"""What a file is, by its leading bytes."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.frames import ADTS_FRAME, ID3_TAG, MPEG_FRAME, reader
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine, sniff
from worker.domain.errors import UnsupportedAudioError


def sniffed(data: bytes) -> Sniffed:
    return sniff(reader(data), len(data))


@pytest.mark.parametrize(
    ("data", "container"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", Container.WAV),
        (b"RF64\xff\xff\xff\xffWAVEds64", Container.WAV),
        (b"BW64\xff\xff\xff\xffWAVEds64", Container.WAV),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", Container.W64),
        (b"FORM\0\0\0\0AIFF", Container.AIFF),
        (b"FORM\0\0\0\0AIFC", Container.AIFF),
        (b".snd\0\0\0\x18", Container.AU),
        (b"caff\0\x01\0\0", Container.CAF),
        (b"fLaC\0\0\0\x22", Container.FLAC),
        (ID3_TAG + b"fLaC\0\0\0\x22", Container.FLAC),
        (b"#!AMR\n\x3c", Container.AMR),
        (b"#!AMR-WB\n\x3c", Container.AMR),
        (b"OggS\0\x02", Container.OGG),
        (b"\0\0\0\x1cftypM4A ", Container.MP4),
        (b"\0\0\x10\0moov", Container.MP4),
        (b"\0\0\0\x01mdat", Container.MP4),
        (b"\x1a\x45\xdf\xa3\x9f", Container.MATROSKA),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Container.ASF),
        ((b"\x47" + bytes(187)) * 6, Container.MPEGTS),
        ((b"\0\0\0\0\x47" + bytes(187)) * 6, Container.MPEGTS),
        (b"RIFF\0\0\0\0AVI LIST", Container.AVI),
        (b"FLV\x01\x05\0\0\0\x09", Container.FLV),
        (b"\0\0\x01\xba\x44\0\0\0", Container.MPEGPS),
        (b"\0\0\x01\xba\x21\0\0\0", Container.MPEGPS),
        (MPEG_FRAME * 5, Container.MP3),
        ((MPEG_FRAME[:9] + b"fLaC" + MPEG_FRAME[13:]) * 5, Container.MP3),
        (ID3_TAG + ID3_TAG + bytes(1500) + MPEG_FRAME * 5, Container.MP3),
        (bytes(1 << 17) + MPEG_FRAME * 5, Container.MP3),
        (ADTS_FRAME * 5, Container.ADTS),
        (ID3_TAG + ADTS_FRAME * 5, Container.ADTS),
    ],
)
def test_the_leading_bytes_decide(data: bytes, container: Container) -> None:
    assert sniffed(data).container is container


def test_the_sound_begins_behind_all_tags() -> None:
    assert sniffed(ID3_TAG * 3 + MPEG_FRAME * 5).start == 3 * len(ID3_TAG)


@pytest.mark.parametrize("junk", [b"junk", bytes(60_000), b"\r\nHTTP/1.1 200 OK\r\n\r\n"])
@pytest.mark.parametrize(
    ("data", "container"),
    [
        (b"fLaC\0\0\0\x22", Container.FLAC),
        (b"OggS\0\x02", Container.OGG),
        (b"\x1a\x45\xdf\xa3\x9f", Container.MATROSKA),
        (b"RIFF\0\0\0\0WAVEfmt ", Container.WAV),
        (b"FLV\x01\x05\0\0\0\x09", Container.FLV),
        ((b"\x47" + bytes(187)) * 6, Container.MPEGTS),
    ],
)
def test_junk_in_front_is_skipped_and_kept_from_the_decoder(junk: bytes, data: bytes, container: Container) -> None:
    found = sniffed(junk + data)

    assert found == Sniffed(container, len(junk))
    read_range = examine(found, reader(junk + data), len(junk + data)).read_range
    assert read_range is not None
    assert read_range[0] == len(junk)


def test_id3_tags_in_front_are_left_to_the_demuxers_that_read_them_and_kept_from_all_others() -> None:
    for magic, first in ((b"fLaC\0\0\0\x22", None), (b"\x1a\x45\xdf\xa3\x9f", len(ID3_TAG))):
        data = ID3_TAG + magic
        read_range = examine(sniffed(data), reader(data), len(data)).read_range
        assert (read_range and read_range[0]) == first


def test_a_tag_of_megabytes_is_skipped_and_not_read() -> None:
    read = []

    def read_at(offset: int, size: int) -> bytes:
        read.append(size)
        return (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" if offset == 0 else MPEG_FRAME * 5 if offset > 2**28 else b"")[:size]

    assert sniff(read_at, 2**28 + 10_000).container is Container.MP3
    assert sum(read) < 200_000


LITTLE_ENDIAN = "AU in little-endian order is not supported"
FREE_FORMAT = "MP3 and MP2 in the free format (without a bit rate in their frames) are not supported"
AN_XML = "the source is XML (a playlist, a feed or an error), not audio"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the source is empty"),
        (b"#EXTM3U\n", "the source is a playlist, not audio"),
        (b"\xef\xbb\xbf#EXTM3U\n", "the source is a playlist, not audio"),
        (b"\r\n ffconcat version 1.0", "the source is a playlist, not audio"),
        (b"v=0\r\no=- 0 0", "the source is a playlist, not audio"),
        (b"<MPD>", "the source is a playlist, not audio"),
        (b"<?xml version='1.0'?><MPD>", AN_XML),
        (b"<Error><Code>AccessDenied</Code></Error>", AN_XML),
        (b"\n<!DOCTYPE html>\n<title>404", "the source is a web page, not audio"),
        (b"<HTML><body>", "the source is a web page, not audio"),
        (b'{"error": "no such file"}', "the source is JSON, not audio"),
        (b'[\n  {"id": 1}\n]', "the source is JSON, not audio"),
        (b"PK\x03\x04\x14\0", "the source is a ZIP archive, not audio"),
        (b"\x1f\x8b\x08\0", "the source is a gzip archive, not audio"),
        (b"%PDF-1.7", "the source is a PDF, not audio"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "the source is a picture, not audio"),
        (b"\x89PNG\r\n\x1a\n", "the source is a picture, not audio"),
        (b"MThd\0\0\0\6", "the source is MIDI, not audio"),
        (ID3_TAG + b"<html>", "the source is a web page, not audio"),
        (b"hello", "the source is not audio of a format that can be read"),
        (b"RIFF\0\0\0\0RMID", "the source is MIDI, not audio"),
        (b"RIFF\0\0\0\0CDXA", "the source is not audio of a format that can be read"),
        (b"dns." + bytes(20), LITTLE_ENDIAN),
        ((b"\xff\xfb\x00\xc4" + bytes(600)) * 3, FREE_FORMAT),
        (ID3_TAG + b"\xff\xfd\x00\xc4" + bytes(600) + (b"\xff\xfd\x02\xc4" + bytes(599)) * 2, FREE_FORMAT),
        ((b"\xff\xfb\x00\xc4" + bytes(600)) * 2, "the source is not audio of a format that can be read"),
        (b"\xff\xff\x00\x00" * 2000, "the source is not audio of a format that can be read"),  # PCM without a header
        (b"\xff\xfb\x00\xc4" + bytes(2000), "the source is not audio of a format that can be read"),
        (MPEG_FRAME + bytes(2000), "the source is not audio of a format that can be read"),
        (ID3_TAG, "the source holds nothing but tags, or is cut off within them"),
        (ID3_TAG[:100], "the source holds nothing but tags, or is cut off within them"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(UnsupportedAudioError, match=f"^{re.escape(sentence)}$"):
        sniffed(data)


@pytest.mark.parametrize("junk", [b"\xff\xd8\xff\xe0" + bytes(900), b"<html></html>", b'{"a": 1}'])
def test_sound_behind_what_is_no_sound_is_found(junk: bytes) -> None:
    assert sniffed(junk + MPEG_FRAME * 8).container is Container.MP3


_STARTS = st.sampled_from(
    [
        *(b"", b"RIFF\0\0\0\0WAVE", b"RF64\xff\xff\xff\xffWAVE", b"FORM\0\0\0\0AIFF", b".snd", b"caff", b"OggS\0"),
        *(b"#!AMR\n", b"#!AMR-WB\n", b"\0\0\0\x08ftyp", b"\x1a\x45\xdf\xa3", b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80"),
        *(
            b"ID3\x04\0\0\0\0\0\x01",
            bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
            b"riff\x2e\x91\xcf\x11\xa5\xd6",
        ),
    ]
)


@given(_STARTS, st.binary(max_size=300))
def test_sniffing_is_total(start: bytes, rest: bytes) -> None:
    data = start + rest
    try:
        found = sniffed(data)
    except UnsupportedAudioError:
        return
    assert 0 <= found.start < len(data)


@given(st.sampled_from(Container), _STARTS, st.binary(max_size=300))
@example(Container.WAV, b"RIFF\0\0\0\0WAVE", b"ds64\0\0\0\0")
@example(Container.MP4, b"", struct.pack(">I4sQ", 1, b"mdat", 2**63))
def test_looking_for_the_end_is_total(container: Container, start: bytes, rest: bytes) -> None:
    data = start + rest
    structure = examine(Sniffed(container, 0), reader(data), len(data))
    assert 0 <= structure.begin <= structure.end <= len(data)
