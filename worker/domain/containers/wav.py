"""WAV, RF64 and BW64 (ITU-R BS.2088-1), and RIFX: WAV in big-endian order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from worker.domain.containers.data_end import Samples, find_end
from worker.domain.containers.samples import ByteOrder
from worker.domain.containers.sizes import MAX_CHUNKS, MAX_FILE_BYTES, SLACK_BYTES
from worker.domain.containers.structure import CUT_OFF, Patch, ReadAt, Structure, damaged
from worker.domain.containers.wave_format import (
    FORMAT_BYTES,
    block_bytes,
    misread_codec,
    sample_layout_of,
    unsupported_codec,
)

_UNKNOWN = 0xFFFF_FFFF
BIG_ENDIAN = b"RIFX"
_NOT_IN_A_ROW = damaged("the chunks of the WAV file do not follow each other")


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The sizes in a `ds64` chunk. A placeholder is None in `of_data`, and `patches` make it 0 for the decoder."""

    of_data: int | None = None
    are_there: bool = False
    patches: tuple[Patch, ...] = ()

    @classmethod
    def at(cls, offset: int, content: bytes) -> _Sizes:
        """Read the sizes of the file and of the samples, and how many samples there are, 64 bits each."""
        stated = [int.from_bytes(content[at : at + 8], "little") for at in range(0, 24, 8)]
        patches = [Patch(offset + 8 * index, 8) for index, each in enumerate(stated) if each >= MAX_FILE_BYTES]
        is_known = 0 < stated[1] < MAX_FILE_BYTES and stated[1] != _UNKNOWN
        return cls(stated[1] if is_known else None, are_there=True, patches=tuple(patches))


def examine(read_at: ReadAt, start: int, size: int) -> Structure:
    """Where the sound ends, whatever the header states, and whether it is all there."""
    offset, sizes, layout, codec, block = start + 12, _Sizes(), None, None, 1
    problem = CUT_OFF  # where there is no chunk of samples
    order: ByteOrder = "big" if read_at(start, 4) == BIG_ENDIAN else "little"
    for _ in range(MAX_CHUNKS):
        header = read_at(offset, 8 + FORMAT_BYTES)
        if len(header) < 8:
            break
        kind, length = header[:4], int.from_bytes(header[4:8], order)
        problem = CUT_OFF if _is_name(kind) else _NOT_IN_A_ROW
        if kind == b"ds64":
            sizes = _Sizes.at(offset + 8, header[8:])
        if kind == b"fmt ":
            description = header[8 : 8 + length]
            if (unsupported := unsupported_codec(description)) is not None:
                return Structure(start, size, problem=unsupported)
            layout = sample_layout_of(description, order)
            codec, block = misread_codec(description, layout), block_bytes(description)
        if kind == b"data":
            is_wide = length == _UNKNOWN
            stated = sizes.of_data if is_wide else length
            samples = Samples(offset + 8, stated, layout, is_wide=is_wide, block_bytes=block)
            end = find_end(read_at, samples, size, partial(_behind_chunks, read_at, size, samples.begin, order))
            structure = replace(
                end.as_structure(samples, size),
                codec=codec,
                patches=sizes.patches,
                mends_header=bool(sizes.patches),
            )
            # In an RF64 that was written to a pipe both sizes are unknown, and a decoder would believe one of them.
            is_unknown = is_wide and sizes.are_there and sizes.of_data is None
            return replace(structure, ignores_stated_size=True) if is_unknown else structure
        offset += 8 + length + length % 2
    return Structure(start, size, problem=problem)


def _behind_chunks(read_at: ReadAt, size: int, begin: int, order: ByteOrder, offset: int) -> int:
    """The offset behind the chunks that follow on the samples.

    Some writers forget the byte that fills up a chunk of odd length. A second chunk of samples is not skipped.
    """
    is_odd = (offset - begin) % 2 == 1
    for _ in range(MAX_CHUNKS):
        for at in (offset + 1, offset) if is_odd else (offset,):
            header = read_at(at, 8)
            length = int.from_bytes(header[4:8], order)
            if len(header) == 8 and _is_behind_samples(header[:4]) and at + 8 + length <= size + SLACK_BYTES:
                offset, is_odd = at + 8 + length, length % 2 == 1
                break
        else:
            break
    return min(offset, size)


def _is_behind_samples(name: bytes) -> bool:
    return name not in {b"RIFF", BIG_ENDIAN, b"RF64", b"BW64", b"data"} and _is_name(name)


def _is_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)
