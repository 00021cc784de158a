"""What other users may put beside the directories of workers, in a root that all may write to, such as /tmp."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.volume import FakeVolume
from tests.support.worker_directories import a_directory
from worker.application.jobs.other_workers import OtherWorkers
from worker.application.jobs.worker_directory import LOCK, sweep

DISK_BYTES = 1000


def test_a_fifo_in_the_place_of_a_lock_holds_up_nobody(tmp_path: Path) -> None:
    with a_directory(tmp_path) as own:
        fifo = tmp_path / "audio-worker-fifo"
        fifo.mkdir()
        os.mkfifo(fifo / LOCK)

        with deadline(5):
            assert OtherWorkers(own, FakeVolume(tmp_path, DISK_BYTES)).reserved() == 0
            sweep(tmp_path)

    assert fifo.exists()


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """Raises AssertionError where the system's calls inside wait for longer."""

    def late(*_: object) -> None:
        raise AssertionError(f"not within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file another user's")
@pytest.mark.parametrize("name", [".", LOCK])
def test_what_another_user_announces_does_not_count_and_is_not_swept(name: str, tmp_path: Path) -> None:
    with a_directory(tmp_path) as own, a_directory(tmp_path) as foreign:
        foreign.announce(10**19)
        os.chown(foreign.path / name, 12345, -1)

        assert OtherWorkers(own, FakeVolume(tmp_path, DISK_BYTES)).reserved() == 0
        left = foreign.path.rename(tmp_path / "audio-worker-left")

    sweep(tmp_path)  # nobody holds the lock any more
    assert left.exists()


def test_a_link_to_a_worker_does_not_make_it_count_twice(tmp_path: Path) -> None:
    with a_directory(tmp_path) as own, a_directory(tmp_path) as other:
        other.announce(500)
        (tmp_path / "audio-worker-link").symlink_to(own.path)
        (tmp_path / "audio-worker-another").symlink_to(other.path)

        assert OtherWorkers(own, FakeVolume(tmp_path, DISK_BYTES)).reserved() == 500


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    with a_directory(tmp_path) as own, a_directory(tmp_path) as other:
        other.announce(500)
        linking = tmp_path / "audio-worker-linking"
        linking.mkdir()
        (linking / LOCK).symlink_to(other.path / LOCK)

        assert OtherWorkers(own, FakeVolume(tmp_path, DISK_BYTES)).reserved() == 500
