"""What a conversion in pieces works with: the source, which may still be coming, and the files that it writes."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

from worker.adapters.ffmpeg.joined_output import piece_path
from worker.adapters.ffmpeg.samples import SampleDigest, Samples
from worker.adapters.shielding import run_shielded
from worker.domain.encoding import Encoding
from worker.domain.splitting.joiner import JoinError
from worker.domain.splitting.pieces import Piece
from worker.ports import ConversionProgress, IncomingSource


@dataclass(frozen=True, slots=True)
class SplitTask:
    """A conversion in pieces. Pieces of an `incoming` source are encoded as they come.

    `encodings` and `paths` are those of its outputs.
    """

    source: Path
    samples: Samples
    encodings: list[Encoding]
    paths: list[Path]
    pieces: list[Piece]
    max_file_bytes: int
    progress: ConversionProgress
    incoming: IncomingSource | None

    async def wait_for_frames(self, end: int) -> None:
        """Wait until the sample frames before this one are in the source's file."""
        if self.incoming is not None:
            await self.incoming.wait_for_more_than(self.samples.offset(end) - 1)

    async def md5(self, stopped: threading.Event) -> bytes:
        """The MD5 of all samples, read as they come; of fewer where `stopped` is set meanwhile.

        Raises JoinError where the source is shorter than its headers say.
        """
        digest = SampleDigest(self.samples)
        while (hashed := digest.hashed) < self.samples.count and not stopped.is_set():
            await self.wait_for_frames(hashed + 1)
            await run_shielded(asyncio.to_thread(digest.update, self.source, stopped))
            if digest.hashed == hashed and not stopped.is_set():
                raise JoinError("the source is shorter than its headers say")
        return digest.md5

    def remove_files(self) -> None:
        """Remove the files of the outputs and of their pieces."""
        for path in self.paths:
            path.unlink(missing_ok=True)
            for piece in self.pieces:
                piece_path(path, piece).unlink(missing_ok=True)
