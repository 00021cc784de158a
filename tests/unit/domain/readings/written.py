"""What the domain writes into an output: the file afterwards, by its checksum and as it is read again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tests.support.reading import bytes_at
from tests.unit.domain.readings.reading import FILES, TABLE, read
from worker.domain.audio import AudioFormat
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import Picture
from worker.domain.tags.writing import front_of

WRITTEN = TABLE.with_name("written.txt")
_FILES = {
    "bare.mp3": AudioFormat.MP3,
    "tagged.mp3": AudioFormat.MP3,
    "end.m4a": AudioFormat.M4A,
    "cover.m4a": AudioFormat.M4A,
    "alac.m4a": AudioFormat.ALAC,
    "plain.flac": AudioFormat.FLAC,
    "cover.flac": AudioFormat.FLAC,
    "vorbis.ogg": AudioFormat.OGG,
    "opus.ogg": AudioFormat.OPUS,
    "opus.webm": AudioFormat.WEBM,
    "chapters.mka": AudioFormat.WEBM,
    "pcm.wav": AudioFormat.WAV,
    "adpcm.wav": AudioFormat.WAV,
    "pcm.aiff": AudioFormat.AIFF,
    "pcm.caf": AudioFormat.CAF,
}
_TAGS = {
    "TITLE": ("Första", "Second"),
    "ARTIST": ("Änne",),
    "ALBUM": ("Album",),
    "COMMENT": ("A note",),
    "COMPILATION": ("1",),
    "DATE": ("2021-12-31",),
    "DISCNUMBER": ("1",),
    "DISCTOTAL": ("2",),
    "GENRE": ("Rock", "Own"),
    "LYRICS": ("Words\nof two lines",),
    "BPM": ("120",),
    "MUSICBRAINZ_ALBUMID": ("abc",),
    "MUSICBRAINZ_TRACKID": ("def",),
    "PERFORMER": ("V (violin)",),
    "PRODUCER": ("P",),
    "TRACKNUMBER": ("3",),
    "TRACKTOTAL": ("9",),
    "WEBSITE": ("https://artist.example/ö",),
    "OWN FIELD": ("x" * 300,),
}
_PNG = Picture(
    b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000100000001808020000") + bytes(300), "image/png"
)
_JPEG = Picture(b"\xff\xd8\xff\xc0\0\x11\x08\0\x09\0\x07\3" + bytes(70_000), "image/jpeg")
_CHAPTERS = (Chapter(0, "Intro", 0.1), Chapter(0.1, "Ände", 0.25), Chapter(0.25, "x" * 300, 0.4))
_METADATA = {
    "nothing": Metadata(),
    "tags": Metadata(_TAGS),
    "a title": Metadata({"TITLE": ("T",)}),
    "a cover": Metadata(cover=_PNG),
    "chapters": Metadata(chapters=_CHAPTERS),
    "chapters without ends": Metadata(chapters=(Chapter(0.0), Chapter(0.2, "B"))),
    "600 chapters": Metadata(chapters=tuple(Chapter(at / 2000, f"Part {at}", (at + 1) / 2000) for at in range(600))),
    "all": Metadata(_TAGS, _JPEG, _CHAPTERS),
}


def written_table() -> str:
    return "\n".join(_entries())


def _entries() -> Iterator[str]:
    for name, audio_format in _FILES.items():
        data = (FILES / name).read_bytes()
        for what, metadata in _METADATA.items():
            content = _with_front(data, audio_format, metadata)
            yield f"{name} as {audio_format} with {what}: {len(content)} bytes, CRC {zlib.crc32(content):08x}"
            yield "\n".join(f"    {line}" for line in read(content).split("\n"))


def _with_front(data: bytes, audio_format: AudioFormat, metadata: Metadata) -> bytes:
    front = front_of(audio_format, bytes_at(data), len(data), metadata)
    patched = bytearray(data.ljust(front.stop, b"\0"))
    for offset, content in front.patches:
        patched[offset : offset + len(content)] = content
    return front.prefix + bytes(patched[front.start : front.stop])
