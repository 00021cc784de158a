"""Sun's and NeXT's AU."""

from __future__ import annotations

from dataclasses import replace

from worker.domain.containers.data_end import Samples, find_end
from worker.domain.containers.samples import SampleLayout
from worker.domain.containers.structure import CUT_OFF, G726_40, Patch, ReadAt, Structure

_UNKNOWN = 0xFFFF_FFFF
_SIZE_AT = 8  # in the header
_G723_40 = 26
_ENCODINGS = {1: ("mulaw", 1), 2: ("int", 1), 3: ("int", 2), 4: ("int", 3), 5: ("int", 4)} | {
    6: ("float", 4),
    7: ("float", 8),
    27: ("alaw", 1),
}


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Where the sound ends: the decoder would play what lies behind it."""
    header = read_at(start, 24)
    if len(header) < 24:
        return Structure(start, size, problem=CUT_OFF)
    offset, length, encoding, rate_hz, channels = (
        int.from_bytes(header[at : at + 4], "big") for at in range(4, 24, 4)
    )
    if encoding == _G723_40:
        return Structure(start, size, problem=G726_40)
    kind, sample_bytes = _ENCODINGS.get(encoding, ("", 0))
    layout = SampleLayout(kind, sample_bytes, channels, "big", rate_hz).if_known()
    samples = Samples(start + offset, None if length == _UNKNOWN else length, layout)
    structure = find_end(read_at, samples, size, lambda at: at).as_structure(samples, size)
    if not structure.ignores_stated_size:
        return structure
    # The demuxer has no option to ignore the stated size, so it is given a header that states none.
    unknown = Patch(start + _SIZE_AT, 4, _UNKNOWN.to_bytes(4, "big"))
    return replace(structure, ignores_stated_size=False, patches=(unknown,))
