"""What a frame of MPEG audio layer III says of its bytes (section 2.4.1.7 of ISO 11172-3 and of 13818-3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SideInformation:
    """What the header and the side information of a frame say.

    `reach` is how many bytes of its sound lie before the frame, in those parts of earlier frames that hold sound (the
    bit reservoir). `body` is where that part begins in this frame. `windows` are the window's shapes: two frames
    whose halves overlap only fit where their shapes do.
    """

    reach: int
    body: int
    windows: tuple[int, ...]


def side_information(frame: bytes) -> SideInformation:
    is_mpeg1 = frame[1] >> 3 & 3 == 3
    channels = 1 if frame[3] >> 6 == 3 else 2
    begin = 4 if frame[1] & 1 else 6  # behind the header, and a checksum
    length = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}[is_mpeg1, channels]
    bits, count = int.from_bytes(frame[begin : begin + length], "big"), 8 * length

    def field(at: int, size: int) -> int:
        return bits >> (count - at - size) & ((1 << size) - 1)

    if is_mpeg1:
        reach, at, step, granules = field(0, 9), 9 + (5 if channels == 1 else 3) + 4 * channels, 59, 2
    else:
        reach, at, step, granules = field(0, 8), 8 + channels, 63, 1
    switching = 33 if is_mpeg1 else 38  # of a channel's fields: a flag, the window's type, whether it is mixed
    shapes = [field(at + number * step + switching, 4) for number in range(granules * channels)]
    return SideInformation(reach, begin + length, tuple(shape if shape & 8 else 0 for shape in shapes))
