"""Names that are made of the names of files and objects."""

from __future__ import annotations

import re

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._-]+")
_READABLE_CHARACTERS = 80


def readable_id_part(key: str) -> str:
    """What a job's id may show of an object's key: its name without the extension, in the characters of an id."""
    stem = stem_of(key.rstrip("/").rpartition("/")[2])
    return _NOT_IN_AN_ID.sub("-", stem)[:_READABLE_CHARACTERS].strip("-.") or "job"


def stem_of(name: str) -> str:
    """A file's name without its last extension; all of it where there is none."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name
