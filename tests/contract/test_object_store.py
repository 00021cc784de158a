"""What every object store does: the one in memory, and S3."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.object_stores import Account, Subject, artifact_of
from worker.domain.errors import SourceNotFoundError, SourceTooLargeError, TargetRefusedError
from worker.domain.job import ObjectLocation
from worker.ports import Artifact, ObjectExistsError, Seen

MIB = 1 << 20

KEYS = [
    "plain.wav",
    "with spaces/and more .wav",
    "Grüße/日本語/🎧.wav",
    "a+b&c=d.wav",
    "100%/%20/%2F.wav",
    "double//slash.wav",
    "/leading.wav",
    "trailing/",
    "a/../b/./c.wav",
    "quote\"'<>?#;:@!$,.wav",
    "back\\slash.wav",
    " leading and trailing space ",
    "tilde~star*(paren)[bracket]{brace}|^`.wav",
]


async def upload(subject: Subject, artifact: Artifact, target: ObjectLocation, account: Account | None = None) -> str:
    return await subject.store.upload(
        artifact,
        target,
        content_type="audio/mpeg",
        job_id="job-1",
        on_bytes=(account or Account()).done.append,
    )


async def test_a_probe_says_how_large_a_source_is_or_that_it_is_missing(subject: Subject) -> None:
    await subject.other_side.put(subject.at("there"), b"seven b")

    assert await subject.store.probe(subject.at("there")) == 7
    with pytest.raises(SourceNotFoundError):
        await subject.store.probe(subject.at("missing"))


@pytest.mark.parametrize("key", KEYS)
async def test_any_key_comes_back_as_it_was_written(subject: Subject, key: str, tmp_path: Path) -> None:
    await upload(subject, artifact_of(tmp_path / "up", key.encode()), subject.at(key))
    await subject.store.download(
        subject.at(key), tmp_path / "down", limit_bytes=MIB, on_start=lambda _: None, on_bytes=lambda _: None
    )

    assert (tmp_path / "down").read_bytes() == key.encode()


@pytest.mark.parametrize("size", [0, 1, 3 * MIB + 7, 20 * MIB], ids=["empty", "one byte", "medium", "large"])
async def test_a_source_arrives_whole_and_its_progress_is_reported(
    subject: Subject, size: int, tmp_path: Path
) -> None:
    data = (hashlib.sha512(b"x").digest() * (size // 64 + 1))[:size]
    await subject.other_side.put(subject.at("source"), data)
    account = Account()

    found = await subject.store.download(
        subject.at("source"),
        tmp_path / "source",
        limit_bytes=size,
        on_start=account.sizes.append,
        on_bytes=account.done.append,
    )

    assert (tmp_path / "source").read_bytes() == data
    assert found.size_bytes == size
    assert found.etag
    assert account.sizes == [size]
    assert account.done == sorted(account.done)
    assert max(account.done, default=0) == size


async def test_a_source_over_the_limit_is_refused_before_it_is_read(subject: Subject, tmp_path: Path) -> None:
    await subject.other_side.put(subject.at("source"), b"12345")
    account = Account()

    with pytest.raises(SourceTooLargeError, match="5 bytes; the limit is 4"):
        await subject.store.download(
            subject.at("source"),
            tmp_path / "source",
            limit_bytes=4,
            on_start=account.sizes.append,
            on_bytes=account.done.append,
        )

    assert account == Account()
    assert not (tmp_path / "source").exists()


async def test_a_download_that_is_refused_at_its_start_leaves_no_file(subject: Subject, tmp_path: Path) -> None:
    await subject.other_side.put(subject.at("source"), b"12345")

    def refuse(size_bytes: int) -> None:
        raise MemoryError(f"no space for {size_bytes}")

    with pytest.raises(MemoryError, match="no space for 5"):
        await subject.store.download(
            subject.at("source"), tmp_path / "source", limit_bytes=10, on_start=refuse, on_bytes=lambda _: None
        )

    assert not (tmp_path / "source").exists()


async def test_a_source_that_is_not_there_is_not_found(subject: Subject, tmp_path: Path) -> None:
    for location in (subject.at("nothing"), ObjectLocation(subject.absent_bucket, "nothing")):
        with pytest.raises(SourceNotFoundError, match="does not exist"):
            await subject.store.download(
                location, tmp_path / "source", limit_bytes=1, on_start=lambda _: None, on_bytes=lambda _: None
            )


@pytest.mark.parametrize("size", [0, 5, 17 * MIB], ids=["empty", "small", "in parts"])
async def test_a_target_holds_the_prefix_and_then_the_range(subject: Subject, size: int, tmp_path: Path) -> None:
    data = (hashlib.sha512(b"y").digest() * (size // 64 + 1))[:size]
    (tmp_path / "file").write_bytes(b"head" + data + b"tail")
    artifact = Artifact(tmp_path / "file", 1.0, 4, 4 + size, prefix=b"prefix")
    account = Account()

    digest = await upload(subject, artifact, subject.at("target"), account)

    stored = await subject.other_side.get(subject.at("target"))
    assert stored.data == b"prefix" + data
    assert stored.content_type == "audio/mpeg"
    assert stored.metadata == {"sha256": digest, "job-id": "job-1"}
    assert digest == hashlib.sha256(stored.data).hexdigest()
    assert account.done == sorted(account.done)
    assert account.done[-1] == len(stored.data)


async def test_a_target_is_overwritten(subject: Subject, tmp_path: Path) -> None:
    await upload(subject, artifact_of(tmp_path / "one", b"one"), subject.at("target"))
    await upload(subject, artifact_of(tmp_path / "two", b"two"), subject.at("target"))

    assert (await subject.other_side.get(subject.at("target"))).data == b"two"


@pytest.mark.parametrize("size", [5, 7 * MIB], ids=["small", "in parts"])
async def test_a_target_bucket_that_does_not_exist_is_refused(subject: Subject, size: int, tmp_path: Path) -> None:
    target = ObjectLocation(subject.absent_bucket, "target")

    with pytest.raises(TargetRefusedError, match="the bucket does not exist"):
        await upload(subject, artifact_of(tmp_path / "file", bytes(size)), target)
    with pytest.raises(TargetRefusedError, match="the bucket does not exist"):
        await subject.store.check_target(target)


async def test_a_target_bucket_that_exists_passes_the_check(subject: Subject) -> None:
    await subject.store.check_target(subject.at("target"))


async def test_where_nothing_was_left_half_done_there_is_nothing_to_drop(subject: Subject, tmp_path: Path) -> None:
    await upload(subject, artifact_of(tmp_path / "up", b"whole"), subject.at("whole"))

    for target in (subject.at("whole"), subject.at("nothing"), ObjectLocation(subject.absent_bucket, "a.mp3")):
        await subject.store.drop_unfinished(target)

    assert (await subject.other_side.get(subject.at("whole"))).data == b"whole"


async def test_a_job_takes_back_what_it_has_put_there_and_nothing_else(subject: Subject, tmp_path: Path) -> None:
    ours, theirs, nothing = subject.at("ours ü+%.mp3"), subject.at("theirs.mp3"), subject.at("nothing.mp3")
    await upload(subject, artifact_of(tmp_path / "up", b"ours"), ours)
    await subject.other_side.put(theirs, b"theirs")

    for target in (ours, theirs, nothing, ObjectLocation(subject.absent_bucket, "a.mp3")):
        await subject.store.remove(target, "job-1")
    await subject.store.remove(theirs, "job-2")

    assert (await subject.other_side.get(theirs)).data == b"theirs"
    with pytest.raises(SourceNotFoundError):
        await subject.store.download(
            ours, tmp_path / "down", limit_bytes=MIB, on_start=lambda _: None, on_bytes=lambda _: None
        )


async def test_a_run_takes_back_what_it_and_earlier_ones_have_put_there_and_nothing_of_a_later_one(
    subject: Subject, tmp_path: Path
) -> None:
    artifact = artifact_of(tmp_path / "up", b"of a run")
    first, second, third = (subject.at(f"run-{run}.mp3") for run in (1, 2, 3))
    for run, target in enumerate((first, second, third), start=1):
        await subject.store.upload(
            artifact, target, content_type="audio/mpeg", job_id="job-1", run=run, on_bytes=lambda _: None
        )

    for target in (first, second, third):
        await subject.store.remove(target, "job-1", 2)

    assert (await subject.other_side.get(third)).data == b"of a run"
    for target in (first, second):
        with pytest.raises(SourceNotFoundError):
            await subject.store.probe(target)


async def test_a_job_does_not_take_back_what_another_has_put_in_its_place(subject: Subject, tmp_path: Path) -> None:
    await upload(subject, artifact_of(tmp_path / "up", b"of job-1"), subject.at("a.mp3"))

    await subject.store.remove(subject.at("a.mp3"), "job-2")

    assert (await subject.other_side.get(subject.at("a.mp3"))).data == b"of job-1"


async def test_a_playlist_says_which_directory_it_names(subject: Subject, tmp_path: Path) -> None:
    naming, plain, theirs = subject.at("ep/master.m3u8"), subject.at("plain.mp3"), subject.at("theirs.mp3")
    artifact = artifact_of(tmp_path / "up", b"a playlist")
    await subject.store.upload(
        artifact, naming, content_type="audio/mpeg", job_id="job-1", directory="0a/7-1/", on_bytes=lambda _: None
    )
    await upload(subject, artifact, plain)
    await subject.other_side.put(theirs, b"theirs")

    assert await subject.store.directory_named_at(naming) == "0a/7-1/"
    for location in (plain, theirs, subject.at("nothing"), ObjectLocation(subject.absent_bucket, "a.mp3")):
        assert await subject.store.directory_named_at(location) is None


async def test_an_upload_replaces_only_what_was_seen_there(subject: Subject, tmp_path: Path) -> None:
    target, artifact = subject.at("ep/master.m3u8"), artifact_of(tmp_path / "up", b"a playlist")

    async def send(seen: Seen | None) -> None:
        await subject.store.upload(artifact, target, content_type="audio/mpeg", on_bytes=lambda _: None, seen=seen)

    nothing = await subject.store.current_object(target)
    await subject.other_side.put(target, b"theirs")
    with pytest.raises(ObjectExistsError):
        await send(nothing)
    theirs = await subject.store.current_object(target)
    await send(theirs)
    with pytest.raises(ObjectExistsError):
        await send(theirs)

    assert nothing == Seen(None)
    assert (await subject.other_side.get(target)).data == b"a playlist"


async def test_an_upload_does_not_take_the_place_of_an_object_that_is_gone(subject: Subject, tmp_path: Path) -> None:
    target = subject.at("ep/master.m3u8")
    artifact = artifact_of(tmp_path / "up", b"ours")
    await upload(subject, artifact, target)
    seen = await subject.store.current_object(target)
    await subject.store.remove(target, "job-1")

    with pytest.raises(ObjectExistsError):
        await subject.store.upload(artifact, target, content_type="audio/mpeg", on_bytes=lambda _: None, seen=seen)


async def test_the_directories_beneath_a_prefix_are_found_each_once(subject: Subject) -> None:
    for key in ("ep ü+%/1-1/64k/a", "ep ü+%/1-1/b", "ep ü+%/2 &=/a", "ep ü+%/file", "ep ü+%2/3-1/a", "other/4-1/a"):
        await subject.other_side.put(subject.at(key), b"x")

    found = await subject.store.directories(subject.at("ep ü+%/"))

    assert sorted(found, key=str) == [subject.at("ep ü+%/1-1/"), subject.at("ep ü+%/2 &=/")]
    assert list(await subject.store.directories(subject.at("nothing/"))) == []


async def test_there_are_no_directories_to_find_in_a_bucket_that_does_not_exist(subject: Subject) -> None:
    with pytest.raises(TargetRefusedError):
        await subject.store.directories(ObjectLocation(subject.absent_bucket, "ep/"))


async def test_all_that_lies_beneath_a_prefix_is_removed_and_nothing_beside_it(subject: Subject) -> None:
    beneath = [subject.at(f"ep ü+%/{name}") for name in ("master.m3u8", "64k/00000.m4s", "a b&c=d.m4s", "/odd//")]
    beside = [subject.at(key) for key in ("ep ü+%", "ep ü+%2/a", "ep u+%/a")]
    for location in (*beneath, *beside):
        await subject.other_side.put(location, b"x")

    await subject.store.remove_beneath(subject.at("ep ü+%/"))
    await subject.store.remove_beneath(subject.at("nothing/"))

    for location in beneath:
        with pytest.raises(SourceNotFoundError):
            await subject.store.probe(location)
    for location in beside:
        assert (await subject.other_side.get(location)).data == b"x"


async def test_nothing_is_removed_beneath_a_prefix_of_a_bucket_that_does_not_exist(subject: Subject) -> None:
    with pytest.raises(TargetRefusedError):
        await subject.store.remove_beneath(ObjectLocation(subject.absent_bucket, "ep/"))
