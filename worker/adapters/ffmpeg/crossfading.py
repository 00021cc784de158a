"""Crossfades in a file of joined samples: the end of one part is kept, and mixed with the beginning of the next."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from worker.adapters.disk import NO_SPACE, LocalVolume
from worker.domain.joining import Crossfade, SampleForm
from worker.ports import ConversionProgress

_BLOCK_FRAMES = 8192


class Overlap:
    """The last frames of the samples at `path`, which the next part is mixed with.

    `keep` and `mix_in` block on disk I/O.
    """

    def __init__(self, path: Path, form: SampleForm, crossfade: Crossfade) -> None:
        self._path = path
        self._form = form
        self._crossfade = crossfade
        self._kept = path.with_name(f"{path.name}.ending")
        self._stopped = threading.Event()

    @property
    def size_bytes(self) -> int:
        return self._crossfade.frames * self._form.frame_bytes

    def keep(self) -> None:
        """Copy the frames to another file, so that the next part may be written over them.

        Raises WorkspaceFullError.
        """
        try:
            with self._path.open("rb") as samples, self._kept.open("wb") as kept:
                samples.seek(-self.size_bytes, os.SEEK_END)
                while block := samples.read(_BLOCK_FRAMES * self._form.frame_bytes):
                    kept.write(block)
        except OSError as exc:
            if exc.errno in NO_SPACE:
                raise LocalVolume().full_error(self._path.parent) from exc
            raise

    def mix_in(self, begin_bytes: int, progress: ConversionProgress) -> None:
        """Mix the kept frames into the frames that have been written over them, from `begin_bytes` on.

        `progress` counts the seconds of the crossfade.
        """
        frame_bytes = self._form.frame_bytes
        with self._path.open("r+b") as samples, self._kept.open("rb") as kept:
            done = 0
            while (ending := kept.read(_BLOCK_FRAMES * frame_bytes)) and not self._stopped.is_set():
                place = begin_bytes + done * frame_bytes
                samples.seek(place)
                beginning = samples.read(len(ending))
                samples.seek(place)
                samples.write(self._crossfade.mixed(ending, beginning, self._form.channels, done))
                done += len(ending) // frame_bytes
                progress.seconds_done = done / self._form.rate_hz

    def stop(self) -> None:
        """Make a `mix_in` that runs in another thread return after the block that it is at."""
        self._stopped.set()

    def drop(self) -> None:
        self._kept.unlink(missing_ok=True)
