"""Files that are put together from others: joined, tagged, framed or checked in ways that ffmpeg does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from tests.support.adts import frames_of, protected
from tests.support.rare_sounds import APE_TAG, ID3V1, MUSEPACK_8, ape, dff, dsf, gsm

_PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
_TS_PACKET = 188


def composed(made: Mapping[str, bytes]) -> dict[str, bytes]:
    """By name; `made` are those of ffmpeg."""
    bare = made["bare.mp3"]
    return {
        "plain.ape": ape(),
        "tagged.ape": ape() + APE_TAG + ID3V1,
        "plain.dsf": dsf(1),
        "plain.dff": dff(1000),
        "plain.gsm": gsm(16),
        "plain.mpc": MUSEPACK_8,
        "tagged.wv": made["plain.wv"] + APE_TAG,
        "checked.aac": b"".join(protected(frame) for frame in frames_of(made["quick.aac"])[1:]),
        "rates.mp3": bare + made["vbr.mp3"] + bare,
        "channels.mp3": bare + made["stereo.mp3"] + bare,
        "gap.mp3": bare * 3 + bytes(range(60)) + bare * 3 + made["vbr.mp3"],
        "tag-amid.mp3": bare + ID3V1 + _id3(4, _chapters()) + bare + ID3V1 + made["vbr.mp3"],
        "gap.aac": made["plain.aac"] + bytes(range(90)) + made["plain.aac"][200:],
        "rates.aac": made["plain.aac"] + made["fast.aac"],
        "covers.ape": ape()
        + _ape_tag({b"Cover Art (Back)": b"b.png\0" + _PNG, b"Cover Art (Front)": b"f.png\0" + _PNG[:-4]}),
        "chain.ogg": made["vorbis.ogg"] + made["opus.ogg"],
        "wide.mp4": _with_wide_data(made["end.m4a"]),
        "timed.m2ts": b"".join(struct.pack(">I", at) + made["aac.ts"][at:][:_TS_PACKET] for at in _packets(made)),
        "checked.ts": b"".join(made["aac.ts"][at:][:_TS_PACKET] + bytes(range(16)) for at in _packets(made)),
        "id3v22.mp3": _id3(2, _old_frames()) + bare,
        "id3v23.mp3": _id3(3, _frames_of_23(), flags=0x80) + bare,
        "id3v24.mp3": _id3(4, _frames_of_24()) + bare + ID3V1,
        "footer.mp3": _with_footer(_id3(4, _chapters())) + bare,
        "utf16.mp3": _id3(3, _frames_in_utf_16()) + bare,
        "ape-in-front.mp3": _id3(4, _frame(b"TIT2", b"\3A")) + _ape_in_front() + bare,
        "nero.m4a": made["chapters.m4a"].replace(b"chap", b"none"),
        "id3v24.aac": _id3(4, _chapters()) + made["plain.aac"],
    }


def _ape_tag(items: Mapping[bytes, bytes]) -> bytes:
    body = b"".join(struct.pack("<II", len(value), 2) + name + b"\0" + value for name, value in items.items())
    body += struct.pack("<II", 7, 0) + b"Artist\0One\0Two"
    return body + b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, len(items) + 1, 0) + bytes(8)


def _ape_in_front() -> bytes:
    item = struct.pack("<II", 3, 0) + b"Album\0One"
    counts = struct.pack("<III", 2000, len(item) + 32, 1)
    footer = b"APETAGEX" + counts + struct.pack("<I", 0x80000000) + bytes(8)
    return b"APETAGEX" + counts + struct.pack("<I", 0xA0000000) + bytes(8) + item + footer


def _packets(made: Mapping[str, bytes]) -> range:
    return range(0, len(made["aac.ts"]), _TS_PACKET)


def _with_wide_data(data: bytes) -> bytes:
    """ffmpeg leaves eight bytes free in front of `mdat`, where the long form of its size goes."""
    at = data.index(b"mdat") - 4
    assert data[at - 8 : at] == b"\0\0\0\x08free"
    (size,) = struct.unpack(">I", data[at : at + 4])
    return data[: at - 8] + struct.pack(">I4sQ", 1, b"mdat", size + 8) + data[at + 8 :]


def _id3(version: int, frames: bytes, flags: int = 0) -> bytes:
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, flags]) + size + frames


def _with_footer(tag: bytes) -> bytes:
    return tag[:5] + b"\x10" + tag[6:] + b"3DI" + tag[3:5] + b"\x10" + tag[6:10]


def _frame(name: bytes, content: bytes, flags: bytes = b"\0\0") -> bytes:
    return name + len(content).to_bytes(4, "big") + flags + content


def _old_frames() -> bytes:
    frames = {b"TT2": b"\0Title", b"COM": b"\0eng\0Note", b"TRK": b"\x003/12", b"TCP": b"\x001", b"TCO": b"\0(17)"}
    frames |= {b"PIC": b"\0PNG\3\0" + _PNG, b"TXX": b"\0BARCODE\x00123", b"ULT": b"\0eng\0Words"}
    return b"".join(name + len(content).to_bytes(3, "big") + content for name, content in frames.items())


def _frames_of_23() -> bytes:
    """Unsynchronised: a zero behind each byte of ones."""
    frames = _frame(b"TIT2", b"\x01\xff\xfe\xff\0x\0") + _frame(b"TYER", b"\0002021") + _frame(b"TDAT", b"\0003112")
    frames += _frame(b"TALB", struct.pack(">I", 6) + zlib.compress(b"\0Album"), b"\0\x80")
    frames += _frame(b"TPE1", b"\0One/Two") + _frame(b"TCON", b"\0(17)(RX)Own") + _frame(b"IPLS", b"\0mix\0Name")
    frames += _frame(b"APIC", b"\0image/png\0\3\0" + _PNG) + _frame(b"USLT", b"\0eng\0Words")
    return frames.replace(b"\xff", b"\xff\0") + bytes(30)


def _frames_in_utf_16() -> bytes:
    def words(text: str) -> bytes:
        return text.encode("utf-16")

    frames = _frame(b"TALB", b"\1" + words("Ålbum")) + _frame(
        b"COMM", b"\1eng" + words("of") + b"\0\0" + words("Note")
    )
    frames += _frame(b"APIC", b"\1image/png\0\3" + words("Front\u0100") + b"\0\0" + _PNG)
    return (
        frames
        + _frame(b"WOAR", b"https://artist.example\0more")
        + _frame(b"TXXX", b"\1" + words("A") + b"\0\0" + words("B"))
    )


def _frames_of_24() -> bytes:
    frames = _frame(b"TIT2", b"\3First\0Second") + _frame(b"TDRC", b"\0032021-12-31") + _frame(b"TRCK", b"\0033/9")
    frames += _frame(b"TALB", bytes(4) + zlib.compress(b"\x03Album"), b"\0\x09")
    frames += _frame(b"TPE2", b"\x01band", b"\0\x04") + _frame(b"TPE3", b"\x40\3Leader", b"\0\x40")
    frames += _frame(b"TIPL", b"\3producer\0P\0DJ-mix\0D") + _frame(b"TMCL", b"\3violin\0V")
    frames += _frame(b"TXXX", b"\3MusicBrainz Album Id\0abc") + _frame(b"UFID", b"http://musicbrainz.org\0id")
    frames += _frame(b"COMM", b"\3eng\0A note") + _frame(b"COMM", b"\3engiTunNORM\0 0000")
    return frames + _frame(b"APIC", b"\3image/png\0\3Front\0" + _PNG) + _chapters() + bytes(12)


def _chapters() -> bytes:
    def chapter(name: bytes, begin: int, end: int, title: bytes) -> bytes:
        times = struct.pack(">IIII", begin, end, 0xFFFFFFFF, 0xFFFFFFFF)
        return _frame(b"CHAP", name + b"\0" + times + _frame(b"TIT2", b"\3" + title))

    contents = _frame(b"CTOC", b"toc\0\3\2one\0two\0")
    return contents + chapter(b"one", 0, 200, b"Intro") + chapter(b"two", 200, 400, "Ände".encode())
