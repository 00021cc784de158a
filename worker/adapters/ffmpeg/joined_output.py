"""The files of pieces, and the output that is made of them."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from worker.adapters.disk import NO_SPACE, LocalVolume
from worker.adapters.ffmpeg.files import bytes_at
from worker.domain.audio import AudioFormat
from worker.domain.encoding import Encoding
from worker.domain.splitting.joiner import EncodedPiece, Joiner, JoinError
from worker.domain.splitting.mp3 import Mp3Joiner
from worker.domain.splitting.mp4 import Mp4Joiner
from worker.domain.splitting.opus import OpusJoiner
from worker.domain.splitting.pieces import Piece, framing_of
from worker.domain.tags.flac import flac_in_front
from worker.domain.tags.metadata import Metadata

_WRITTEN_BYTES = 1 << 20


@dataclass(slots=True)
class JoinedOutput:
    """An output that is made of pieces. `rate_hz` is the source's sample rate, at which the pieces' places count."""

    path: Path
    encoding: Encoding
    rate_hz: int
    joiner: Joiner
    samples: int = 0  # at the output's rate
    _files: list[BinaryIO] = field(default_factory=list)

    def path_of(self, piece: Piece) -> Path:
        return piece_path(self.path, piece)

    def add(self, piece: Piece, samples: int) -> None:
        """Append the next piece, which has so many samples, to the output, and remove its file.

        Raises JoinError, WorkspaceFullError.
        """
        with self._writing("wb" if piece.number == 0 else "ab") as output:
            file = self.path_of(piece).open("rb")
            self._files.append(file)
            self.path_of(piece).unlink()  # its bytes can be read as long as it is open
            first = self._frame(piece.given_begin)
            encoded = EncodedPiece(
                partial(bytes_at, file.fileno()),
                os.fstat(file.fileno()).st_size,
                samples,
                first,
                self._frame(piece.begin),
                None if piece.is_last else self._frame(piece.end),
            )
            _write(output, _checked(self.joiner.add(encoded)))
            self.samples = first * self._frame_samples + samples
            while len(self._files) > self.joiner.needs_last:
                self._files.pop(0).close()

    def finish(self) -> None:
        """Write the end of the output, and then what its front has to say of the whole.

        Raises JoinError, WorkspaceFullError.
        """
        with self._writing("ab") as output:
            _write(output, _checked(self.joiner.finish()))
        with self._writing("r+b") as output:
            for offset, content in self.joiner.patches():
                output.seek(offset)
                output.write(content)

    def close(self) -> None:
        while self._files:
            self._files.pop().close()

    def bytes_while_joined(self, piece: Piece, pieces: Iterable[Piece]) -> int:
        """How many bytes of the output's own disk space are taken while the piece is joined.

        These are the output as far as it is written, the files of all `pieces`, removed files that are still open, and
        the size of the piece once more, because it is copied.
        """
        paths = [self.path, self.path_of(piece), *map(self.path_of, pieces)]
        open_bytes = sum(os.fstat(file.fileno()).st_size for file in self._files)
        return open_bytes + sum(path.stat().st_size for path in paths if path.exists())

    @property
    def _frame_samples(self) -> int:
        framing = framing_of(self.encoding)
        if framing is None:
            raise JoinError(f"{self.encoding.format} is not joined")
        return framing.samples

    def _frame(self, sample: int) -> int:
        """The number of the output's frame that begins with this sample of the source. Pieces begin where one does."""
        return sample * self.encoding.sample_rate_hz // self.rate_hz // self._frame_samples

    @contextmanager
    def _writing(self, mode: str) -> Iterator[BinaryIO]:
        try:
            with self.path.open(mode) as file:
                yield file  # type: ignore[misc]
        except OSError as exc:
            if exc.errno in NO_SPACE:
                raise LocalVolume().full_error(self.path.parent) from exc
            raise


def piece_path(output: Path, piece: Piece) -> Path:
    """Where a piece of this output lies until it has been joined."""
    return output.with_name(f"{output.name}.piece-{piece.number}")


def joiner_for(encoding: Encoding) -> Joiner:
    """The joiner of a format whose pieces have all that the whole needs. Raises JoinError for others."""
    framing = framing_of(encoding)
    match encoding.format:
        case AudioFormat.MP3 if framing is not None:
            return Mp3Joiner(framing.samples)
        case AudioFormat.ALAC if framing is not None:
            return Mp4Joiner(framing.samples)
        case AudioFormat.OPUS:
            return OpusJoiner(encoding.sample_rate_hz)
    raise JoinError(f"{encoding.format} is not joined")


def read_flac_header(path: Path) -> bytes:
    """Return the bytes before the first frame of a FLAC file, and remove the file."""
    with path.open("rb") as file:
        _, offset = flac_in_front(partial(bytes_at, file.fileno()), Metadata())
        header = file.read(offset)
    path.unlink()
    return header


def _checked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks. Raises JoinError where a piece is not what its encoder writes: it is truncated, for example."""
    try:
        yield from chunks
    except (struct.error, LookupError, ValueError, OverflowError) as exc:
        raise JoinError("a piece is not what its encoder writes") from exc


def _write(output: BinaryIO, chunks: Iterator[bytes]) -> None:
    waiting, size = [], 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _WRITTEN_BYTES:
            output.write(b"".join(waiting))
            waiting, size = [], 0
    output.write(b"".join(waiting))
