"""Reading the tags of ASF (ASF specification 01.20.03, sections 3.10, 3.11, 4.7 and 4.8).

Nothing is raised, whatever the bytes are. ffmpeg prints these tags with long lines cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import Collector, Tags

CONTENT_DESCRIPTION = bytes.fromhex("3326b2758e66cf11a6d900aa0062ce6c")
EXTENDED_CONTENT_DESCRIPTION = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
HEADER_EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")
METADATA_LIBRARY = bytes.fromhex("941c23449894d149a1411d134e457054")
_HEADER_BYTES, _OBJECT_BYTES, _EXTENSION_BYTES = 30, 24, 22
_MAX_HEADER_BYTES = 16 << 20  # pictures are there
_MAX_ENTRIES = 5_000
_TEXT, _BOOLEAN, _NUMBERS = 0, 2, {3, 4, 5}
_DESCRIBED = ("TITLE", "ARTIST", "COPYRIGHT", "COMMENT", "")  # the last is a rating, for parents
_TECHNICAL = (  # what names begin with that say how the file was made
    *("WMFSDK", "IsVBR", "WM/Provider", "WM/UniqueFileIdentifier", "WM/MediaClass", "WM/EncodingTime"),
    *("DeviceConformance", "WM/WMContentID", "WM/WMCollection", "WM/Encoded", "WM/EncodingSettings", "WM/Tool"),
    *("PeakValue", "AverageLevel", "ASFLeakyBucket", "WM/MCDI"),
)

# By the names of Windows Media and of MusicBrainz Picard
# (https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html).
_FIELDS = {
    "Description": "COMMENT",
    "WM/AlbumTitle": "ALBUM",
    "WM/AlbumArtist": "ALBUMARTIST",
    "WM/Genre": "GENRE",
    "WM/Year": "DATE",
    "WM/Composer": "COMPOSER",
    "WM/Conductor": "CONDUCTOR",
    "WM/Writer": "LYRICIST",
    "WM/Producer": "PRODUCER",
    "WM/Engineer": "ENGINEER",
    "WM/Mixer": "MIXER",
    "WM/ModifiedBy": "REMIXER",
    "WM/Publisher": "LABEL",
    "WM/CatalogNo": "CATALOGNUMBER",
    "WM/Barcode": "BARCODE",
    "WM/Mood": "MOOD",
    "WM/Language": "LANGUAGE",
    "WM/SubTitle": "SUBTITLE",
    "WM/SetSubTitle": "DISCSUBTITLE",
    "WM/ContentGroupDescription": "GROUPING",
    "WM/Media": "MEDIA",
    "WM/Script": "SCRIPT",
    "WM/TitleSortOrder": "TITLESORT",
    "WM/ArtistSortOrder": "ARTISTSORT",
    "WM/AlbumSortOrder": "ALBUMSORT",
    "WM/AlbumArtistSortOrder": "ALBUMARTISTSORT",
    "WM/ComposerSortOrder": "COMPOSERSORT",
    "WM/OriginalReleaseYear": "ORIGINALYEAR",
    "WM/OriginalAlbumTitle": "ORIGINALALBUM",
    "WM/OriginalArtist": "ORIGINALARTIST",
    "WM/OriginalFilename": "ORIGINALFILENAME",
    "WM/AuthorURL": "WEBSITE",
    "CopyrightURL": "LICENSE",
}


def read_asf(read_at: ReadAt, start: int) -> Tags:
    """The fields of the header that begins at `start`."""
    length = min(int.from_bytes(read_at(start + 16, 8), "little"), _MAX_HEADER_BYTES)
    header = read_at(start, length)
    collector = Collector()
    _collect(islice(_entries(header), _MAX_ENTRIES), collector)
    return collector.tags


def _entries(header: bytes) -> Iterator[tuple[str, int, bytes]]:
    """The name, the type and the value of each tag: in the content description first, wherever it stands."""
    for content in _contents(header, _HEADER_BYTES, CONTENT_DESCRIPTION):
        yield from _described(content)
    for content in _contents(header, _HEADER_BYTES, EXTENDED_CONTENT_DESCRIPTION):
        yield from _extended(content)
    for content in _contents(header, _HEADER_BYTES, HEADER_EXTENSION):
        for library in _contents(content, _EXTENSION_BYTES, METADATA_LIBRARY):
            yield from _of_library(library)


def _contents(data: bytes, offset: int, kind: bytes) -> Iterator[bytes]:
    """The contents of the objects of a kind, among those that follow each other from an offset."""
    while True:
        length = _number(data, offset + 16, 8)
        if not _OBJECT_BYTES <= length <= len(data) - offset:
            return
        if data[offset : offset + 16] == kind:
            yield data[offset + _OBJECT_BYTES : offset + length]
        offset += length


def _described(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    at = 2 * len(_DESCRIBED)
    for number, field in enumerate(_DESCRIBED):
        length = _number(content, 2 * number, 2)
        yield field, _TEXT, content[at : at + length]
        at += length


def _extended(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    at = 2
    for _ in range(_number(content, 0, 2)):
        if at >= len(content):  # the count says more than there is
            return
        name_bytes = _number(content, at, 2)
        name = content[at + 2 : at + 2 + name_bytes]
        at += 2 + name_bytes
        kind, length = _number(content, at, 2), _number(content, at + 2, 2)
        yield _text(name), kind, content[at + 4 : at + 4 + length]
        at += 4 + length


def _of_library(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    at = 2
    for _ in range(_number(content, 0, 2)):
        if at >= len(content):
            return
        name_bytes, kind, length = (_number(content, at + begin, size) for begin, size in ((4, 2), (6, 2), (8, 4)))
        at += 12
        yield _text(content[at : at + name_bytes]), kind, content[at + name_bytes : at + name_bytes + length]
        at += name_bytes + length


def _collect(found: Iterator[tuple[str, int, bytes]], collector: Collector) -> None:
    for name, kind, content in found:
        if name.startswith(_TECHNICAL):
            continue
        if kind == _TEXT:
            collector.add(_FIELDS.get(name, name), _text(content))
        elif kind in _NUMBERS:
            collector.add(_FIELDS.get(name, name), str(_number(content, 0, 8)))
        elif kind == _BOOLEAN:
            collector.add(_FIELDS.get(name, name), str(int(any(content))))


def _text(value: bytes) -> str:
    return value[: len(value) & ~1].decode("utf-16-le", "replace").partition("\0")[0]


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
