"""Plain lines on standard output and standard error."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def say(text: str = "") -> None:
    """Write a line of the result to standard output."""
    _write(sys.stdout, text)


def report(text: str) -> None:
    """Write a line about what is happening to standard error."""
    _write(sys.stderr, text)


def complain(text: str) -> None:
    """Write one line about what went wrong to standard error."""
    _write(sys.stderr, "worker: " + " ".join(text.split()))


def _write(stream: object, text: str) -> None:
    print(printable(text), file=stream, flush=True)  # type: ignore[call-overload]


def wants_colors() -> bool:
    """Whether the user's terminal shows colours, and the user has not refused them (https://no-color.org)."""
    return os.environ.get("TERM", "") not in {"", "dumb", "unknown"} and not os.environ.get("NO_COLOR")


def replace_closed_streams() -> None:
    """Put /dev/null in the place of each standard stream that was closed before the start (`2>&-`).

    Python has None there, and `print` takes that for standard output. The next file that is opened would get the
    number of the closed stream, so what a library writes to the stream would end up in that file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in the order of their numbers
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for as long as the process lives


def escape_what_cannot_be_shown() -> None:
    """From now on characters that the encoding of a stream lacks are escaped; by default they raise an exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """The text with control characters escaped: it may hold keys of objects, and anything may be in a key."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in text
    )


def one_line(text: str) -> str:
    """A value as part of one line: a line break in it is escaped as well, so that it cannot look like another line."""
    return printable(text.replace("\n", "\\n"))


def size_text(size_bytes: int) -> str:
    """A size as text, such as `4.8 MB`."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def duration_text(seconds: float) -> str:
    """A duration as text, such as `3:20` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
