"""The id of an upload in parts stands for what it says only if the gateway can have made it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest

from worker.gateway.part_uploads import PartUpload
from worker.gateway.problems import ProblemError

KEY = f"{'0f' * 16}/a b.wav"


def id_of(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_an_id_is_read_as_it_was_written() -> None:
    upload = PartUpload(KEY, 7, "s3-id")

    assert PartUpload.of(str(upload), max_bytes=7) == upload


@pytest.mark.parametrize(
    "text",
    [
        "[" * 3000,
        json.dumps(["a.wav", 7, "s3-id"]),
        json.dumps([f"{KEY}/b.wav", 7, "s3-id"]),
        json.dumps([f"elsewhere/{KEY}", 7, "s3-id"]),
        json.dumps([KEY.upper(), 7, "s3-id"]),
        json.dumps([KEY, 8, "s3-id"]),
        json.dumps([KEY, True, "s3-id"]),
        json.dumps([KEY, 7, ""]),
        json.dumps([KEY, 7, "\ud800"]),
        json.dumps([KEY, 7, "s3 id\n"]),
    ],
)
def test_an_id_that_the_gateway_has_not_made_is_not_found(text: str) -> None:
    with pytest.raises(ProblemError, match="there is no such upload") as caught:
        PartUpload.of(id_of(text), max_bytes=7)

    assert caught.value.status == 404
