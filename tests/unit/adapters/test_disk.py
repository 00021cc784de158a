"""The local disk: an artifact that is read with its prefix, how much can be written, and what is given back."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from tests.support.holes import fail_to_release
from worker.adapters import disk
from worker.adapters.disk import LocalVolume, read_artifact, release
from worker.ports import Artifact, NotReleasableError


@pytest.mark.parametrize("step", [1, 3, 4, 5, 100])
def test_an_artifact_read_in_steps_is_the_prefix_and_the_range(step: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"xx0123456789yy")
    artifact = Artifact(tmp_path / "file", 1.0, 2, 12, prefix=b"head")

    read = b"".join(read_artifact(artifact, offset, step) for offset in range(0, artifact.size_bytes, step))

    assert read == b"head0123456789"


def test_the_space_of_a_directorys_files_counts_as_far_as_they_are_written(tmp_path: Path) -> None:
    volume = LocalVolume()
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "source").write_bytes(bytes(1 << 20))
    with (tmp_path / "output").open("wb") as file:
        file.truncate(1 << 30)  # of which nothing is written

    assert 1 << 20 <= volume.used_bytes(tmp_path) < 2 << 20
    assert volume.used_bytes(tmp_path / "nothing") == 0


def test_a_volume_has_no_more_free_than_all(tmp_path: Path) -> None:
    volume = LocalVolume()

    assert 0 < volume.free_bytes(tmp_path) <= volume.size_bytes(tmp_path)


def test_a_full_disk_lacks_space_unless_its_inodes_are_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = os.statvfs(tmp_path)
    assert str(LocalVolume().full_error(tmp_path)) == "the workspace has no space left"

    full = os.statvfs_result((*stats[:5], 100, 0, 0, *stats[8:10], stats.f_fsid))
    monkeypatch.setattr(os, "statvfs", lambda _: full)

    assert str(LocalVolume().full_error(tmp_path)) == "the workspace has no inodes left"


def test_a_file_system_without_a_number_of_inodes_is_not_out_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = os.statvfs(tmp_path)
    without = os.statvfs_result((*stats[:5], 0, 0, 0, *stats[8:10], stats.f_fsid))
    monkeypatch.setattr(os, "statvfs", lambda _: without)

    assert str(LocalVolume().full_error(tmp_path)) == "the workspace has no space left"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives back parts of files")
def test_what_is_given_back_of_a_file_takes_no_space_and_the_rest_stays_where_it_was(tmp_path: Path) -> None:
    data = os.urandom(4 << 20)
    with (tmp_path / "file").open("wb") as file:
        file.write(data)
        file.flush()
        release(file.fileno(), 1 << 20, 3 << 20)

    assert LocalVolume().used_bytes(tmp_path) == 2 << 20
    assert (tmp_path / "file").read_bytes() == data[: 1 << 20] + bytes(2 << 20) + data[3 << 20 :]


@pytest.mark.parametrize(
    "code", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENODEV, errno.ENOTTY]
)
def test_a_file_system_or_a_filter_of_calls_that_gives_nothing_back_is_said_to_be_one(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_release(monkeypatch, code)

    with pytest.raises(NotReleasableError):
        release(0, 0, 4096)


def test_a_system_without_the_call_gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_fallocate", None)

    with pytest.raises(NotReleasableError):
        release(0, 0, 4096)


def test_a_call_that_a_signal_interrupts_is_made_again_and_an_error_of_the_disk_is_none_of_the_file_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_to_release(monkeypatch, errno.EINTR, errno.EIO)

    with pytest.raises(OSError, match="Input/output error"):
        release(0, 0, 4096)
