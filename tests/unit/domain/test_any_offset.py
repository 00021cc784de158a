"""What a container's module says of a file depends neither on where the file begins nor on tags in front of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support import rare_sounds
from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import SOURCES, sniff
from worker.domain.containers.structure import Patch, Structure

FRONT_BYTES = 1001
MADE = (
    *("plain.wav", "rf64.wav", "plain.w64", "plain.aiff", "plain.caf", "alac.caf", "plain.au", "plain.flac"),
    *("plain.mp3", "bare.mp3", "plain.aac", "plain.amr", "plain.ogg", "plain.opus", "plain.webm", "live.webm"),
    *("plain.wma", "plain.ts", "plain.flv", "plain.avi", "video.avi", "video.mpg", "plain.wv", "plain.tta"),
    *("plain.ac3", "plain.eac3", "plain.dts", "plain.voc", "end.m4a", "front.m4a", "fragmented.m4a"),
)
BUILT = {
    "dsf": rare_sounds.dsf(),
    "dff": rare_sounds.dff(),
    "ape": rare_sounds.ape(),
    "gsm": rare_sounds.gsm(),
    "mpc8": rare_sounds.MUSEPACK_8,
    "mpc7": rare_sounds.musepack_7(100),
}
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "whole": lambda data: data,
    "cut": lambda data: data[: len(data) * 3 // 4 | 1],
    "lacks a piece": lambda data: data[: len(data) // 2] + data[len(data) * 6 // 10 :],
    "with zeros in it": lambda data: (
        data[: len(data) // 2] + bytes(len(data) // 10) + data[len(data) // 2 + len(data) // 10 :]
    ),
    "with junk behind": lambda data: data + b"junk" * 99,
    "with zeros behind": lambda data: data + bytes(999),
    "joined to itself": lambda data: data + data,
}


def content(name: str) -> bytes:
    return BUILT[name] if name in BUILT else sound(name).read_bytes()


def examined(container: Container, data: bytes, start: int) -> Structure:
    return SOURCES[container].examine(reader(data), start, len(data))


def moved(structure: Structure, by: int) -> Structure:
    """The same structure of a file that begins so many bytes sooner. A range that reaches to the front is kept."""

    def place(offset: int) -> int:
        return offset - by if offset else 0

    visible = structure.read_range
    return replace(
        structure,
        begin=structure.begin - by,
        end=structure.end - by,
        read_range=None if visible is None else (place(visible[0]), visible[1] - by),
        patches=tuple(Patch(each.offset - by, each.length, each.content) for each in structure.patches),
        parts=tuple(moved(part, by) for part in structure.parts),
    )


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", [*MADE, *BUILT])
def test_a_file_behind_a_tag_is_judged_as_it_is_alone(name: str, change: str) -> None:
    whole = content(name)
    container = sniff(reader(whole), len(whole)).container
    data = CHANGES[change](whole)

    behind = moved(examined(container, b"\xaa" * FRONT_BYTES + data, FRONT_BYTES), FRONT_BYTES)
    alone = examined(container, data, 0)

    assert replace(behind, read_range=None) == replace(alone, read_range=None)
    assert (behind.read_range or (0, len(data)))[1] == (alone.read_range or (0, len(data)))[1]
