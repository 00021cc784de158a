"""What all joiners have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from worker.domain.containers.structure import ReadAt

COPY_BYTES = 1 << 20


class JoinError(Exception):
    """The pieces cannot be joined without an audible joint. The source has to be encoded as a whole."""


@dataclass(frozen=True, slots=True)
class EncodedPiece:
    """The file of an encoded piece. Its frames have the numbers that they would have in an encoding of the whole."""

    read_at: ReadAt
    size: int
    samples: int  # of sound in it, at the rate of the output
    first_frame: int  # the number of the first frame in the file
    begin_frame: int  # the first frame that is kept
    end_frame: int | None  # the frame behind the last one that is kept; None: all to the end


class Joiner(Protocol):
    """Makes one file of the pieces, which come in their order. Memory does not grow with their size.

    Where `needs_last` is set, a piece's file has to stay until the bytes of the next one have been read.
    """

    needs_last: ClassVar[bool]

    def add(self, piece: EncodedPiece) -> Iterator[bytes]:
        """Take the next piece, and yield the bytes that follow in the output. Raises JoinError."""

    def finish(self) -> Iterator[bytes]:
        """Yield the last bytes of the output. Raises JoinError."""

    def patches(self) -> list[tuple[int, bytes]]:
        """After `finish`: the bytes that have to be written over others in the output, each with its offset."""


def copied(read_at: ReadAt, begin: int, end: int) -> Iterator[bytes]:
    """The bytes of a range."""
    for offset in range(begin, end, COPY_BYTES):
        yield read_at(offset, min(COPY_BYTES, end - offset))
