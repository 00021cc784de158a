"""Where the objects of a stream lie, and what is known by their names."""

from __future__ import annotations

import pytest

from worker.domain.hls import PLAYLIST, Rendition, Segment, segment_name
from worker.domain.location import MAX_KEY_BYTES, ObjectLocation
from worker.domain.progress import Version
from worker.domain.stream_layout import (
    MAX_TARGET_BYTES,
    attempt_directory,
    claimed_by,
    directories_at,
    in_directory,
    is_made_by,
    job_directory,
    master_of,
    target_that_made,
)

TARGET = ObjectLocation("podcasts-out", "ep/")
RENDITION = Rendition(64, [Segment(1, 2, 6.0)])


def test_each_attempt_has_a_directory_of_its_own_that_does_not_show_the_jobs_id() -> None:
    versions = [Version(7, 1), Version(7, 1_000_001), Version(8, 1)]
    directories = {attempt_directory(job_id, each) for job_id in ("ep", "ep-2") for each in versions}

    assert len(directories) == 6
    assert not any("ep" in each for each in directories)
    assert all(attempt_directory("ep", each).startswith(job_directory("ep")) for each in versions)


def test_a_directory_says_with_which_version_its_attempt_was_claimed() -> None:
    version = Version(1_790_000_000_000_002, 1_000_001)

    assert claimed_by(attempt_directory("ep", version)) == version
    assert claimed_by(f"ep/{attempt_directory('ep', version)}") == version


@pytest.mark.parametrize("directory", ["", "/", "notes/", "1/", "1-/", "1-1-1/", "ep/1-1/64k/", "x1-1/"])
def test_other_directories_are_no_attempts(directory: str) -> None:
    assert claimed_by(directory) is None


def test_the_longest_name_beneath_the_longest_target_fits_into_a_key() -> None:
    longest = ObjectLocation("podcasts-out", "a" * (MAX_TARGET_BYTES - 1) + "/")
    directory = attempt_directory("ep", Version(9_999_999_999_999_999, 999_999_999_999))
    name = in_directory(longest, directory, Rendition(512, []), PLAYLIST)

    assert len(name.key) <= MAX_KEY_BYTES
    assert len(master_of(longest).key) <= MAX_KEY_BYTES


def test_what_is_made_beneath_a_target_is_known_by_its_name() -> None:
    directory = attempt_directory("ep", Version(7, 1))
    made = [in_directory(TARGET, directory, RENDITION, name) for name in (PLAYLIST, "init.mp4", segment_name(100_000))]

    for location in (master_of(TARGET), *made):
        assert target_that_made(location.key) == TARGET.key
        assert is_made_by("ep", TARGET, location)
        assert not is_made_by("ep", ObjectLocation("other-bucket", "ep/"), location)


@pytest.mark.parametrize(
    "name",
    ["ep/a.wav", "ep/amaster.m3u8", "ep/master.m3u8/a", "master.m3u8", "ep/64k/init.mp4", "ep/master.m3u8\n", "ep/"],
)
def test_what_has_another_name_was_not_made(name: str) -> None:
    assert target_that_made(name) is None
    assert not is_made_by("ep", TARGET, ObjectLocation("podcasts-out", name))


def test_only_the_jobs_own_directories_are_its() -> None:
    of_another = in_directory(TARGET, attempt_directory("ep-2", Version(7, 1)), RENDITION, PLAYLIST)

    assert not is_made_by("ep", TARGET, of_another)
    assert is_made_by("ep-2", TARGET, of_another)
    assert directories_at(TARGET, "ep") != directories_at(TARGET, "ep-2")
