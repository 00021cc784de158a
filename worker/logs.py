"""Logging: one JSON object a line on standard output; warnings of libraries are written in the same form.

Levels: `error` needs a person, `warning` was handled, `info` is a change of state, `debug` is for developers. A line
never holds a secret and is never longer than what CloudWatch and the awslogs driver keep in one piece. Logging never
stops the work: where standard output is closed, or nobody reads it, lines are dropped.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO

import structlog
from structlog.typing import Processor

from worker import __version__
from worker.adapters.stdout import LineWriter
from worker.domain.redaction import REDACTED, names_a_secret, redact
from worker.events import COMMON_FIELDS, JOB_FIELDS, PLATFORM_FIELDS, SERVICE, TRACE_FIELDS, Event, emit

# An event of CloudWatch may have 256 KB or 1 MB, depending on region and year; log drivers split longer lines.
MAX_LINE_BYTES = 64 * 1024
_MAX_TEXT = 8 * 1024
_MAX_ITEMS = 64
_MAX_DEPTH = 6

_FIRST = (*COMMON_FIELDS, *PLATFORM_FIELDS, *JOB_FIELDS, *TRACE_FIELDS)
_EventDict = MutableMapping[str, Any]


def configure(
    *,
    level: str = "info",
    log_format: str | None = None,
    stream: BinaryIO | None = None,
    identity: Mapping[str, str] = MappingProxyType({}),
    wants_colors: bool = False,
) -> LineWriter:
    """Log to `stream` (standard output) from now on. The default format is console on a terminal, else json.

    Every line has the fields of `identity`, which name this process.

    Returns the writer. It is closed when the process ends; close it earlier to have all lines written by then.
    """
    output = _standard_output() if stream is None else stream
    writer = LineWriter(output)
    atexit.register(writer.close)
    is_console = log_format == "console" or (log_format is None and output.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            partial(_complete, identity),
            _clean,
            _render_for_people(identity, colors=wants_colors and output.isatty()) if is_console else _render_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    _listen_to_libraries()
    sys.excepthook = _on_crash
    threading.excepthook = _on_thread_crash
    return writer


def _standard_output() -> FileIO:
    """Standard output without a buffer: a thread that hangs in a write would keep the lock of Python's own buffer."""
    # Where it was closed before the start, its descriptor may belong to another file by now.
    number = os.open(os.devnull, os.O_WRONLY) if sys.stdout is None else sys.stdout.fileno()
    return FileIO(number, "wb", closefd=False)


def silence() -> None:
    """Log nothing: for commands that print their result on standard output."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    _listen_to_libraries()


# --- from an event to a line -------------------------------------------------------------------------------------


def _complete(identity: Mapping[str, str], _logger: object, _method: str, event: _EventDict) -> Mapping[str, Any]:
    """Add the fields that every line has, and put them first."""
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    event["service"] = SERVICE
    event["version"] = __version__
    event.update(identity)
    first = {name: event.pop(name) for name in _FIRST if name in event}
    return {**first, **event}


def _clean(_logger: object, _method: str, event: _EventDict) -> Mapping[str, Any]:
    """Mask secrets, cut long values, and turn everything into types of JSON."""
    error = event.pop("exc_info", None)
    if error:
        event["exception"] = error if isinstance(error, BaseException) else sys.exc_info()[1]
    return {name: _clean_value(name, value, _MAX_DEPTH) for name, value in event.items()}


def _clean_value(name: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if names_a_secret(name):
        return REDACTED
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseException):
        value = _traceback_of(value) if name == "exception" else str(value)
    if depth > 0 and isinstance(value, Mapping):
        items = list(value.items())[:_MAX_ITEMS]
        return {str(key): _clean_value(str(key), item, depth - 1) for key, item in items}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(name, item, depth - 1) for item in list(value)[:_MAX_ITEMS]]
    text = redact(str(value))
    if len(text) <= _MAX_TEXT:
        return text
    # Of a traceback the end is kept: it has the error.
    return "…" + text[-_MAX_TEXT:] if name == "exception" else text[:_MAX_TEXT] + "…"


def _traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _render_json(_logger: object, _method: str, event: _EventDict) -> tuple[tuple[bytes], dict[str, Any]]:
    line = _to_json(event)
    if len(line) > MAX_LINE_BYTES:
        short = {
            name: value[:512] if isinstance(value, str) else value
            for name, value in event.items()
            if not isinstance(value, list | dict)
        }
        line = _to_json(short | {"truncated": True})
    return (line,), {}


def _to_json(event: Mapping[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace")  # a lone surrogate becomes \udc80, which is JSON's own escape


def _render_for_people(identity: Mapping[str, str], *, colors: bool) -> Processor:
    console = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=28)

    def render(logger: Any, method: str, event: _EventDict) -> tuple[tuple[bytes], dict[str, Any]]:
        for name in ("service", "version", *identity):
            event.pop(name, None)
        return (str(console(logger, method, event)).encode(errors="backslashreplace"),), {}

    return render


# --- warnings of libraries, and crashes ------------------------------------------------------------------------------


class _LibraryHandler(logging.Handler):
    """Writes the warnings of libraries as events."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's wrong format string must not stop the work
            message = str(record.msg)
        error = {"exception": record.exc_info[1]} if record.exc_info else {}
        emit(Event.LIBRARY_LOGGED, logger=record.name, message=message, **error)


def _listen_to_libraries() -> None:
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    root.setLevel(logging.WARNING)  # at debug, HTTP clients log headers and presigned URLs


def _on_crash(kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        emit(Event.WORKER_CRASHED, exception=error)


def _on_thread_crash(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else "unknown"
    emit(Event.BUG_CAUGHT, place=f"thread {name}", exception=arguments.exc_value)
