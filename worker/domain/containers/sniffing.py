"""Which demuxer may read a source: an allow-list, decided by the leading bytes and never by a name.

FFmpeg's own probing would take an upload for a playlist (HLS, ffconcat, SDP, DASH) and read other files through it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from worker.domain.containers import (
    ac3,
    adts,
    aiff,
    amr,
    ape,
    asf,
    au,
    avi,
    caf,
    dsd,
    dts,
    flac,
    flv,
    gsm,
    matroska,
    mp3,
    mp4,
    mpegps,
    mpegts,
    musepack,
    ogg,
    tta,
    voc,
    w64,
    wav,
    wavpack,
)
from worker.domain.containers.frames import chain_begins, find_chain
from worker.domain.containers.kinds import Container
from worker.domain.containers.stream import JUNK_BYTES
from worker.domain.containers.structure import Examine, ReadAt, Structure
from worker.domain.containers.tags import behind_tags
from worker.domain.errors import UnsupportedAudioError


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The container of a source, and where it begins behind the tags in front."""

    container: Container
    start: int


@dataclass(frozen=True, slots=True)
class ContainerFormat:
    """A container: how people call it, the bytes that it begins with, and the module that examines it.

    `magic` is None for raw streams, which are found by their frames.
    """

    title: str
    magic: re.Pattern[bytes] | None
    examine: Examine


