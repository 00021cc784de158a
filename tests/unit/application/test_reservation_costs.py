"""What a reservation costs: a job with space to spare asks little of the disk, for it does so in the event loop."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.fakes.volume import FakeVolume
from tests.support.worker_directories import a_directory
from worker.application.jobs.other_workers import OtherWorkers
from worker.application.jobs.space import WorkspaceSpace
from worker.application.jobs.workspace import open_workspace
from worker.domain.disk_space import SpaceNeed

DISK_BYTES = 1000


async def test_where_there_is_enough_for_all_nobody_looks_at_the_files_of_jobs(tmp_path: Path) -> None:
    volume = _Counting(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, one.job_directory() as second, other.job_directory() as third:
            assert third.space.take(SpaceNeed(200, 200))
            assert first.space.take(SpaceNeed(200, 200))
            first.space.keep_what_is_written()
            volume.looks.clear()

            assert second.space.take(SpaceNeed(200, 200))
            second.space.give_back_beyond(SpaceNeed(100, 100))

            assert volume.looks == []


async def test_where_nobody_waits_a_jobs_end_asks_the_disk_nothing(tmp_path: Path) -> None:
    volume = _Counting(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as workspace:
        async with workspace.job_directory() as job:
            assert job.space.take(SpaceNeed(600, 600))
            asked = volume.asked

        assert volume.asked == asked


class _Slow(FakeVolume):
    """Each look at the files of a job takes as long as on a network file system under load."""

    looks = 0

    def used_bytes(self, directory: Path) -> int:
        self.looks += 1
        time.sleep(0.02)
        return super().used_bytes(directory)


def test_a_look_at_the_files_of_many_jobs_on_a_slow_disk_ends_and_gives_away_nothing_that_is_promised(
    tmp_path: Path,
) -> None:
    volume = _Slow(tmp_path, 4_000_000)
    with a_directory(tmp_path) as own, a_directory(tmp_path) as other:
        other.announce(3_000_000)
        for name in range(200):
            (other.path / str(name)).mkdir()
            (other.path / str(name) / "output").write_bytes(bytes(5000))
        others = OtherWorkers(own, volume)

        assert others.unwritten() == 3_000_000
        assert others.written_by_all() is None
        assert volume.looks < 20
        assert WorkspaceSpace(volume, others).attainable(own.path) == 4_000_000  # all of it, for which a job may wait


class _Counting(FakeVolume):
    """Knows which directories were looked at, and how often it was asked what is free."""

    def __init__(self, root: Path, size_bytes: int) -> None:
        super().__init__(root, size_bytes)
        self.looks: list[Path] = []
        self.asked = 0
        self._inner = FakeVolume(root, size_bytes)

    def free_bytes(self, directory: Path) -> int:
        self.asked += 1
        return self._inner.free_bytes(directory)

    def used_bytes(self, directory: Path) -> int:
        self.looks.append(directory)
        return self._inner.used_bytes(directory)


async def test_a_number_that_has_not_changed_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    pwrite = os.pwrite

    def recording(lock: int, number: bytes, offset: int) -> int:
        written.append(int(number))
        return pwrite(lock, number, offset)

    monkeypatch.setattr(os, "pwrite", recording)
    with open_workspace(tmp_path, FakeVolume(tmp_path, DISK_BYTES)) as workspace:
        async with workspace.job_directory() as job:
            assert job.space.take(SpaceNeed(200, 200))
            assert job.space.take(SpaceNeed(100, 100))
            job.space.give_back_beyond(SpaceNeed(200, 200))
            assert job.space.take(SpaceNeed(300, 300))

    assert written == [0, 200, 300, 0]


def test_a_root_that_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_directory(tmp_path) as own, a_directory(tmp_path) as other:
        other.announce(500)
        os.utime(tmp_path, (0, 0))  # long ago
        others = OtherWorkers(own, FakeVolume(tmp_path, DISK_BYTES))
        assert others.reserved() == 500
        with monkeypatch.context() as patch:
            patch.delattr(os, "scandir")
            assert others.reserved() == 500

        with a_directory(tmp_path) as third:
            third.announce(100)

            assert others.reserved() == 600
        assert others.reserved() == 500


def test_a_worker_that_begins_just_after_the_root_was_read_is_seen(tmp_path: Path) -> None:
    with a_directory(tmp_path) as own:
        others = OtherWorkers(own, FakeVolume(tmp_path, DISK_BYTES))
        assert others.reserved() == 0
        changed_ns = tmp_path.stat().st_mtime_ns

        with a_directory(tmp_path) as other:
            other.announce(500)
            os.utime(tmp_path, ns=(changed_ns, changed_ns))  # as where both come within one step of the clock

            assert others.reserved() == 500
