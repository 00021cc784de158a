"""Log lines from files or a pipe, as a log tool has kept them: with other lines between, wrapped, or as gzip."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any

from worker.events import SERVICE

# CloudWatch keeps no longer line, and a file of other bytes may have no line breaks at all.
_MOST_BYTES = 1 << 20
_MOST_DIGITS = 18  # what has more is no number of ours, and sums of such numbers may overflow
_GZIP = b"\x1f\x8b"
_INNER = ("log", "message")  # where Docker, Fluent Bit and others keep the line


class LogLines:
    """The lines of workers and gateways in some inputs. `others` counts the lines that are not theirs."""

    def __init__(self) -> None:
        self.others = 0
        self.is_cut_off = False

    def of(self, file: BufferedReader) -> Iterator[Mapping[str, Any]]:
        """The lines of one input; of damaged gzip, those before the damage."""
        try:
            for raw in _bounded(_unpacked(file)):
                line = _parsed(raw)
                if line is not None:
                    yield line
                elif raw.strip():
                    self.others += 1
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.is_cut_off = True


def _unpacked(file: BufferedReader) -> BufferedReader | gzip.GzipFile:
    """The file, unpacked if it is gzip. Its first bytes say that, because a pipe has no name."""
    return gzip.GzipFile(fileobj=file) if file.peek(len(_GZIP)).startswith(_GZIP) else file


def _bounded(file: BufferedReader | gzip.GzipFile) -> Iterator[bytes]:
    """Each line; of one that is too long, the beginning."""
    while raw := file.readline(_MOST_BYTES):
        yield raw
        while len(raw) == _MOST_BYTES and not raw.endswith(b"\n"):
            raw = file.readline(_MOST_BYTES)


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    """The line, without what a log tool put before it, such as a time and the name of a pod. None: it is not ours."""
    begin = raw.find(b"{")
    document = _document(raw[begin:]) if begin >= 0 else None
    if document is not None and "event" not in document:
        inner = next((document[name] for name in _INNER if isinstance(document.get(name), str)), "")
        document = _document(inner)
    is_ours = document is not None and isinstance(document.get("event"), str)
    return document if is_ours and document is not None and document.get("service", SERVICE) == SERVICE else None


def _document(text: bytes | str) -> Mapping[str, Any] | None:
    """The JSON object in the text; None where there is none. Numbers that are not finite, or too long, become None."""
    try:
        document = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= _MOST_DIGITS else None


def _finite(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None
