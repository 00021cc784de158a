"""What all joiners have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from worker.domain.containers.structure import ReadAt

COPY_BYTES = 1 << 20


class JoinError(Exception):
    """The pieces cannot be joined so that nobody hears it. The source has to be encoded as a whole."""


@dataclass(frozen=True, slots=True)
class EncodedPiece:
    """A piece's file. Frames are counted as one encoder would count them that encodes all of the source."""

    read_at: ReadAt
    size: int
    samples: int  # of sound in it, at the rate of the output
    first_frame: int  # that of its own first frame
    begin_frame: int  # from here on it is kept
    end_frame: int | None  # up to here it is kept; None: to its end


class Joiner(Protocol):
    """Makes one file of the pieces, which come in their order. Memory does not grow with their size.

    `needs_last`: a piece's file has to be there until the bytes of the next one have been read.
    """

    needs_last: ClassVar[bool]

    def add(self, piece: EncodedPiece) -> Iterator[bytes]:
        """The bytes that follow in the file.

        Raises JoinError.
        """

    def finish(self) -> Iterator[bytes]:
        """The last bytes. Raises JoinError."""

    def patches(self) -> list[tuple[int, bytes]]:
        """Behind the end: what is to be written at which offset of the file."""


def copied(read_at: ReadAt, begin: int, end: int) -> Iterator[bytes]:
    """The bytes of a range."""
    for offset in range(begin, end, COPY_BYTES):
        yield read_at(offset, min(COPY_BYTES, end - offset))
