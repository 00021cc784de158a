"""What the domain reads from a file's bytes, as text; and what is done to a file before it is read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from random import Random

from tests.support.reading import bytes_at
from worker.domain.containers.sniffing import examine, sniff
from worker.domain.containers.stated import stated_sound
from worker.domain.containers.structure import Structure
from worker.domain.errors import UnsupportedAudioError
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.reading import read_metadata

FILES = Path(__file__).with_name("files")
TABLE = Path(__file__).with_name("table")

_FRONT_BYTES = 160  # each of which is changed
_TAIL_BYTES = 32
_ELSEWHERE = 140  # bytes between them
_FEW = 10
_ID3 = b"ID3\x04\0\0\0\0\0\x15TIT2\0\0\0\x07\0\0\x03A titl\0\0\0\0"


def read(data: bytes) -> str:
    """The container, the structure and the metadata, or why the file is refused."""
    read_at, size = bytes_at(data), len(data)
    try:
        sniffed = sniff(read_at, size)
    except UnsupportedAudioError as error:
        return f"refused: {error}"
    structure = examine(sniffed, read_at, size)
    if structure.problem:
        return f"refused: {structure.problem}"
    lines = [f"{sniffed.container} at {sniffed.start}: {_structure(structure)}"]
    if (stated := stated_sound(sniffed, structure, read_at, size)) is not None:
        lines.append(f"stated: {stated}")
    lines.extend(_metadata(read_metadata(sniffed, read_at, size)))
    return "\n".join(lines)


def _structure(structure: Structure) -> str:
    """Without the fields that are as in most files."""
    plain = Structure(structure.begin, structure.end)
    told = [f"{structure.begin} to {structure.end}"]
    for name in (field.name for field in fields(structure)[2:]):
        value = getattr(structure, name)
        if name == "parts" and value:
            told.append(f"parts ({'; '.join(map(_structure, value))})")
        elif value != getattr(plain, name):
            told.append(f"{name} {value}")
    return ", ".join(told)


def _metadata(metadata: Metadata) -> Iterator[str]:
    if metadata.tags:
        yield f"tags: {dict(sorted(metadata.tags.items()))}"
    if metadata.cover is not None:
        content = metadata.cover.content
        yield f"cover: {metadata.cover.media_type}, {len(content)} bytes, CRC {zlib.crc32(content):08x}"
    if len(metadata.chapters) > _FEW:
        yield f"{len(metadata.chapters)} chapters, CRC {zlib.crc32(repr(metadata.chapters).encode()):08x}"
        return
    for chapter in metadata.chapters:
        yield f"chapter: {chapter}"


def changed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each change by its name, and the bytes after it. The same for the same bytes."""
    chance = Random(len(data))
    yield "whole", data
    for part in range(1, 10):
        yield f"cut at {part}0 %", data[: len(data) * part // 10]
    for missing in (1, 2, 4, 8, 17, 40):
        yield f"last {missing} missing", data[:-missing]
    yield from _with_more(data, chance)
    for at in _places(data, chance):
        yield _with_byte(data, at)
    for _ in range(4):
        begin = chance.randrange(len(data) * 9 // 10)
        length = chance.choice((1, 4, 33, len(data) // 10))
        yield f"{length} at {begin} deleted", data[:begin] + data[begin + length :]
        yield f"{length} at {begin} zeroed", data[:begin] + bytes(length) + data[begin + length :]
        yield f"{length} at {begin} twice", data[: begin + length] + data[begin:]


def _with_more(data: bytes, chance: Random) -> Iterator[tuple[str, bytes]]:
    noise = bytes(chance.randrange(1, 255) for _ in range(700))
    for count in (1, 3, 600):
        yield f"{count} zeros behind", data + bytes(count)
    yield "noise behind", data + noise
    yield "noise in front", noise[:100] + data
    yield "zeros in front", bytes(1000) + data
    yield "ID3 in front", _ID3 + data
    yield "ID3v1 behind", data + b"TAG" + b"A title".ljust(125, b"\0")
    yield "twice", data + data
    yield "its half behind", data + data[: len(data) // 2]
    yield "its half in front", data[: len(data) // 2] + data


def _places(data: bytes, chance: Random) -> Sequence[int]:
    elsewhere = range(_FRONT_BYTES, max(_FRONT_BYTES, len(data) - _TAIL_BYTES))
    chosen = chance.sample(elsewhere, min(_ELSEWHERE, len(elsewhere)))
    tail = range(max(_FRONT_BYTES, len(data) - _TAIL_BYTES), len(data))
    return [*range(min(_FRONT_BYTES, len(data))), *sorted(chosen), *tail]


def _with_byte(data: bytes, at: int) -> tuple[str, bytes]:
    """The byte changed in one of five ways, which take turns."""
    old = data[at]
    new = (old ^ 1, old ^ 0x80, (old + 1) % 256, 0 if old else 0xFF, (old - 1) % 256)[at % 5]
    return f"{at}: {old:02x} to {new:02x}", data[:at] + bytes([new]) + data[at + 1 :]


def table_of(data: bytes) -> str:
    """The readings of a file and its changes: each once, with the changes that lead to it."""
    changes: dict[str, list[str]] = {}
    for name, content in changed(data):
        changes.setdefault(read(content), []).append(name)
    whole, *others = changes.items()
    first = f"{whole[0]}\n    whole, and {len(whole[1]) - 1} changes\n"
    return "\n".join([first, *(f"{reading}\n{_indented(names)}\n" for reading, names in others)])


def _indented(names: Sequence[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > 110:
            lines.append("")
        lines[-1] += f"{name}, " if name != names[-1] else name
    return "\n".join(f"    {line.rstrip()}" for line in lines)
