"""Workers that share a disk: what one has promised to its jobs, the others do not give to theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.volume import FakeVolume
from tests.support.virtual_time import now, virtual_time
from worker.application.jobs.other_workers import LOCK, OtherWorkers
from worker.application.jobs.space import WAIT_SECONDS
from worker.application.jobs.workspace import Workspace, open_workspace
from worker.domain.disk_space import Need, WorkspaceBusyError

DISK_BYTES = 1000
MOST = Need(600, 600)


async def test_a_job_does_not_get_what_one_of_another_worker_has_reserved_and_not_yet_written(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            assert first.space.take(MOST)

            assert not second.space.take(MOST)
            assert second.space.take(Need(300, 300))
            assert not first.space.take(Need(900, 900))


async def test_what_another_worker_has_written_counts_once(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        async with one.job_directory() as first, other.job_directory() as second:
            assert first.space.take(Need(500, 500))
            (first.path / "output").write_bytes(bytes(400))

            assert second.space.take(Need(400, 400))

            second.space.give_back_beyond(Need(0, 0))
            first.space.keep_what_is_written()
            assert second.space.take(Need(500, 500))


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


class _Interrupted(FakeVolume):
    """Between a worker's look at the disk and its decision another one may do something."""

    interrupt: Callable[[], None] | None = None

    def free_bytes(self, directory: Path) -> int:
        free_bytes = super().free_bytes(directory)
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            interrupt()
        return free_bytes


async def test_what_a_dead_worker_had_reserved_is_free(tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    dead = tmp_path / "audio-worker-dead"
    dead.mkdir()
    with open_workspace(tmp_path / "elsewhere", volume):
        (dead / LOCK).write_text(f"{600:020d}")  # and nobody holds it
    with open_workspace(tmp_path / "again", volume) as workspace:
        others = OtherWorkers(lambda: dead.with_name("audio-worker-own"), volume)

        assert others.unwritten() == 0
        async with workspace.job_directory() as job:
            assert job.space.take(Need(900, 900))


@pytest.mark.parametrize("text", ["", "many", "-5", "12 34"])
def test_a_number_that_cannot_be_read_counts_as_nothing(text: str, tmp_path: Path) -> None:
    volume = FakeVolume(tmp_path, DISK_BYTES)
    with open_workspace(tmp_path, volume) as one, open_workspace(tmp_path, volume) as other:
        (_directory(one) / LOCK).write_text(text)

        assert OtherWorkers(lambda: _directory(other), volume).unwritten() == 0


def _directory(workspace: Workspace) -> Path:
    return workspace.directory
