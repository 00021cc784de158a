"""A file that is sent while it is written becomes the object that it is at its end, in every store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.fakes.objects import FakeUploadAhead
from tests.support.object_stores import Account, Subject, artifact_of
from tests.support.waiting import wait_until
from worker.domain.errors import SourceNotFoundError
from worker.ports import Artifact, UploadAhead

MIB = 1 << 20
LONG = bytes(range(256)) * (27 * MIB // 256)


async def grown(path: Path, data: bytes, upload: UploadAhead, *, until_bytes: int) -> None:
    """Write the file, and wait until as much of it is sent as the store sends before it is whole."""
    path.write_bytes(data)
    if not isinstance(upload, FakeUploadAhead):
        await wait_until(lambda: upload.sent_bytes >= until_bytes, timeout=20)


async def test_a_file_that_is_sent_while_it_is_written_becomes_the_object_at_its_end(
    subject: Subject, tmp_path: Path
) -> None:
    path, target, account = tmp_path / "out", subject.at("long.wav"), Account()
    front = b"a front that is known at the end"

    async with subject.store.upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        await grown(path, LONG, ahead, until_bytes=15 * MIB)
        with pytest.raises(SourceNotFoundError):
            await subject.store.probe(target)
        artifact = Artifact(path, 1.0, 100, len(LONG) - 50, front)
        sha256 = await ahead.finish(artifact, on_bytes=account.done.append)

    found, expected = await subject.other_side.get(target), front + LONG[100:-50]
    assert found.data == expected
    assert sha256 == hashlib.sha256(expected).hexdigest()
    assert (found.content_type, found.metadata["job-id"]) == ("audio/wav", "job-1")
    assert account.done == sorted(account.done)
    assert account.done[-1] == len(expected)


async def test_a_file_that_changes_where_it_was_sent_already_becomes_the_object_as_it_is(
    subject: Subject, tmp_path: Path
) -> None:
    path, target = tmp_path / "out", subject.at("long.wav")
    changed = LONG[: 20 * MIB] + b"changed" + LONG[20 * MIB + 7 :]

    async with subject.store.upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        await grown(path, LONG, ahead, until_bytes=15 * MIB)
        await ahead.finish(artifact_of(path, changed), on_bytes=lambda _: None)

    assert (await subject.other_side.get(target)).data == changed


@pytest.mark.parametrize("length", [0, 100, 9 * MIB, 12 * MIB])
async def test_a_file_that_is_written_anew_and_shorter_becomes_the_object_as_it_is(
    length: int, subject: Subject, tmp_path: Path
) -> None:
    path, target = tmp_path / "out", subject.at("short.wav")

    async with subject.store.upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        await grown(path, LONG, ahead, until_bytes=15 * MIB)
        await ahead.finish(artifact_of(path, LONG[:length]), on_bytes=lambda _: None)

    assert (await subject.other_side.get(target)).data == LONG[:length]


async def test_a_short_file_has_its_digest_as_metadata(subject: Subject, tmp_path: Path) -> None:
    path, target = tmp_path / "out", subject.at("short.wav")

    async with subject.store.upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        sha256 = await ahead.finish(artifact_of(path, b"short"), on_bytes=lambda _: None)

    assert (await subject.other_side.get(target)).metadata == {"sha256": sha256, "job-id": "job-1"}


async def test_a_file_that_is_not_finished_leaves_no_object(subject: Subject, tmp_path: Path) -> None:
    path, target = tmp_path / "out", subject.at("long.wav")

    async with subject.store.upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        await grown(path, LONG, ahead, until_bytes=5 * MIB)

    with pytest.raises(SourceNotFoundError):
        await subject.store.probe(target)


async def test_dropping_what_others_left_does_not_end_what_is_written_here(subject: Subject, tmp_path: Path) -> None:
    path, target = tmp_path / "out", subject.at("long.wav")

    async with subject.store.upload_ahead(path, target, content_type="audio/wav", job_id="job-1") as ahead:
        await grown(path, LONG, ahead, until_bytes=5 * MIB)
        await subject.store.drop_unfinished(target)
        sent_bytes = ahead.sent_bytes
        await ahead.finish(Artifact(path, 1.0, 0, len(LONG)), on_bytes=lambda _: None)

        assert ahead.sent_bytes >= sent_bytes
    assert (await subject.other_side.get(target)).data == LONG
