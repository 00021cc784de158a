"""Covers that are objects are downloaded before the source, and what is no cover is refused with the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.harness import SOURCE, a_harness
from tests.support.virtual_time import virtual_time
from worker.domain.disposition import Ack, Reject
from worker.domain.job import ObjectLocation
from worker.domain.progress import Status
from worker.domain.tags.pictures import MAX_PICTURE_BYTES, Picture

_COVER = ObjectLocation(SOURCE.bucket, "cover.jpg")
_JPEG = b"\xff\xd8\xff" + bytes(100)


def _message() -> str:
    outputs = [
        {"target": f"s3://out-bucket/{number}.mp3", "format": "mp3", "cover": str(_COVER)} for number in range(2)
    ]
    plain = {"target": "s3://out-bucket/plain.mp3", "format": "mp3"}
    return json.dumps({"job_id": "ep-1", "source": str(SOURCE), "outputs": [plain, *outputs]})


@virtual_time
async def test_each_output_that_asks_for_it_is_converted_with_the_downloaded_cover(tmp_path: Path) -> None:
    async with a_harness(tmp_path) as harness:
        harness.objects.put(_COVER, _JPEG)

        assert await harness.handle(_message()) == Ack()

        picture = Picture(_JPEG, "image/jpeg")
        assert [spec.edits.cover for spec in harness.converter.specs] == [None, picture, picture]
        assert [spec.edits.keeps_cover for spec in harness.converter.specs] == [True, False, False]
        assert harness.record().status is Status.COMPLETED


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"GIF89a" + bytes(100), "invalid_message", "outputs[1].cover: s3://in-bucket/cover.jpg is neither"),
        (b"", "invalid_message", "outputs[1].cover"),
        (_JPEG + bytes(MAX_PICTURE_BYTES), "invalid_message", "outputs[1].cover"),
        (None, "source_not_found", "s3://in-bucket/cover.jpg does not exist"),
    ],
    ids=["a GIF", "empty", "too large", "missing"],
)
@virtual_time
async def test_what_cannot_be_a_cover_is_refused_before_anything_is_converted(
    tmp_path: Path, content: bytes | None, code: str, words: str
) -> None:
    async with a_harness(tmp_path) as harness:
        if content is not None:
            harness.objects.put(_COVER, content)

        disposition = await harness.handle(_message())

        assert isinstance(disposition, Reject)
        error = harness.record().error
        assert error is not None
        assert (error.code, harness.converter.conversions) == (code, 0)
        assert words in error.message
