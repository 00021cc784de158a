"""Workers that share a disk: what one has promised to its jobs, the others do not give to theirs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.volume import FakeVolume
from tests.support.virtual_time import now, virtual_time
from tests.support.worker_directories import a_directory
from worker.application.jobs.other_workers import OtherWorkers
from worker.application.jobs.space import WAIT_SECONDS
from worker.application.jobs.worker_directory import LOCK
from worker.application.jobs.workspace import Workspace, open_workspace
from worker.domain.disk_space import SpaceNeed, WorkspaceBusyError

DISK_BYTES = 1000
MOST = SpaceNeed(600, 600)


async def test_a_job_does_not_get_what_one_of_another_worker_has_reserved_and_not_yet_written(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            assert first.space.take(MOST)

            assert not second.space.take(MOST)
            assert second.space.take(SpaceNeed(300, 300))
            assert not first.space.take(SpaceNeed(900, 900))


async def test_what_another_worker_has_written_counts_once(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            assert first.space.take(SpaceNeed(500, 500))
            (first.path / "output").write_bytes(bytes(400))

            assert second.space.take(SpaceNeed(400, 400))

            second.space.give_back_beyond(SpaceNeed(0, 0))
            first.space.keep_what_is_written()
            assert second.space.take(SpaceNeed(500, 500))


@virtual_time
async def test_a_job_that_waits_begins_when_one_of_another_worker_has_ended(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with other.job_directory() as second:
            async with one.job_directory() as first:
                assert first.space.take(MOST)
                waiting = asyncio.create_task(second.space.wait_for(MOST))
                await asyncio.sleep(100)
                assert not waiting.done()
            ended_at = now()

            await waiting

            assert now() - ended_at < 5
            assert second.space.size_bytes == 600


@virtual_time
async def test_a_job_waits_a_quarter_of_an_hour_for_another_worker_and_no_longer(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            assert first.space.take(MOST)
            began_at = now()

            with pytest.raises(WorkspaceBusyError):
                await second.space.wait_for(MOST)

            assert now() - began_at == pytest.approx(WAIT_SECONDS, abs=2)


async def test_of_two_workers_that_ask_at_once_only_one_is_given_the_space(tmp_path: Path) -> None:
    volume = _Interrupted(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            served: list[bool] = []
            volume.interrupt = lambda: served.append(second.space.take(MOST))

            served.append(first.space.take(MOST))

            assert len(served) == 2
            assert not all(served)


@virtual_time
@pytest.mark.parametrize("look", [1, 2])
async def test_a_job_that_is_admitted_and_one_of_another_worker_do_not_both_get_the_space(
    look: int, tmp_path: Path
) -> None:
    volume = _Interrupted(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as second, other.job_directory() as third:
            async with one.job_directory() as first:
                assert first.space.take(MOST)
                waiting = asyncio.create_task(second.space.wait_for(MOST))
                await asyncio.sleep(0.1)

                volume.looks_before = look - 1
                volume.interrupt = lambda: third.space.take(MOST)

            assert volume.interrupt is None
            assert {second.space.size_bytes, third.space.size_bytes} == {0, 600}
            waiting.cancel()
            await asyncio.wait([waiting])


@virtual_time
async def test_what_a_waiting_job_cannot_be_given_is_not_announced(tmp_path: Path) -> None:
    volume = _Interrupted(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, a_directory(tmp_path) as other:
        others, seen = OtherWorkers(other, volume), list[int]()

        def look() -> None:
            seen.append(others.reserved())
            volume.interrupt = look

        async with one.job_directory() as first, one.job_directory() as second:
            assert first.space.take(MOST)
            waiting = asyncio.create_task(second.space.wait_for(MOST))
            volume.interrupt = look
            await asyncio.sleep(10)
            waiting.cancel()
            await asyncio.wait([waiting])

        assert len(seen) > 10
        assert max(seen) == 600


async def test_what_another_worker_writes_while_one_asks_is_not_given_twice(tmp_path: Path) -> None:
    volume = _Interrupted(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            assert first.space.take(SpaceNeed(500, 500))
            volume.interrupt = lambda: (first.path / "output").write_bytes(bytes(400))

            assert not second.space.take(MOST)


class _Interrupted(FakeVolume):
    """Between a worker's look at the disk and its decision another one may do something."""

    interrupt: Callable[[], object] | None = None
    looks_before = 0

    def free_bytes(self, directory: Path) -> int:
        free_bytes = super().free_bytes(directory)
        if self.looks_before:
            self.looks_before -= 1
            return free_bytes
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            interrupt()
        return free_bytes


async def test_what_a_dead_worker_had_reserved_is_free(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with a_directory(tmp_path) as own:
        dead = tmp_path / "audio-worker-dead"
        dead.mkdir()
        (dead / LOCK).write_text(f"{600:020d}")  # and nobody holds it

        assert OtherWorkers(own, volume).unwritten() == 0
        async with Workspace(own, volume).job_directory() as job:
            assert job.space.take(SpaceNeed(900, 900))


@pytest.mark.parametrize("text", ["", "many", "-5", "12 34"])
def test_a_number_that_cannot_be_read_counts_as_nothing(text: str, tmp_path: Path) -> None:
    with a_directory(tmp_path) as one, a_directory(tmp_path) as other:
        (one.path / LOCK).write_text(text)

        others = OtherWorkers(other, FakeVolume(tmp_path, DISK_BYTES))
        assert (others.reserved(), others.unwritten()) == (0, 0)


async def test_a_worker_whose_directory_was_cleaned_away_announces_in_its_new_one(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, a_directory(tmp_path) as other:
        async with one.job_directory() as removed:
            assert removed.space.take(SpaceNeed(500, 500))
            shutil.rmtree(one.directory)
            async with one.job_directory() as job:
                assert job.space.take(SpaceNeed(100, 100))

                assert OtherWorkers(other, volume).reserved() == 600


@virtual_time
async def test_a_job_that_needs_more_than_the_disk_has_waits_for_no_more_than_all_jobs_can_give_back(
    tmp_path: Path,
) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as waiting:
            async with other.job_directory() as first:
                assert first.space.take(SpaceNeed(500, 500))  # now the lock has bytes, too
                (first.path / "output").write_bytes(bytes(500))
                wait = asyncio.create_task(waiting.space.wait_for(SpaceNeed(100, 10 * DISK_BYTES)))
                await asyncio.sleep(10)
                assert not wait.done()

            await wait

            assert waiting.space.size_bytes == pytest.approx(DISK_BYTES, abs=100)
