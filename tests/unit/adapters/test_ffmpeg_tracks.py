"""How tracks are looked for that a demuxer knows by their packets alone."""

from __future__ import annotations

from tests.support.ffmpeg_log import DECODER, ERROR, MUXER, log_of, said
from worker.adapters.ffmpeg.command import probe_command, probed_by_packets
from worker.adapters.ffmpeg.failures import failure_of, lacks_a_track, no_track
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import Structure
from worker.domain.errors import NoAudioError, UnsupportedAudioError, WorkspaceFullError


def option(structure: Structure, name: str) -> str | None:
    command = probe_command("ffmpeg", Container.MPEGTS, 3, structure)
    return command[command.index(name) + 1] if name in command else None


def test_only_containers_without_a_list_of_tracks_are_searched_for_them() -> None:
    whole = Structure(0, 100)

    found = [each for each in Container if probed_by_packets(each, whole) is not None]

    assert found == [Container.MPEGTS, Container.MPEGPS]


def test_a_search_reads_as_far_as_a_track_begins_and_no_less_than_ffmpeg_reads_by_itself() -> None:
    for known, expected in ((None, 5_000_000), (4_900_000, 5_000_000), (9_000_000, 9_000_000)):
        structure = probed_by_packets(Container.MPEGTS, Structure(0, 100, probe_bytes=known))
        assert structure == Structure(0, 100, probe_bytes=expected)


def test_a_search_passes_over_tracks_of_which_nothing_is_known() -> None:
    usual, search = Structure(0, 100), Structure(0, 100, probe_bytes=9_000_000)

    assert (option(usual, "-probesize"), option(usual, "-map")) == (None, "0:a:disp:default?")
    assert (option(search, "-probesize"), option(search, "-map")) == ("9000000", "0:a:u")
    assert option(usual, "-analyzeduration") is None
    assert int(option(search, "-analyzeduration") or 0) > 7 * 86_400 * 10**6


def test_a_probe_that_cannot_describe_a_track_ends_with_a_code_of_its_own() -> None:
    assert [code for code in range(256) if lacks_a_track(code)] == [234]


def test_a_source_without_tracks_has_no_sound_and_one_whose_tracks_are_not_found_is_not_supported() -> None:
    tracks = log_of(said(MUXER, "framecrc", ERROR, "sample rate not set"))
    codec = log_of(said(DECODER, "aist#0:1/none", ERROR, "Decoding requested, but no decoder found"))
    others = (NoAudioError(), UnsupportedAudioError("the source has more than 1000 tracks"), WorkspaceFullError())

    for log in (tracks, codec):
        assert "in its first 128 MiB" in str(no_track(failure_of(234, log)))
    for other in others:
        assert no_track(other) is other
