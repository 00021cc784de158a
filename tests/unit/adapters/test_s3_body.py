"""A stretch of an artifact behaves as the file that the SDK takes it for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from worker.adapters.s3.body import body_of
from worker.ports import Artifact

DATA = bytes(range(256)) * 4
PREFIX = b"an index in front"
WHOLE = PREFIX + DATA[100:900]


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    path = tmp_path / "output"
    path.write_bytes(DATA)
    return Artifact(path, 1.0, 100, 900, PREFIX)


@pytest.mark.parametrize(("offset", "length"), [(0, 817), (0, 5), (10, 20), (17, 800), (500, 317), (816, 1), (3, 0)])
def test_it_is_the_bytes_of_its_stretch_in_any_steps(artifact: Artifact, offset: int, length: int) -> None:
    expected = WHOLE[offset : offset + length]
    assert body_of(artifact, offset, length).read() == expected
    stepwise = body_of(artifact, offset, length)
    assert b"".join(iter(lambda: stepwise.read(7), b"")) == expected


def test_it_is_read_again_from_wherever_the_sdk_goes_back_to(artifact: Artifact) -> None:
    body = body_of(artifact, 10, 50)
    assert body.seekable()
    assert body.seek(0, io.SEEK_END) == 50
    assert body.read(1) == b""
    assert body.seek(-20, io.SEEK_CUR) == 30
    assert body.read(5) == WHOLE[40:45]
    assert body.tell() == 35
    assert body.seek(0) == 0
    assert body.read() == WHOLE[10:60]


def test_it_never_gives_more_than_is_asked_for(artifact: Artifact) -> None:
    body = body_of(artifact, 0, 817)
    assert body.read(100) == WHOLE[:100]
    assert body.read(1) == WHOLE[100:101]
    assert body.read(0) == b""
