"""The playlists of a stream, by RFC 8216, and the names of what lies beneath its target."""

from __future__ import annotations

import pytest

from tests.support.hls import read_master, read_media
from worker.domain.hls import (
    MAX_TARGET_BYTES,
    PLAYLIST,
    Rendition,
    Segment,
    directory_of,
    master_playlist,
    media_location,
    media_playlist,
    visible_at,
)
from worker.domain.location import MAX_KEY_BYTES, ObjectLocation

TARGET = ObjectLocation("podcasts-out", "ep/")


def rendition(*parts: tuple[int, float], kbps: int = 64, init_bytes: int = 700) -> Rendition:
    """Of segments of so many bytes and seconds."""
    segments, begin = [], init_bytes
    for size_bytes, seconds in parts:
        segments.append(Segment(begin, begin + size_bytes, seconds))
        begin += size_bytes
    return Rendition(kbps, segments)


def test_the_lengths_of_the_segments_add_up_to_the_sounds() -> None:
    third = 6.0139229024943314
    playlist = read_media(media_playlist(rendition(*[(48_000, third)] * 3000)))

    assert playlist.seconds == pytest.approx(3000 * third, abs=2e-6)
    assert playlist.target_seconds == 6
    assert [name for name, _ in playlist.segments][::2999] == ["00000.m4s", "02999.m4s"]
    assert playlist.init == "init.mp4"


@pytest.mark.parametrize(("seconds", "target"), [(6.49, 6), (6.5, 7), (0.01, 1), (2.0, 2)])
def test_no_segment_is_longer_than_the_target_duration_once_it_is_rounded(seconds: float, target: int) -> None:
    assert read_media(media_playlist(rendition((1000, seconds)))).target_seconds == target


def test_the_bandwidth_is_that_of_the_worst_neighbours_and_the_average_that_of_all() -> None:
    (variant,) = read_master(master_playlist([rendition((6000, 6.0), (12_000, 6.0), (6000, 6.0))], "ep", 1))

    assert variant.bandwidth == 16_000
    assert variant.average_bandwidth == 10_667
    assert variant.codecs == "mp4a.40.2"


def test_a_short_last_segment_counts_with_its_neighbour_alone() -> None:
    (variant,) = read_master(master_playlist([rendition((6000, 6.0), (3000, 0.5))], "ep", 1))

    assert variant.bandwidth == 11_077  # of both: half a second alone would be 48,000


def test_of_a_sound_shorter_than_a_segment_peak_and_average_are_the_same() -> None:
    (variant,) = read_master(master_playlist([rendition((500, 0.25))], "ep", 1))

    assert (variant.bandwidth, variant.average_bandwidth) == (16_000, 16_000)


def test_the_master_playlist_names_each_bitrate_in_its_order() -> None:
    several = [rendition((6000 * kbps, 6.0), kbps=kbps) for kbps in (128, 64, 256)]
    directory = directory_of(TARGET, "ep", 1).key.removeprefix(TARGET.key)

    variants = read_master(master_playlist(several, "ep", 1))

    assert [variant.uri for variant in variants] == [f"{directory}{kbps}k/playlist.m3u8" for kbps in (128, 64, 256)]


def test_each_run_of_each_job_has_a_directory_of_its_own_that_does_not_show_the_jobs_id() -> None:
    directories = {directory_of(TARGET, job_id, run).key for job_id in ("ep", "ep-2") for run in (1, 2)}

    assert len(directories) == 4
    assert directory_of(TARGET, "ep", 1) == directory_of(TARGET, "ep", 1)
    assert all(each.startswith("ep/") and each.endswith("/") and "ep-2" not in each for each in directories)


def test_the_longest_name_beneath_the_longest_target_fits_into_a_key() -> None:
    longest = ObjectLocation("podcasts-out", "a" * (MAX_TARGET_BYTES - 1) + "/")
    name = media_location(directory_of(longest, "ep", 1), rendition((1, 1.0), kbps=512), PLAYLIST)

    assert len(name.key) <= MAX_KEY_BYTES
    assert len(visible_at(longest).key) <= MAX_KEY_BYTES


def test_a_file_is_visible_at_its_target_and_a_stream_at_its_master_playlist() -> None:
    assert visible_at(ObjectLocation("podcasts-out", "ep.mp3")).key == "ep.mp3"
    assert visible_at(TARGET).key == "ep/master.m3u8"
