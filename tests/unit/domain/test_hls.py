"""The playlists of a stream, by RFC 8216."""

from __future__ import annotations

import math

import pytest

from tests.support.hls import read_master, read_media
from worker.domain.hls import Rendition, Segment, master_playlist, media_playlist


def rendition(*parts: tuple[int, float], kbps: int = 64, init_bytes: int = 700) -> Rendition:
    """Of segments of so many bytes and seconds."""
    segments, begin = [], init_bytes
    for size_bytes, seconds in parts:
        segments.append(Segment(begin, begin + size_bytes, seconds))
        begin += size_bytes
    return Rendition(kbps, segments)


def test_the_peak_is_that_of_neighbours_of_half_to_one_and_a_half_of_the_longest() -> None:
    parts = [(1000, 4.0), (9000, 2.0), (9000, 2.0), (1000, 4.0)]

    of_four = rendition(*parts)

    assert of_four.target_seconds == 4
    assert of_four.bandwidth == 8 * 18_000 // 4
    assert rendition((1000, 4.0), (9000, 1.0), (1000, 4.0)).bandwidth == 8 * 10_000 // 5
    assert rendition((1000, 4.0), (9000, 2.5), (1000, 4.0)).bandwidth == 8 * 9000 * 2 // 5
    assert rendition((5000, 4.0), (9000, 1.5), (5000, 4.0), (9000, 1.5)).bandwidth == -(-8 * 14_000 * 2 // 11)


def test_a_playlist_is_of_the_version_for_fragments_and_a_file_ends_with_its_last_segment() -> None:
    of_three = rendition((6000, 6.0), (6000, 6.0), (3000, 0.5), init_bytes=700)

    assert media_playlist(of_three).splitlines()[1] == "#EXT-X-VERSION:7"
    assert (of_three.init_bytes, of_three.size_bytes) == (700, 15_700)


def test_the_lengths_of_the_segments_add_up_to_the_sounds() -> None:
    third = 6.0139229024943314
    playlist = read_media(media_playlist(rendition(*[(48_000, third)] * 3000)))

    assert playlist.seconds == pytest.approx(3000 * third, abs=2e-6)
    assert playlist.target_seconds == 6
    assert [name for name, _ in playlist.segments][::2999] == ["00000.m4s", "02999.m4s"]
    assert playlist.init == "init.mp4"


@pytest.mark.parametrize(
    ("seconds", "target"), [(6.49, 6), (6.5, 7), (6.4999997, 7), (6.4999994, 6), (0.01, 1), (2.0, 2)]
)
def test_no_segment_is_longer_than_the_target_duration_once_it_is_rounded(seconds: float, target: int) -> None:
    playlist = read_media(media_playlist(rendition((1000, seconds))))

    assert playlist.target_seconds == target
    assert all(math.floor(length + 0.5) <= target for _, length in playlist.segments)


def test_the_bandwidth_is_that_of_the_worst_neighbours_and_the_average_that_of_all() -> None:
    (variant,) = read_master(master_playlist([rendition((6000, 6.0), (12_000, 6.0), (6000, 6.0))], "a/1-1/"))

    assert variant.bandwidth == 16_000
    assert variant.average_bandwidth == 10_667
    assert variant.codecs == "mp4a.40.2"


def test_a_short_last_segment_counts_with_its_neighbour_alone() -> None:
    (variant,) = read_master(master_playlist([rendition((6000, 6.0), (3000, 0.5))], "a/1-1/"))

    assert variant.bandwidth == 11_077  # of both: half a second alone would be 48,000


def test_of_a_sound_shorter_than_a_segment_peak_and_average_are_the_same() -> None:
    (variant,) = read_master(master_playlist([rendition((500, 0.25))], "a/1-1/"))

    assert (variant.bandwidth, variant.average_bandwidth) == (16_000, 16_000)


def test_the_master_playlist_names_each_bitrate_in_its_order() -> None:
    several = [rendition((6000 * kbps, 6.0), kbps=kbps) for kbps in (128, 64, 256)]
    variants = read_master(master_playlist(several, "a/1-1/"))

    assert [variant.uri for variant in variants] == [f"a/1-1/{kbps}k/playlist.m3u8" for kbps in (128, 64, 256)]
