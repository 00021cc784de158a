"""What a message asks for: one source, one or more outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.domain.audio import AudioFormat

# What a job's id may be, and the same in words that follow "must be".
_JOB_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
JOB_ID_RULE = "1 to 128 of A-Z a-z 0-9 . _ -"
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._-]+")
_READABLE_CHARACTERS = 80

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LOCATION = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """An object's bucket and key. The key is taken as it stands: nothing is unquoted."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> ObjectLocation:
        """Read `s3://bucket/key`. Raises ValueError with a sentence that says what is wrong."""
        match = _LOCATION.fullmatch(url)
        if match is None:
            raise ValueError("must be s3://bucket/key")
        if not _BUCKET.fullmatch(match["bucket"]):
            raise ValueError("the bucket's name must be 3 to 63 of a-z 0-9 . -")
        try:
            key_bytes = match["key"].encode()
        except UnicodeEncodeError:
            raise ValueError("the key is not valid Unicode") from None
        if len(key_bytes) > MAX_KEY_BYTES:
            raise ValueError(f"the key is longer than {MAX_KEY_BYTES} bytes")
        return cls(match["bucket"], match["key"])

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output that is asked for. What is None is kept from the source, or the format's default."""

    target: ObjectLocation
    format: AudioFormat
    bitrate_kbps: int | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A valid message. `job_id` is the idempotency key, chosen by the producer."""

    job_id: str
    source: ObjectLocation
    outputs: tuple[OutputSpec, ...]


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None


def readable_id_part(key: str) -> str:
    """What a job's id may show of an object's key: its name without the extension, in the characters of an id."""
    stem = stem_of(key.rstrip("/").rpartition("/")[2])
    return _NOT_IN_AN_ID.sub("-", stem)[:_READABLE_CHARACTERS].strip("-.") or "job"


def stem_of(name: str) -> str:
    """A file's name without its last extension; all of it where there is none."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name
