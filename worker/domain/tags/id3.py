"""Reading ID3v2.2, 2.3 and 2.4 (https://id3.org/id3v2.4.0-structure, https://id3.org/id3v2.3.0).

Nothing is raised, whatever the bytes are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from worker.domain.containers.structure import ReadAt
from worker.domain.tags.collecting import MAX_VALUE_BYTES, Collector, Tags
from worker.domain.tags.fields import FRAMES
from worker.domain.tags.genres import genre_names
from worker.domain.tags.pictures import MAX_PICTURE_BYTES

HEADER_BYTES = 10
_MAX_FRAMES = 2_000
_MAX_UNSYNCHRONISED_BYTES = 1 << 24
_MAX_FRAME_BYTES = 4 * MAX_VALUE_BYTES
_MAX_READ_BYTES = 16 * MAX_VALUE_BYTES  # of all frames, as they are once expanded
_MAX_EXPANDED_BYTES = 8 << 20  # by so much may all frames of a tag be longer than in the file
_OF_TEXTS = "TWCUIMG"
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_MUSICBRAINZ = "http://musicbrainz.org"

# Frames of 2.2 have three letters (https://id3.org/id3v2-00). Frames of 2.3 that 2.4 renamed go by the new name.
_NEW_NAMES = (
    "TT1=TIT1 TT2=TIT2 TT3=TIT3 TP1=TPE1 TP2=TPE2 TP3=TPE3 TP4=TPE4 TAL=TALB TCM=TCOM TCO=TCON TCR=TCOP "
    "TRK=TRCK TPA=TPOS TCP=TCMP TBP=TBPM TXT=TEXT TPB=TPUB TKE=TKEY TRC=TSRC TLA=TLAN TMT=TMED TOT=TOAL "
    "TOA=TOPE TOF=TOFN TST=TSOT TSP=TSOP TSA=TSOA TS2=TSO2 TSC=TSOC TXX=TXXX COM=COMM ULT=USLT UFI=UFID "
    "WAR=WOAR WCP=WCOP TEN=TENC TSS=TSSE TLE=TLEN TSI=TSIZ TDY=TDLY TFT=TFLT IPL=TIPL TYE=TYER TDA=TDAT "
    "TIM=TIME TOR=TDOR TORY=TDOR IPLS=TIPL GP1=TIT1 GRP1=TIT1"
)
_RENAMED = dict(pair.split("=") for pair in _NEW_NAMES.split())
_STALE = {"TENC", "TSSE", "TLEN", "TSIZ", "TDLY", "TFLT", "TDEN", "TDTG", "TIME", "TRDA"}
ROLES = {"arranger": "ARRANGER", "engineer": "ENGINEER", "mix": "MIXER", "DJ-mix": "DJMIXER", "producer": "PRODUCER"}
_FIELDS_OF_ROLES = {role.casefold(): field for role, field in ROLES.items()}


class Frame(NamedTuple):
    """A frame by its name in 2.4, its content without unsynchronisation and compression."""

    name: str
    content: bytes


def tag_bytes(header: bytes) -> int:
    """The length of the tag that begins with `header`; 0 where none does."""
    if len(header) < HEADER_BYTES or not header.startswith(b"ID3") or max(header[6:10]) > 127:
        return 0
    return HEADER_BYTES + _syncsafe(header[6:10]) + (10 if header[5] & 0x10 else 0)


def read_id3(read_at: ReadAt, start: int) -> Tags:
    """The fields of the tag at `start`; none where there is none."""
    collector = Collector()
    dates: dict[str, str] = {}
    room = _MAX_READ_BYTES
    for frame in frames_of(read_at, start):
        room -= len(frame.content)
        if room < 0:
            break
        if frame.name in {"TYER", "TDAT"}:
            dates.setdefault(frame.name, "".join(texts_of(frame.content)[:1]))
        else:
            _collect(frame, collector)
    if "TYER" in dates and "DATE" not in collector.tags:
        day = dates.get("TDAT", "")
        collector.add("DATE", dates["TYER"] + (f"-{day[2:]}-{day[:2]}" if len(day) == 4 and day.isdigit() else ""))
    return collector.tags


def frames_of(
    read_at: ReadAt,
    start: int,
    *,
    letters: str = _OF_TEXTS,
    max_bytes: int = _MAX_FRAME_BYTES,
    expanded_bytes: int = _MAX_EXPANDED_BYTES,
) -> Iterator[Frame]:
    """The frames of the tag at `start` whose names begin with one of the letters, but for those above `max_bytes`.

    They end where they are, together, more than `expanded_bytes` longer than in the file, by compression.
    """
    header = read_at(start, HEADER_BYTES)
    if not tag_bytes(header) or not 2 <= header[3] <= 4:
        return
    version, flags = header[3], header[5]
    offset, end = start + HEADER_BYTES, start + HEADER_BYTES + _syncsafe(header[6:])
    if flags & 0x80 and version < 4:  # of the whole tag
        body = read_at(offset, min(end - offset, _MAX_UNSYNCHRONISED_BYTES)).replace(b"\xff\0", b"\xff")
        read_at, offset, end = (lambda at, size: body[at : at + size]), 0, len(body)
    if flags & 0x40 and version > 2:
        extended = read_at(offset, 4)
        offset += _syncsafe(extended) if version == 4 else 4 + int.from_bytes(extended, "big")
    letters_of_name, head_bytes = (3, 6) if version == 2 else (4, 10)
    for _ in range(_MAX_FRAMES):
        head = read_at(offset, head_bytes)
        if len(head) < head_bytes or not _is_name(head[:letters_of_name]):
            return
        length = _frame_bytes(read_at, offset, end, head, version)
        offset += head_bytes
        name = head[:letters_of_name].decode("ascii")
        if offset + length > end:
            return
        if name[0] in letters and length <= max_bytes:
            content = read_at(offset, length)
            content = content if version == 2 else _plain_content(content, version, head[9], flags, max_bytes)
            expanded_bytes -= max(0, len(content) - length)
            if expanded_bytes < 0:
                return
            yield Frame(_RENAMED.get(name, name), content)
        offset += length


def pictures_of_id3(read_at: ReadAt, start: int) -> Iterator[tuple[int, bytes]]:
    """The kind and the content of each picture in the tag at `start`. A link to a picture is none."""
    for name, content in frames_of(read_at, start, letters="AP", max_bytes=MAX_PICTURE_BYTES + (1 << 16)):
        if name == "APIC":
            media_type_bytes = content.find(b"\0", 1) + 1
        elif name == "PIC":
            media_type_bytes = 4
        else:
            continue
        rest = content[media_type_bytes:]
        if rest:
            yield rest[0], _behind_text(content[0], rest[1:])


def _behind_text(encoding: int, content: bytes) -> bytes:
    """What follows a text that ends with a zero, which has two bytes in UTF-16."""
    if encoding not in {1, 2}:
        return content.partition(b"\0")[2]
    end = next((at for at in range(0, len(content), 2) if content[at : at + 2] == b"\0\0"), len(content))
    return content[end + 2 :]


def _frame_bytes(read_at: ReadAt, offset: int, end: int, head: bytes, version: int) -> int:
    """The length of the content of the frame at `offset`, in a tag that ends at `end`."""
    if version == 2:
        return int.from_bytes(head[3:], "big")
    plain, safe = int.from_bytes(head[4:8], "big"), _syncsafe(head[4:8])
    if version == 3 or max(head[4:8]) > 127:
        return plain
    # Older versions of iTunes wrote 2.4 with plain sizes. What follows the frame shows which size is meant.
    are_right = [_can_end(read_at, offset + 10 + length, end) for length in (safe, plain)]
    return plain if are_right == [False, True] else safe


def _can_end(read_at: ReadAt, at: int, end: int) -> bool:
    """Whether a frame may end there: with the tag, before another frame, or before padding."""
    if at > end:
        return False
    name = read_at(at, min(4, end - at))
    return len(name) < 4 or _is_name(name) or name == bytes(4)


def _is_name(name: bytes) -> bool:
    return name.isalnum() and name.isupper()


def _plain_content(content: bytes, version: int, flags: int, flags_of_tag: int, max_bytes: int) -> bytes:
    if version == 3:
        compressed, encrypted, skipped = flags & 0x80, flags & 0x40, (4 if flags & 0x80 else 0) + bool(flags & 0x20)
    else:
        compressed, encrypted, skipped = flags & 0x08, flags & 0x04, (4 if flags & 0x01 else 0) + bool(flags & 0x40)
    if encrypted:
        return b""
    if version == 4 and (flags & 0x02 or flags_of_tag & 0x80):
        content = content.replace(b"\xff\0", b"\xff")
    content = content[skipped:]
    if not compressed:
        return content
    try:
        return zlib.decompressobj().decompress(content, max_bytes)
    except zlib.error:
        return b""


def _collect(frame: Frame, collector: Collector) -> None:
    name, content = frame
    if name in {"TXXX", "COMM", "USLT"}:
        language_bytes = 0 if name == "TXXX" else 3
        description, *values = texts_of(content[:1] + content[1 + language_bytes :]) or [""]
        if name == "USLT":
            collector.add("LYRICS", *values)
        else:
            collector.add(description or ("COMMENT" if name == "COMM" else ""), *values)
    elif name == "UFID":
        owner, _, identifier = content.partition(b"\0")
        if owner.decode("latin-1") == _MUSICBRAINZ:
            collector.add("MUSICBRAINZ_TRACKID", identifier.decode("latin-1"))
    elif name in {"TIPL", "TMCL"}:
        _collect_people(texts_of(content), collector)
    elif name == "TCON":
        collector.add_all("GENRE", (genre for text in filter(None, texts_of(content)) for genre in genre_names(text)))
    elif name.startswith("W") and name in FRAMES:
        collector.add(FRAMES[name], content.decode("latin-1").partition("\0")[0])
    elif name[0] in "TM" and name not in _STALE:
        collector.add(FRAMES.get(name, name), *texts_of(content))


def _collect_people(texts: list[str], collector: Collector) -> None:
    """Collect pairs of a role or an instrument, and a name."""
    for role, name in zip(texts[::2], texts[1::2], strict=False):
        field = _FIELDS_OF_ROLES.get(role.casefold())
        if field:
            collector.add(field, name)
        elif name:
            collector.add("PERFORMER", f"{name} ({role})" if role else name)


def texts_of(content: bytes) -> list[str]:
    """The texts of a frame: an encoding, and strings between zeros; each of UTF-16 may have a byte order mark."""
    if not content or content[0] >= len(_ENCODINGS):
        return []
    encoding = _ENCODINGS[content[0]]
    data = content[1:]
    if encoding.startswith("utf-16"):
        data = data[: len(data) & ~1]
        if encoding == "utf-16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            encoding = _order_of(data)
    texts = data.decode(encoding, "replace").split("\0")
    return [text.strip("\ufeff") for text in (texts[:-1] if len(texts) > 1 and not texts[-1] else texts)]


def _order_of(data: bytes) -> str:
    """The order of UTF-16 whose mark is missing: most texts have letters whose first byte is zero in one of them."""
    return "utf-16-be" if data[::2].count(0) > data[1::2].count(0) else "utf-16-le"


def _syncsafe(size: bytes) -> int:
    number = 0
    for byte in size:
        number = number << 7 | byte & 0x7F
    return number
