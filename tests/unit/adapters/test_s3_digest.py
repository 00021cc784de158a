"""Digests of an artifact, as S3 compares them."""

from __future__ import annotations

import base64
import hashlib
import random
import zlib
from pathlib import Path

import pytest

from worker.adapters.s3.digest import digest_of
from worker.ports import Artifact

MIB = 1 << 20


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("part_bytes", [1000, MIB, 3 * MIB // 2, 100 * MIB])
def test_the_whole_and_each_part_have_their_own(part_bytes: int, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(2 * MIB + 1001 if part_bytes > 1000 else 3500)
    (tmp_path / "file").write_bytes(b"xx" + data)
    artifact = Artifact(tmp_path / "file", 1.0, 2, 2 + len(data), prefix=b"head")
    whole = b"head" + data

    digest = digest_of(artifact, part_bytes)

    assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.crc32 == crc32(whole)
    assert digest.parts == [crc32(whole[start : start + part_bytes]) for start in range(0, len(whole), part_bytes)]
