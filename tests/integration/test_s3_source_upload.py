"""A producer's file becomes a new object, and overwrites none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.s3 import MIB
from worker.adapters.s3.source_upload import SourceUpload
from worker.adapters.s3.store import S3Store
from worker.domain.job import ObjectLocation
from worker.ports import ObjectExistsError


def a_file(directory: Path, name: str, fill: bytes, size: int) -> Path:
    path = directory / name
    path.write_bytes(fill * size)
    return path


def an_upload(client: Any) -> SourceUpload:
    return SourceUpload(client, S3Store(client, part_bytes=5 * MIB))


@pytest.mark.parametrize("size", [0, 1000, 17 * MIB], ids=["empty", "small", "multipart"])
async def test_a_file_becomes_a_new_object_and_the_same_file_again_changes_nothing(
    size: int, bucket: str, s3_client: Any, tmp_path: Path
) -> None:
    source = ObjectLocation(bucket, "raw/ep-1/a.wav")
    file = a_file(tmp_path, "a.wav", b"a", size)

    await an_upload(s3_client).upload(file, source)
    written = await s3_client.head_object(Bucket=bucket, Key=source.key)
    await an_upload(s3_client).upload(file, source)

    again = await s3_client.head_object(Bucket=bucket, Key=source.key)
    assert (written["ContentLength"], written["ContentType"]) == (size, "audio/x-wav")
    assert again["LastModified"] == written["LastModified"]


@pytest.mark.parametrize("size", [1000, 17 * MIB], ids=["small", "multipart"])
async def test_another_file_does_not_overwrite_it(size: int, bucket: str, s3_client: Any, tmp_path: Path) -> None:
    source = ObjectLocation(bucket, "raw/ep-1/a.wav")
    await an_upload(s3_client).upload(a_file(tmp_path, "a.wav", b"a", 10), source)

    with pytest.raises(ObjectExistsError, match="exists already, with other content"):
        await an_upload(s3_client).upload(a_file(tmp_path, "b.wav", b"b", size), source)

    found = await s3_client.get_object(Bucket=bucket, Key=source.key)
    async with found["Body"] as body:
        assert await body.read() == b"a" * 10
    assert (await s3_client.list_multipart_uploads(Bucket=bucket)).get("Uploads", []) == []
