"""The header of Opus in an MP4 (https://opus-codec.org/docs/opus_in_isobmff.html, section 4.3.2).

Its numbers have the byte order of MP4. Writers that copy the header of Ogg leave them in the order of Ogg (RFC 7845):
then the demuxer leaves out 0.3 s of sound, and the gain is another. The sample rate tells which order it is.
"""

from __future__ import annotations

import struct

from worker.domain.audio import MAX_RATE_HZ
from worker.domain.containers.mp4_boxes import ENTRY_BYTES, places, places_inside
from worker.domain.containers.structure import Patch

IN_OGGS_ORDER = "the numbers in the MP4's header of Opus have the byte order of Ogg, and were read so"

# The samples to leave out in front, the rate that the sound had before it was encoded, the gain.
_OGGS, _MP4S = struct.Struct("<HIh"), struct.Struct(">HIh")
_MORE_BYTES = {b"\0\1": 16, b"\0\2": 36}  # in descriptions of QuickTime, by their version
_NUMBERS_AT = 2  # behind the version and the number of channels


def mended_opus(index: bytes, begin: int) -> tuple[Patch, ...]:
    """Patches that give such numbers the byte order of MP4, in an index that begins at an offset of the file."""
    patches = []
    for descriptions, end in places_inside(index, 8, len(index), b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        for entry, entry_end in places(index, b"Opus", descriptions + 8, end):
            boxes = entry + ENTRY_BYTES + _MORE_BYTES.get(index[entry + 8 : entry + 10], 0)
            for header, header_end in places(index, b"dOps", boxes, entry_end):
                numbers = index[header + _NUMBERS_AT : header_end][: _OGGS.size]
                if len(numbers) == _OGGS.size and _are_oggs(numbers):
                    patches.append(Patch(begin + header + _NUMBERS_AT, _OGGS.size, _MP4S.pack(*_OGGS.unpack(numbers))))
    return tuple(patches)


def _are_oggs(numbers: bytes) -> bool:
    (_, stated_hz, _), (_, swapped_hz, _) = _MP4S.unpack(numbers), _OGGS.unpack(numbers)
    return bool(stated_hz > MAX_RATE_HZ >= swapped_hz)
