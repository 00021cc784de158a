"""Digests of an artifact, made in one pass over it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from worker.adapters.disk import read_artifact
from worker.ports import Artifact

_STEP_BYTES = 128 << 10  # malloc keeps larger ones for each thread that has read one


@dataclass(frozen=True, slots=True)
class Digest:
    """`sha256` in hex; the CRC-32 of the whole and of each part, as S3 writes them: base64 of four bytes."""

    sha256: str
    crc32: str
    parts: Sequence[str]


def digest_of(artifact: Artifact, part_bytes: int) -> Digest:
    """The digest of an artifact that is sent in parts of so many bytes. It reads the disk: call it in a thread."""
    return digest_of_parts(artifact, [*range(0, artifact.size_bytes, part_bytes), artifact.size_bytes])


def digest_of_parts(artifact: Artifact, bounds: Sequence[int]) -> Digest:
    """The digest of an artifact whose parts have these bounds, from 0 to its size. Call it in a thread."""
    sha256 = hashlib.sha256()
    whole = 0
    parts = []
    for start, stop in pairwise(bounds):
        part = 0
        for offset in range(start, stop, _STEP_BYTES):
            data = read_artifact(artifact, offset, min(_STEP_BYTES, stop - offset))
            sha256.update(data)
            part = zlib.crc32(data, part)
            whole = zlib.crc32(data, whole)
        parts.append(_text(part))
    return Digest(sha256.hexdigest(), _text(whole), parts)


def _text(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()
