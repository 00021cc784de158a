"""The chunks of Wave64 field by field, with values on both sides of each limit."""

from __future__ import annotations

import math
import struct
from array import array

from tests.support.frames import reader
from worker.domain.containers import w64
from worker.domain.containers.data_end import MORE_SOUND
from worker.domain.containers.structure import CUT_OFF, Structure

SLACK = 64  # bytes, less than a millisecond
RATE_HZ = 8000
FORMAT = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)


def examined(data: bytes) -> Structure:
    return w64.examine(reader(data), 0, len(data))


def tone(samples: int) -> bytes:
    """16 bits, mono."""
    return array("h", [int(9000 * math.sin(n / 3) + 3000 * math.sin(n / 7)) for n in range(samples)]).tobytes()


def in_wave64(name: bytes, content: bytes, *, length: int | None = None) -> bytes:
    stated = 24 + (len(content) if length is None else length)
    return name.ljust(16, b"\xac") + struct.pack("<Q", stated) + content + bytes(-len(content) % 8)


def a_wave64(samples: bytes, *behind: bytes, length: int | None = None) -> bytes:
    head = b"riff".ljust(16, b"\x2e") + bytes(8) + b"wave".ljust(16, b"\xf3")
    return head + in_wave64(b"fmt ", FORMAT) + in_wave64(b"data", samples, length=length) + b"".join(behind)


def test_a_demuxer_gets_the_true_sizes_of_a_wave64_that_states_others() -> None:
    samples, right = tone(4000), a_wave64(tone(4000))[:16] + (8104).to_bytes(8, "little")

    assert examined(right + a_wave64(samples)[24:]).patches == ()
    for data in (
        a_wave64(samples),  # whose file has size 0
        a_wave64(samples)[:16] + b"\xff" * 8 + a_wave64(samples)[24:],
        right + a_wave64(samples, length=(1 << 63) - 1 - 24)[24:],
        right + a_wave64(samples, length=0)[24:],
    ):
        structure = examined(data)
        assert (structure.problem, structure.track_seconds, structure.mends_header) == (None, (0.5,), True)
        patches = {patch.offset: int.from_bytes(patch.content, "little") for patch in structure.patches}
        assert patches == {16: 8104, 96: 8024}
    assert examined(a_wave64(b"")).patches == ()
    assert examined(right + a_wave64(samples, length=4000)[24:]).problem == MORE_SOUND


def test_the_chunks_of_a_wave64_are_padded_to_eight_bytes() -> None:
    for count in (4000, 4001, 4003):
        samples = tone(count)
        for behind in ((), (in_wave64(b"fact", b"x" * 9), in_wave64(b"levl", b"x" * 90))):
            data = a_wave64(samples, *behind)
            structure = examined(data)
            assert (structure.problem, structure.begin, structure.track_seconds) == (None, 104, (count / RATE_HZ,))
            assert structure.end == 104 + 2 * count
    samples = tone(4000)
    assert examined(a_wave64(samples, length=0)).track_seconds == (0.5,)
    assert examined(a_wave64(samples, length=1 << 48)).track_seconds == (0.5,)
    assert examined(a_wave64(samples, length=(1 << 48) - 1)).problem == CUT_OFF
    assert examined(a_wave64(samples, length=8000 + SLACK)).problem is None
    assert examined(a_wave64(samples, length=8001 + SLACK)).problem == CUT_OFF
    assert examined(a_wave64(samples)[:104]).problem == CUT_OFF
    assert examined(a_wave64(samples)[:103]).problem == CUT_OFF
    assert examined(a_wave64(samples, in_wave64(b"fact", b"", length=-1))).problem is None
