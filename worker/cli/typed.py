"""The values of arguments and options: each function reads one, or says in one line what it must be."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from worker.application.messages.codec import is_text, read_value
from worker.domain.errors import InvalidMessageError
from worker.domain.job import GROUP, JOB_ID, ObjectLocation, is_job_id
from worker.domain.progress import Status

_AGO_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def value_of(kind: Any) -> Callable[[str], Any]:
    """Reads an option's value: a text as it is, anything else as the JSON that a message would have."""

    def read(text: str) -> Any:
        value: Any = text
        if not is_text(kind):
            with suppress(ValueError, RecursionError):
                parsed = json.loads(text)
                json.dumps(parsed, allow_nan=False)  # Python reads NaN, and takes 1e400 for infinity
                value = parsed
        try:
            read_value(kind, value, "")
        except InvalidMessageError as exc:
            raise argparse.ArgumentTypeError(exc.problem) from None
        return value

    return read


def job_id(text: str) -> str:
    if not is_job_id(text):
        raise argparse.ArgumentTypeError(f"a job id is {JOB_ID}")
    return text


def group(text: str) -> str:
    if not GROUP.allows(text):
        raise argparse.ArgumentTypeError(f"a message group is {GROUP}")
    return text


def seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(_ascii(text))
        if 0 < seconds < math.inf:
            return seconds
    raise argparse.ArgumentTypeError("must be a number of seconds above 0")


def count(text: str) -> int:
    with suppress(ValueError):
        count = int(_ascii(text))
        if count > 0:
            return count
    raise argparse.ArgumentTypeError("must be a whole number above 0")


def status(text: str) -> Status:
    with suppress(ValueError):
        return Status(text)
    raise argparse.ArgumentTypeError(f"must be one of {', '.join(Status)}")


def since(text: str) -> datetime:
    """A moment by ISO 8601, in UTC where it names no zone, or how long ago it is, with a minus or without."""
    with suppress(ValueError, OverflowError):
        if text[-1:] in _AGO_SECONDS:
            return datetime.now(UTC) - timedelta(seconds=_ago_seconds(text.removeprefix("-")))
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    raise argparse.ArgumentTypeError("must be a time such as 2026-11-22T20:00Z, or 90m, 12h or 7d")


def _ago_seconds(text: str) -> float:
    """The seconds in a text such as `90m`. Raises ValueError, also for a negative number."""
    seconds = float(_ascii(text[:-1])) * _AGO_SECONDS[text[-1]]
    if seconds < 0:
        raise ValueError(text)
    return seconds


def _ascii(text: str) -> str:
    """The text. Raises ValueError where Python would read digits of other scripts."""
    if not text.isascii():
        raise ValueError(text)
    return text


def base_url(text: str) -> str:
    """A URL, without the path of a probe."""
    with suppress(ValueError):
        parts = urlsplit(text)
        path = parts.path.rstrip("/")
        for probe in ("/health", "/livez", "/readyz"):
            path = path.removesuffix(probe)
        if parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0):
            return f"{parts.scheme}://{parts.netloc}{path}"
    raise argparse.ArgumentTypeError("must be a URL such as http://127.0.0.1:8080")


def bucket(text: str) -> str:
    """`s3://bucket/` and the prefix, of a bucket's name or an address in it."""
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    try:
        ObjectLocation.parse(f"s3://{bucket}/{prefix}worker-doctor")
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{exc}") from None
    return f"s3://{bucket}/{prefix}"
