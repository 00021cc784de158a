"""How far ffmpeg says that it is, by the blocks of `-progress`."""

from __future__ import annotations

_MAX_PROGRESS_LINE_BYTES = 128  # ffmpeg's own are shorter: a name and a number


class ProgressReader:
    """Reads how many seconds of sound are done from the blocks of `-progress`. Lines that are too long are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self.has_ended = False
        self.seconds_done = 0.0

    def feed(self, chunk: bytes) -> bool:
        """Take what was printed; True where it brought a new position."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:_MAX_PROGRESS_LINE_BYTES]
        before = self.seconds_done
        for line in lines:
            key, _, value = line[:_MAX_PROGRESS_LINE_BYTES].partition(b"=")
            if key == b"out_time_us" and value.isdigit():  # N/A and negative values come first
                self.seconds_done = max(self.seconds_done, int(value) / 1e6)
            elif key == b"progress":
                self.has_ended = value == b"end"
        return self.seconds_done > before
