"""Which demuxer may read a source: an allow-list, decided by the leading bytes and never by a name.

FFmpeg's own probing would take an upload for a playlist (HLS, ffconcat, SDP, DASH) and read other files through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from worker.domain.containers.frames import ReadAt, adts_frame_bytes, find_chain, mpeg_frame_bytes
from worker.domain.errors import UnsupportedAudioError


class Container(StrEnum):
    """The demuxers that are allowed, by FFmpeg's names."""

    WAV = "wav"  # RF64 and BW64, too
    W64 = "w64"
    AIFF = "aiff"
    AU = "au"
    CAF = "caf"
    FLAC = "flac"
    MP3 = "mp3"
    ADTS = "aac"
    AMR = "amr"
    OGG = "ogg"
    MP4 = "mov"
    MATROSKA = "matroska"
    ASF = "asf"
    MPEGTS = "mpegts"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a source is, and where it begins behind its ID3v2 tags."""

    container: Container
    start: int


_WINDOW_BYTES = 65_536  # MP3s in the wild have padding and junk of some kB before the first frame
_MAX_TAGS = 8
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
_MAGIC = (
    (b"fLaC", Container.FLAC),
    (b"OggS", Container.OGG),
    (b"\x1a\x45\xdf\xa3", Container.MATROSKA),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Container.ASF),
    (b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000"), Container.W64),
    (b".snd", Container.AU),
    (b"caff", Container.CAF),
    (b"#!AMR\n", Container.AMR),
    (b"#!AMR-WB\n", Container.AMR),
)
_PLAYLISTS = (
    b"#EXTM3U",
    b"#EXT-X-",
    b"ffconcat",
    b"v=0",
    b"<MPD",
    b"<?xml",
    b"[playlist]",
    b"<asx",
    b"<ASX",
    b"<smil",
)


def sniff(read_at: ReadAt, size: int) -> Sniffed:
    """Raises UnsupportedAudioError with a sentence for the producer, and nothing else, for any bytes."""
    if size == 0:
        raise UnsupportedAudioError("the source is empty")
    start = _behind_id3(read_at, size)
    window = read_at(start, _WINDOW_BYTES)
    container = _by_magic(window) or _by_frames(window)
    if container is not None:
        return Sniffed(container, start)
    if window.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
        raise UnsupportedAudioError("the source is a playlist, not audio")
    raise UnsupportedAudioError("the source is not audio of a format that can be read")


def _behind_id3(read_at: ReadAt, size: int) -> int:
    """The offset behind the ID3v2 tags, of which there may be several (https://id3.org/id3v2.4.0-structure)."""
    start = 0
    for _ in range(_MAX_TAGS):
        header = read_at(start, 10)
        if len(header) < 10 or not header.startswith(b"ID3") or max(header[6:10]) > 127:
            break
        length = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        start += 10 + length + (10 if header[5] & 0x10 else 0)
    if start >= size:
        raise UnsupportedAudioError("the source holds nothing but tags, or is cut off within them")
    return start


def _by_magic(window: bytes) -> Container | None:
    for magic, container in _MAGIC:
        if window.startswith(magic):
            return container
    form, kind = window[:4], window[8:12]
    if form in {b"RIFF", b"RF64", b"BW64"} and kind == b"WAVE":
        return Container.WAV
    if form == b"FORM" and kind in {b"AIFF", b"AIFC"}:
        return Container.AIFF
    if window[4:8] in _MP4_BOXES:
        return Container.MP4
    return None


def _by_frames(window: bytes) -> Container | None:
    for packet_bytes, sync in ((188, 0), (192, 4), (204, 0)):
        if len(window) >= 5 * packet_bytes and all(window[sync + i * packet_bytes] == 0x47 for i in range(5)):
            return Container.MPEGTS
    mpeg, adts = find_chain(window, mpeg_frame_bytes), find_chain(window, adts_frame_bytes)
    if mpeg is None and adts is None:
        return None
    if adts is None or (mpeg is not None and mpeg < adts):
        return Container.MP3
    return Container.ADTS