def _magic(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_WINDOW_BYTES = 65_536
SOURCES: dict[Container, ContainerFormat] = {
    Container.WAV: ContainerFormat("WAV, RF64, BW64, RIFX", _magic(rb"(RIFF|RIFX|RF64|BW64)....WAVE"), wav.examine),
    Container.W64: ContainerFormat(
        "Wave64", _magic(rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"), w64.examine
    ),
    Container.AIFF: ContainerFormat("AIFF, AIFF-C", _magic(rb"FORM....AIF[FC]"), aiff.examine),
    Container.AU: ContainerFormat("AU", _magic(rb"\.snd"), au.examine),
    Container.CAF: ContainerFormat("CAF", _magic(rb"caff"), caf.examine),
    Container.FLAC: ContainerFormat("FLAC", _magic(rb"fLaC"), flac.examine),
    Container.OGG: ContainerFormat("Ogg (Vorbis, Opus, FLAC, Speex)", _magic(rb"OggS"), ogg.examine),
    Container.AMR: ContainerFormat("AMR, AMR-WB", _magic(rb"#!AMR(-WB)?\n"), amr.examine),
    Container.MP4: ContainerFormat(
        "MP4, M4A, MOV", _magic(rb"....(ftyp|moov|mdat|free|skip|wide|pnot|styp)"), mp4.examine
    ),
    Container.MATROSKA: ContainerFormat("Matroska, WebM", _magic(rb"\x1a\x45\xdf\xa3"), matroska.examine),
    Container.ASF: ContainerFormat(
        "ASF (WMA)", _magic(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c"), asf.examine
    ),
    Container.MPEGTS: ContainerFormat(
        "MPEG transport stream",
        _magic(rb"(G.{187}){4}G|.{4}(G.{191}){4}G|(G.{203}){4}G"),
        mpegts.examine,
    ),
    Container.MPEGPS: ContainerFormat(
        "MPEG program stream", _magic(rb"\x00\x00\x01\xba[\x20-\x2f\x40-\x7f]"), mpegps.examine
    ),
    Container.AVI: ContainerFormat("AVI", _magic(rb"RIFF....AVI[ X]"), avi.examine),
    Container.FLV: ContainerFormat("FLV", _magic(rb"FLV\x01[\x01\x04\x05]\x00\x00\x00"), flv.examine),
    Container.MP3: ContainerFormat("MP3, MP2, MP1", None, mp3.examine),
    Container.ADTS: ContainerFormat("AAC in ADTS", None, adts.examine),
    Container.WAVPACK: ContainerFormat("WavPack", _magic(rb"wvpk.{4}[\x02-\x10]\x04"), wavpack.examine),
    Container.TTA: ContainerFormat("TTA", _magic(rb"TTA1"), tta.examine),
    Container.MUSEPACK_7: ContainerFormat("Musepack SV7", _magic(rb"MP\+[\x07\x17\x27]"), musepack.examine_7),
    Container.MUSEPACK_8: ContainerFormat("Musepack SV8", _magic(rb"MPCK"), musepack.examine_8),
    Container.APE: ContainerFormat("Monkey's Audio", _magic(rb"MAC "), ape.examine),
    Container.VOC: ContainerFormat("VOC", _magic(rb"Creative Voice File\x1a"), voc.examine),
    Container.DSF: ContainerFormat("DSF (DSD)", _magic(rb"DSD \x1c\0\0\0\0\0\0\0"), dsd.examine_dsf),
    Container.DFF: ContainerFormat("DSDIFF (DSD)", _magic(rb"FRM8.{8}DSD "), dsd.examine_dff),
    Container.AC3: ContainerFormat("AC-3", None, ac3.examine_ac3),
    Container.EAC3: ContainerFormat("E-AC-3", None, ac3.examine_eac3),
    Container.DTS: ContainerFormat("DTS", None, dts.examine),
    # Twelve frames in a row are not chance. Less than a quarter of a second cannot be recognised.
    Container.GSM: ContainerFormat("GSM 06.10", _magic(rb"([\xd0-\xdf].{32}){12}"), gsm.examine),
}
_STREAMS = {
    Container.MP3: mp3.KIND,
    Container.ADTS: adts.KIND,
    Container.AC3: ac3.AC3,
    Container.EAC3: ac3.EAC3,
    Container.DTS: dts.KIND,
}
_FOUND_BEHIND_JUNK = (
    *(Container.WAV, Container.W64, Container.AIFF, Container.CAF, Container.FLAC, Container.OGG, Container.AMR),
    *(Container.MATROSKA, Container.ASF, Container.MPEGTS, Container.MPEGPS, Container.AVI, Container.FLV),
    *(Container.WAVPACK, Container.VOC, Container.DSF, Container.DFF),
)
# Containers whose demuxers accept an ID3 tag in front. Most others end at it.
_READING_ID3 = {Container.FLAC, Container.TTA, Container.W64}
_PLAYLISTS = (
    b"#EXTM3U",
    b"#EXT-X-",
    b"ffconcat",
    b"v=0",
    b"<MPD",
    b"[playlist]",
    b"<asx",
    b"<ASX",
    b"<smil",
)
_XML = (b"<?xml", b"<rss", b"<Error>")
# What is often uploaded, or saved under the name of a sound where the download failed; and sound that FFmpeg lacks.
_REFUSED = {
    "the source is a web page, not audio": re.compile(rb"<!doctype html|<html", re.IGNORECASE),
    "the source is JSON, not audio": re.compile(rb'\{\s*"|\[\s*[\[{"]'),
    "the source is a ZIP archive, not audio": re.compile(rb"PK\x03\x04"),
    "the source is a gzip archive, not audio": re.compile(rb"\x1f\x8b\x08"),
    "the source is a PDF, not audio": re.compile(rb"%PDF-"),
    "the source is a picture, not audio": re.compile(
        rb"\xff\xd8\xff|\x89PNG|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP", re.DOTALL
    ),
    "the source is MIDI, not audio": re.compile(rb"MThd|RIFF.{4}RMID", re.DOTALL),
    "AU in little-endian order is not supported": re.compile(rb"dns\."),
    "MP3 and MP2 in the free format (without a bit rate in their frames) are not supported": re.compile(
        rb"(\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd])[\0-\x0b](.{32,8192}?\1[\0-\x0b]){2}", re.DOTALL
    ),
}


def sniff(read_at: ReadAt, size: int) -> Sniffed:
    """Find the container by the bytes. Raises nothing but UnsupportedAudioError, with a sentence for the producer."""
    if size == 0:
        raise UnsupportedAudioError("the source is empty")
    start = behind_tags(read_at)
    if start >= size:
        raise UnsupportedAudioError("the source holds nothing but tags, or is cut off within them")
    window = read_at(start, _WINDOW_BYTES)
    if (container := _by_magic(window) or _by_first_frames(window)) is not None:
        return Sniffed(container, start)
    text = window.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_PLAYLISTS):
        raise UnsupportedAudioError("the source is a playlist, not audio")
    if text.startswith(_XML):
        raise UnsupportedAudioError("the source is XML (a playlist, a feed or an error), not audio")
    if (behind_junk := _behind_junk(window)) is not None:
        container, offset = behind_junk
        return Sniffed(container, start + offset)
    if (container := _by_frames(read_at, start)) is not None:
        return Sniffed(container, start)
    sentences = (sentence for sentence, pattern in _REFUSED.items() if pattern.match(text))
    raise UnsupportedAudioError(next(sentences, "the source is not audio of a format that can be read"))


def examine(sniffed: Sniffed, read_at: ReadAt, size: int) -> Structure:
    """The structure of a source. Raises nothing, whatever the bytes are."""
    source = SOURCES[sniffed.container]
    structure = source.examine(read_at, sniffed.start, size)
    if sniffed.start == 0 or source.magic is None:
        return structure  # a raw stream's own range says what the decoder may see in front of the frames
    if sniffed.container in _READING_ID3 and read_at(0, 3) == b"ID3":
        return structure
    return replace(structure, read_range=(sniffed.start, structure.read_range[1] if structure.read_range else size))


def _by_magic(window: bytes) -> Container | None:
    return next((name for name, source in SOURCES.items() if source.magic and source.magic.match(window)), None)


def _behind_junk(window: bytes) -> tuple[Container, int] | None:
    """The container that begins first behind junk, and where. Searched are names that cannot stand there by chance."""
    found = []
    for name in _FOUND_BEHIND_JUNK:
        magic = SOURCES[name].magic
        if magic is not None and (match := magic.search(window)):
            found.append((match.start(), name))
    if not found:
        return None
    at, name = min(found)
    return name, at


def _by_first_frames(window: bytes) -> Container | None:
    return next((name for name, kind in _STREAMS.items() if chain_begins(window, 0, kind)), None)


def _by_frames(read_at: ReadAt, start: int) -> Container | None:
    """The raw stream that begins first, behind padding or junk."""
    for length in (_WINDOW_BYTES, JUNK_BYTES):
        window = read_at(start, length)
        begins = [(at, name) for name, kind in _STREAMS.items() if (at := find_chain(window, kind)) is not None]
        if begins:
            return min(begins)[1]
        if len(window) < length:
            break
    return None
