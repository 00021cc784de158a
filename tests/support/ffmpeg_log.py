"""What ffmpeg says on standard error, as it colours it, and what our reader makes of that."""

from __future__ import annotations

from worker.adapters.ffmpeg.log import Log

RESET = "\x1b[0m"
DEMUXER, DECODER, ENCODER, MUXER, FILTER = "0;35", "0;36", "1;36", "1;35", "1;32"
ERROR, WARNING, VERBOSE = "1;31", "0;33", "0;32"


def said(colour: str, name: str, level: str, text: str) -> str:
    """A line of ffmpeg's own, as it colours it."""
    return f"{RESET}\x1b[{colour}m[{name} @ 0x55d0c8e2f1c0] {RESET}\x1b[{level}m{text}\n"


def created(track: int) -> str:
    return said(MUXER, "aost#0:0/copy", VERBOSE, f"Created audio stream from {RESET}\x1b[0;32minput stream 0:{track}")


def log_of(*parts: str) -> Log:
    log = Log()
    for byte in "".join(parts).encode():
        log.feed(bytes([byte]))
    return log
