"""What every ObjectStore does with a source that passes through the workspace, the fake like S3's."""

from __future__ import annotations

import errno
import hashlib
import sys
from pathlib import Path

import pytest

from tests.support.holes import fail_to_release
from tests.support.object_stores import Subject
from worker.ports import NotReleasableError

MIB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives back parts of files")


class APassage:
    """Reads all that has been written when the store asks for room, and counts how often that was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read = bytearray()
        self.asked = 0
        self.peak_bytes = 0

    async def wait_for_room(self) -> tuple[int, int]:
        begin = len(self.read)
        with self._path.open("rb") as file:
            file.seek(begin)
            self.read += file.read()
        self.asked += 1
        self.peak_bytes = max(self.peak_bytes, self._path.stat().st_blocks * 512)
        return begin, len(self.read)


async def test_a_source_that_passes_through_keeps_no_more_than_what_is_not_read(
    subject: Subject, tmp_path: Path
) -> None:
    size = 20 * MIB + 7
    data = (hashlib.sha512(b"x").digest() * (size // 64 + 1))[:size]
    await subject.other_side.put(subject.at("source"), data)
    passage = APassage(tmp_path / "source")

    found = await subject.store.download(
        subject.at("source"),
        tmp_path / "source",
        limit_bytes=size,
        on_start=lambda _: None,
        on_bytes=lambda _: None,
        passage=passage,
    )
    await passage.wait_for_room()

    assert passage.read == data
    assert found.size_bytes == size == (tmp_path / "source").stat().st_size
    assert passage.asked > 5
    assert passage.peak_bytes < 5 * MIB


async def test_a_file_system_that_gives_nothing_back_is_said_to_be_one(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_release(monkeypatch, errno.EOPNOTSUPP)
    await subject.other_side.put(subject.at("source"), bytes(4 * MIB))

    with pytest.raises(NotReleasableError):
        await subject.store.download(
            subject.at("source"),
            tmp_path / "source",
            limit_bytes=4 * MIB,
            on_start=lambda _: None,
            on_bytes=lambda _: None,
            passage=APassage(tmp_path / "source"),
        )
