"""What the headers of the commonest sources state of their sound, so that no process has to be started to read them.

Only what can be read exactly has an answer: mono and stereo of PCM in WAV, FLAC, MPEG audio, Opus and Vorbis in Ogg,
and one track of AAC-LC or ALAC in MP4. Codecs go by FFmpeg's names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from worker.domain.containers import mp3
from worker.domain.containers.kinds import Container
from worker.domain.containers.mp4 import top_boxes
from worker.domain.containers.mp4_boxes import (
    AAC_LC,
    AAC_RATES_HZ,
    MAX_INDEX_BYTES,
    audio_configuration,
    child,
    children,
)
from worker.domain.containers.ogg_codecs import HEAD_BYTES, codec_of
from worker.domain.containers.ogg_pages import pages
from worker.domain.containers.sizes import MAX_CHUNKS
from worker.domain.containers.sniffing import Sniffed
from worker.domain.containers.structure import ReadAt, Structure

_PCM_BITS = {
    1: {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"},
    3: {32: "pcm_f32le", 64: "pcm_f64le"},
}
_PCM_LAWS = {6: {8: "pcm_alaw"}, 7: {8: "pcm_mulaw"}}
_PCM = {**_PCM_BITS, **_PCM_LAWS}
_EXTENSIBLE = 0xFFFE
_SUBFORMAT_REST = bytes.fromhex("000000001000800000aa00389b71")  # KSDATAFORMAT_SUBTYPE_PCM and others, behind the tag
_USUAL_MASKS = {1: {0, 4}, 2: {0, 3}}  # none, and those of mono and stereo
_AS_IT_IS = 0x1_0000  # the speed of an edit of MP4, in units of 1/65,536
_MPEG_LAYERS = {1: "mp3", 2: "mp2", 3: "mp1"}  # by the bits of the header
_MPEG_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@dataclass(frozen=True, slots=True)
class StatedSound:
    """What headers state of the only track with sound, which is mono or stereo and begins at 0 on its clock.

    `bits_per_sample` is None for lossy codecs. `seconds` is None where the `Structure` has the length.
    """

    codec: str
    sample_rate_hz: int
    channels: int
    bits_per_sample: int | None = None
    seconds: Fraction | None = None


def stated_sound(sniffed: Sniffed, structure: Structure, read_at: ReadAt, size: int) -> StatedSound | None:
    """What the headers of a source state. None where they do not say it exactly. Raises nothing, for any bytes."""
    read = _READERS.get(sniffed.container)
    if read is None or structure.parts or structure.patches or structure.codec:
        return None
    sound = read(read_at, structure.begin if sniffed.container is Container.MP3 else sniffed.start, size)
    is_usual = sound is not None and sound.channels in _USUAL_MASKS and sound.sample_rate_hz != 0
    has_length = sound is not None and (sound.seconds is not None or len(structure.track_seconds) == 1)
    return sound if is_usual and has_length else None


def first_channels(sniffed: Sniffed, structure: Structure, read_at: ReadAt) -> int | None:
    """How many channels MPEG audio has in its first two frames; None of others, and of what is decoded in parts.

    None where the two differ, as they may where the first one has the encoder's tag and no sound.
    """
    if sniffed.container is not Container.MP3 or structure.parts:
        return None
    frame = mp3.KIND.measure(read_at(structure.begin, mp3.KIND.header_bytes), 0)
    begins = (structure.begin, structure.begin + frame[0]) if frame else ()
    found = {None if sound is None else sound.channels for sound in (_mpeg(read_at, begin, 0) for begin in begins)}
    return found.pop() if len(found) == 1 else None


def _wav(read_at: ReadAt, start: int, _size: int) -> StatedSound | None:
    """Read the only `fmt ` chunk before the samples (WAVEFORMATEX and WAVEFORMATEXTENSIBLE of Windows)."""
    offset, chunks = start + 12, list[bytes]()
    for _ in range(MAX_CHUNKS):
        header = read_at(offset, 8)
        length = int.from_bytes(header[4:], "little")
        if len(header) < 8 or header[:4] == b"data":
            break
        if header[:4] == b"fmt ":
            chunks.append(read_at(offset + 8, min(length, 40)))
        offset += 8 + length + length % 2
    return _pcm(chunks[0]) if len(chunks) == 1 and len(chunks[0]) >= 16 else None


def _pcm(chunk: bytes) -> StatedSound | None:
    tag, channels, rate_hz, align, bits = struct.unpack_from("<HHI4xHH", chunk)
    if tag == _EXTENSIBLE:
        if chunk[26:] != _SUBFORMAT_REST:
            return None
        valid_bits, mask, tag = struct.unpack_from("<HIH", chunk, 18)
        if valid_bits != bits or mask not in _USUAL_MASKS.get(channels, ()):
            return None
    codec = _PCM.get(tag, {}).get(bits)
    if codec is None or align != channels * bits // 8:
        return None
    return StatedSound(codec, rate_hz, channels, bits)


def _flac(read_at: ReadAt, start: int, _size: int) -> StatedSound | None:
    """RFC 9639, section 8.2."""
    head = read_at(start + 4, 22)
    if len(head) < 22 or head[0] & 0x7F:
        return None
    packed = int.from_bytes(head[14:], "big")
    bits = (packed >> 36 & 31) + 1
    return StatedSound("flac", packed >> 44, (packed >> 41 & 7) + 1, bits)


def _mpeg(read_at: ReadAt, begin: int, _size: int) -> StatedSound | None:
    """Read the header of the first frame (ISO 11172-3, section 2.4.2.3)."""
    header = read_at(begin, 4)
    if len(header) < 4:
        return None
    version, layer, rate = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 2 & 3
    if layer not in _MPEG_LAYERS or version not in _MPEG_RATES_HZ or rate == 3:
        return None
    return StatedSound(_MPEG_LAYERS[layer], _MPEG_RATES_HZ[version][rate], 1 if header[3] >> 6 == 3 else 2)


def _ogg(read_at: ReadAt, start: int, _size: int) -> StatedSound | None:
    """Read the first page, where no second stream begins behind it."""
    reading = pages(read_at, start)
    first, second = next(reading, None), next(reading, None)
    if first is None or second is None or second.is_first:
        return None
    head = read_at(first.body, min(HEAD_BYTES, sum(first.lacing)))
    codec = codec_of(head)
    if codec is None or codec.name not in {"Opus", "Vorbis"}:
        return None
    return StatedSound(codec.name.lower(), codec.rate_hz, codec.channels)


def _mp4(read_at: ReadAt, start: int, size: int) -> StatedSound | None:
    """Read the only track (ISO 14496-12), with at most one edit, which leaves out what the encoder put in front."""
    boxes = [box for box in top_boxes(read_at, size, start) if box.kind in {b"moov", b"moof"}]
    if [box.kind for box in boxes] != [b"moov"] or boxes[0].stop - boxes[0].start > MAX_INDEX_BYTES:
        return None
    moov = read_at(boxes[0].start, boxes[0].stop - boxes[0].start)[8:]
    tracks = children(moov, b"trak")
    if len(tracks) != 1 or children(moov, b"mvex") or b"iTunSMPB" in moov:
        return None
    media = child(tracks[0], b"mdia")
    seconds = _mp4_seconds(child(moov, b"mvhd"), child(media, b"mdhd"), child(tracks[0], b"edts", b"elst"))
    if child(media, b"hdlr")[8:12] != b"soun" or seconds is None:
        return None
    return _mp4_sound(child(media, b"minf", b"stbl", b"stsd"), seconds)


def _mp4_seconds(movie: bytes, media: bytes, edits: bytes) -> Fraction | None:
    if len(movie) < 20 or len(media) < 20 or movie[0] or media[0]:  # the version with 32 bits
        return None
    per_second, length = struct.unpack_from(">II", media, 12)
    if edits:
        if len(edits) != 20 or edits[0]:
            return None
        count, length, begin, speed = struct.unpack_from(">IIiI", edits, 4)
        if count != 1 or begin < 0 or speed != _AS_IT_IS:
            return None
        (per_second,) = struct.unpack_from(">I", movie, 12)
    return Fraction(length, per_second) if per_second and length else None


def _mp4_sound(descriptions: bytes, seconds: Fraction) -> StatedSound | None:
    entry = descriptions[8:]
    if descriptions[4:8] != b"\0\0\0\1" or int.from_bytes(entry[:4], "big") != len(entry):
        return None
    if entry[16:18] != b"\0\0":  # of QuickTime
        return None
    if entry[4:8] == b"alac" and len(cookie := child(entry[36:], b"alac")) == 28:
        bits, channels, rate_hz = struct.unpack(">9xB3xB10xI", cookie)
        return StatedSound("alac", rate_hz, channels, bits, seconds=seconds)
    if entry[4:8] == b"mp4a":
        return _aac(audio_configuration(child(entry[36:], b"esds")), seconds)
    return None


def _aac(configuration: bytes, seconds: Fraction) -> StatedSound | None:
    """ISO 14496-3, section 1.6.2.1: AAC-LC without a further band, or with one that is said to be absent."""
    bits = int.from_bytes(configuration[:2], "big")
    rate, rest = bits >> 7 & 15, configuration[2:]
    if len(configuration) < 2 or bits >> 11 != AAC_LC or rate >= len(AAC_RATES_HZ) or bits & 7:
        return None
    if rest.rstrip(b"\0") and rest != b"\x56\xe5\x00":
        return None
    return StatedSound("aac", AAC_RATES_HZ[rate], bits >> 3 & 15, seconds=seconds)


_READERS: dict[Container, Callable[[ReadAt, int, int], StatedSound | None]] = {
    Container.WAV: _wav,
    Container.FLAC: _flac,
    Container.MP3: _mpeg,
    Container.OGG: _ogg,
    Container.MP4: _mp4,
}
