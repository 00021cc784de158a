"""How far ffmpeg says that it is, by the blocks of `-progress`."""

from __future__ import annotations

_NO_TIME_US = 1 << 62  # 146,000 years
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
            if key == b"out_time_us":
                self.seconds_done = max(self.seconds_done, _seconds(value))
            elif key == b"progress":
                self.has_ended = value == b"end"
        return self.seconds_done > before


def _seconds(microseconds: bytes) -> float:
    """The position as a number of seconds. 0 for one that ffmpeg does not know yet.

    It prints N/A for it, a negative number, or 2**63 less the time of the first packet: that comes out where it takes
    this time from the least number of 64 bits.
    """
    is_known = microseconds.isdigit() and int(microseconds) < _NO_TIME_US
    return int(microseconds) / 1e6 if is_known else 0.0
