"""Where the objects of a stream lie beneath its target, and which of them an object may be.

`master.m3u8` lies directly beneath the target. All else lies in a directory of the attempt that made it, which lies in
one of its job. So no attempt writes where another has written, and none deletes what a later one writes.
"""

from __future__ import annotations

import hashlib
import re

from worker.domain.hls import INIT, PLAYLIST, Rendition
from worker.domain.location import MAX_KEY_BYTES, ObjectLocation
from worker.domain.progress import Version

MASTER = "master.m3u8"
MAX_TARGET_BYTES = MAX_KEY_BYTES - 80  # of a target's key: names beneath it are shorter than the rest

_JOB_CHARACTERS = 16  # 64 bits
_VERSION = re.compile(r"(\d+)-(\d+)")
_MADE = re.compile(
    rf"(?<=/)(?:{re.escape(MASTER)}|[0-9a-f]{{{_JOB_CHARACTERS}}}/{_VERSION.pattern}/\d+k/"
    rf"(?:{re.escape(INIT)}|{re.escape(PLAYLIST)}|\d+\.m4s))\Z"
)


def master_of(target: ObjectLocation) -> ObjectLocation:
    return _beneath(target, MASTER)


def job_directory(job_id: str) -> str:
    """The directory of all attempts of the job, beneath the target. It does not show the job's id."""
    return f"{hashlib.sha256(job_id.encode()).hexdigest()[:_JOB_CHARACTERS]}/"


def attempt_directory(job_id: str, claimed: Version) -> str:
    """The directory of the attempt whose claim has that version, beneath the target."""
    return f"{job_directory(job_id)}{claimed.fence}-{claimed.seq}/"


def claimed_by(directory: str) -> Version | None:
    """The version of the claim of the attempt that has that directory; None where no attempt has it."""
    match = _VERSION.fullmatch(directory.rstrip("/").rpartition("/")[2])
    return None if match is None else Version(int(match[1]), int(match[2]))


def in_directory(target: ObjectLocation, directory: str, rendition: Rendition, name: str) -> ObjectLocation:
    """Where an object of a rendition lies."""
    return _beneath(target, f"{directory}{rendition.name}/{name}")


def directories_at(target: ObjectLocation, job_id: str) -> ObjectLocation:
    """The prefix of the directories of all attempts of the job."""
    return _beneath(target, job_directory(job_id))


def is_made_by(job_id: str, target: ObjectLocation, location: ObjectLocation) -> bool:
    """Whether the object is one that the job makes for a stream with that target, or lies among these."""
    directories = directories_at(target, job_id)
    is_beneath = location.bucket == directories.bucket and location.key.startswith(directories.key)
    return is_beneath or location == master_of(target)


def target_that_made(key: str) -> str | None:
    """The key of the stream's target, if the key is that of an object of a stream; else None."""
    match = _MADE.search(key)
    return None if match is None else key[: match.start()]


def _beneath(prefix: ObjectLocation, name: str) -> ObjectLocation:
    return ObjectLocation(prefix.bucket, prefix.key + name)
