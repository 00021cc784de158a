"""What is common to both kinds of uploads: which files are taken, and under which names they lie."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation
from worker.gateway.prefixes import Prefixes
from worker.gateway.problems import ProblemError

_MOST_NAME_BYTES = 255
# Nothing that a browser would show as a page: the bucket may be one that browsers read from. Recordings of browsers
# have a parameter (audio/webm;codecs=opus), see https://www.w3.org/TR/mediastream-recording/#mimetype.
_CONTENT_TYPE = re.compile(
    r"((audio|video)/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,100}|application/(octet-stream|ogg|mp4))"
    r"(; ?[A-Za-z0-9_-]{1,40}=([A-Za-z0-9_.+-]{1,100}|\"[A-Za-z0-9_.,+ -]{1,100}\")){0,4}"
)

UPLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "The file's name.", "minLength": 1, "maxLength": 255},
        "bytes": {"type": "integer", "description": "Its exact size.", "minimum": 1},
        "content_type": {"type": "string", "description": "Its type.", "pattern": f"^({_CONTENT_TYPE.pattern})$"},
    },
    "required": ["name", "bytes", "content_type"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that is to be uploaded. Its name has no folders."""

    name: str
    size_bytes: int
    content_type: str

    @classmethod
    def read(cls, document: Mapping[str, Any], *, max_bytes: int) -> UploadedFile:
        """Read the JSON of a body. Raises InvalidMessageError about the first member that is wrong."""
        for field in document:
            if field not in UPLOAD["properties"]:
                raise InvalidMessageError(field[:64], "is not known")
        name, size_bytes, content_type = (document.get(field) for field in ("name", "bytes", "content_type"))
        if not isinstance(name, str) or not name or len(name.encode(errors="replace")) > _MOST_NAME_BYTES:
            raise InvalidMessageError("name", f"must be a file's name of at most {_MOST_NAME_BYTES} bytes")
        if type(size_bytes) is not int or not 1 <= size_bytes <= max_bytes:
            raise InvalidMessageError("bytes", f"must be a whole number from 1 to {max_bytes}")
        if not isinstance(content_type, str) or not _CONTENT_TYPE.fullmatch(content_type):
            raise InvalidMessageError(
                "content_type", "must be audio/…, video/…, or application/octet-stream, ogg or mp4"
            )
        return cls(_without_folders(name), size_bytes, content_type)

    def new_key(self) -> str:
        """A key for it under the prefix of sources: in a folder of its own, whose name nobody can guess."""
        return f"{secrets.token_hex(16)}/{self.name}"


def location_under(prefixes: Prefixes, key: str) -> ObjectLocation:
    """The object of that key under the prefix of sources.

    Raises ProblemError where there is no such prefix, and InvalidMessageError where the key is too long.
    """
    if prefixes.source is None:
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "uploads need the setting WORKER_SERVE_SOURCE")
    try:
        return ObjectLocation.parse(f"{prefixes.source}{key}")
    except ValueError as exc:
        raise InvalidMessageError("name", str(exc)) from None


def _without_folders(name: str) -> str:
    """The last part of a path, of printable characters. Raises InvalidMessageError where nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(character for character in last if character.isprintable())
    if kept in {"", ".", ".."} or "${" in kept:  # S3 puts a name of the client's own in the place of ${filename}
        raise InvalidMessageError("name", "must be a file's name, without ${")
    return kept
