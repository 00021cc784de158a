"""What ffmpeg prints of a source, and of its progress."""

from __future__ import annotations

import pytest

from tests.support.ffmpeg_log import DEMUXER, FILTER, VERBOSE, WARNING, created, log_of, said
from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.printed_headers import count_channels, has_packet, read_headers
from worker.domain.errors import UnsupportedAudioError
from worker.domain.mixing import LAYOUTS

FACTS = """#tb {n}: 1/44100
#media_type {n}: audio
#codec_id {n}: {codec}
#sample_rate {n}: 44100
#channel_layout_name {n}: {layout}
"""
DESCRIPTION = """Input #0, {container}, from 'fd:':
  Metadata:
    title           : Duration: 99:00:00.00,
  Duration: {duration}, start: 0.025057, bitrate: 130 kb/s
  Stream #0:0[0x1](und): Audio: {codec}, 44100 Hz, stereo, {sample_format}, 128 kb/s (default)
Output #0, framecrc, to 'pipe:1':
  Stream #0:0: Audio: {codec}, 44100 Hz, stereo, {sample_format}
"""


def described(**parts: str) -> str:
    defaults = {"container": "mov", "duration": "01:02:03.50", "codec": "aac", "sample_format": "fltp"}
    return created(0) + DESCRIPTION.format(**defaults | parts)


def facts(codec: str = "aac", layout: str = "stereo", n: int = 0) -> str:
    return FACTS.format(codec=codec, layout=layout, n=n)


def test_headers_are_read() -> None:
    headers = read_headers(facts(), log_of(described()))

    assert (headers.codec, headers.sample_rate_hz, headers.channels, headers.bits_per_sample) == (
        "aac",
        44100,
        2,
        None,
    )
    assert headers.duration_seconds == pytest.approx(3723.5)
    assert (headers.track, headers.audio_track, headers.starts_at_seconds) == (0, 0, 0.0)
    assert not headers.is_float


@pytest.mark.parametrize(
    ("codec", "sample_format", "is_float"),
    [
        ("wavpack", "fltp", True),
        ("wavpack", "dblp", True),
        ("wavpack", "s16p", False),
        ("pcm_f32le", "flt", True),
        ("aac", "fltp", False),
    ],
)
def test_the_samples_of_pcm_and_of_wavpack_may_be_floats(codec: str, sample_format: str, *, is_float: bool) -> None:
    headers = read_headers(facts(codec), log_of(described(codec=codec, sample_format=sample_format)))

    assert headers.is_float == is_float


def test_what_is_told_twice_of_a_track_is_not_known() -> None:
    twice = described(codec="wavpack").replace("Output #0", "  Stream #0:0: Audio: wavpack, fltp\nOutput #0", 1)

    assert not read_headers(facts("wavpack"), log_of(twice)).is_float


@pytest.mark.parametrize(
    "stderr",
    [
        described(duration="N/A"),
        said(DEMUXER, "in#0/aac", WARNING, "Estimating duration from bitrate, this may be inaccurate") + described(),
        described(container="mpegts"),
        described(container="mpeg"),
        described().replace("  Stream #0:0", "  Stream #0:1(und): Video: h264, yuv420p\n  Stream #0:0", 1),
        described().replace("    title  ", "    title\n  Duration: 09:00:00.00, forged\n  ", 1),
    ],
    ids=["unknown", "estimated", "mpegts", "mpeg", "with a picture that moves", "with a second one in a tag"],
)
def test_a_length_that_would_be_a_guess_is_none(stderr: str) -> None:
    assert read_headers(facts(), log_of(stderr)).duration_seconds is None


def test_a_cover_does_not_make_the_length_a_guess() -> None:
    cover = "  Stream #0:1: Video: png, rgb24, 900x900 (attached pic)\n"
    stderr = described().replace("Output #0", cover + "Output #0")
    assert read_headers(facts(), log_of(stderr)).duration_seconds == pytest.approx(3723.5)


@pytest.mark.parametrize(
    ("codec", "sample_format", "bits"),
    [
        ("pcm_s16le", "s16", 16),
        ("pcm_u8", "u8", 8),
        ("pcm_s24le", "s32 (24 bit)", 24),
        ("pcm_s32le", "s32", 32),
        ("pcm_f32le", "flt", 32),
        ("pcm_f64le", "dbl", 64),
        ("flac", "s16", 16),
        ("flac", "s32 (24 bit)", 24),
        ("alac", "s32p (24 bit)", 24),
        ("flac", "s16 (8 bit)", 8),
        ("alac", "s32p (20 bit)", 20),
        ("mp3", "fltp", None),
        ("pcm_mulaw", "s16", 8),
    ],
)
def test_the_depth_is_that_of_stored_samples_and_lossy_codecs_have_none(
    codec: str, sample_format: str, bits: int | None
) -> None:
    stderr = described(codec=codec, sample_format=sample_format)
    assert read_headers(facts(codec), log_of(stderr)).bits_per_sample == bits


def test_a_depth_that_is_not_told_is_taken_for_16_bits() -> None:
    assert read_headers(facts("flac"), log_of(described(codec="flac", sample_format="xyz"))).bits_per_sample == 16


@pytest.mark.parametrize(
    ("layout", "channels"),
    [
        ("mono", 1),
        ("stereo", 2),
        ("2.1", 3),
        ("quad(side)", 4),
        ("5.1(side)", 6),
        ("7.1(wide)", 8),
        ("7.1.4", 12),
        ("20 channels", 20),
        ("3 channels (FL+FR+LFE)", 3),
        ("ambisonic 1", None),
        ("", None),
    ],
)
def test_channels_are_counted_by_the_name_of_the_layout(layout: str, channels: int | None) -> None:
    assert count_channels(layout) == channels


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_channels_of_every_layout_are_counted(name: str) -> None:
    assert count_channels(name) == len(LAYOUTS[name])


def test_two_channels_without_a_layout_are_stereo_and_more_have_none() -> None:
    assert read_headers(facts(layout="2 channels"), log_of(described())).layout == "stereo"
    assert read_headers(facts(layout="1 channels"), log_of(described())).layout == "mono"
    assert read_headers(facts(layout="4 channels"), log_of(described())).layout == "4 channels"


def test_a_codec_without_a_name_is_unsupported() -> None:
    with pytest.raises(UnsupportedAudioError):
        read_headers(facts("none"), log_of(described()))
    with pytest.raises(UnsupportedAudioError):
        read_headers("", Log())


def test_ambisonic_sound_is_passed_over_and_named_where_there_is_no_other() -> None:
    ambisonic = facts("opus", "ambisonic 1")

    assert read_headers(ambisonic + facts(n=1), log_of(created(0), created(1))).audio_track == 1
    for others in ("", facts("cook", n=1)):
        with pytest.raises(UnsupportedAudioError, match="ambisonic"):
            read_headers(ambisonic + others, log_of(created(0), created(1)))
    with pytest.raises(UnsupportedAudioError, match="codec is not supported"):
        read_headers(facts("cook", "ambisonic 1"), log_of(created(0)))


def test_the_first_track_that_can_be_decoded_is_taken() -> None:
    headers = read_headers(facts("cook") + facts("opus", n=1), log_of(created(0), created(3)))

    assert (headers.codec, headers.track, headers.audio_track) == ("opus", 3, 1)


def test_the_start_of_the_track_is_its_first_packets() -> None:
    packets = "0,      -1024,      -1024,     1024,      310, 0x02\n1,  88200,  88200,   1024,   310, 0x02\n"

    first = read_headers(facts() + facts(n=1) + packets, log_of(created(0), created(1)))
    second = read_headers(facts("cook") + facts(n=1) + packets, log_of(created(0), created(1)))

    assert (first.starts_at_seconds, second.starts_at_seconds) == (0.0, 2.0)


@pytest.mark.parametrize("time_base", ["1/0", "x/44100", "1/x", "1"])
def test_without_a_time_base_that_makes_sense_the_track_starts_at_once(time_base: str) -> None:
    said_by_ffmpeg = facts().replace("1/44100", time_base) + "0,  88200,  88200,   1024,   310, 0x02\n"

    assert read_headers(said_by_ffmpeg, log_of(created(0))).starts_at_seconds == 0.0


def test_a_measurement_of_too_many_stretches_is_refused_because_the_last_one_may_count() -> None:
    line = b"\x1b[0m\x1b[1;32m[astats@ends @ 0x55] \x1b[0mMax level: %d\n"
    lines = b"".join(line % number for number in range(100_000))

    with pytest.raises(UnsupportedAudioError, match="changes too often"):
        Log().feed(lines)


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[0m\x1b[1;32m[silencedetect@s{n} @ 0x55] \x1b[0msilence_start: 1\n",
        said(
            VERBOSE,
            "in",
            VERBOSE,
            "  Input stream #{n}:0 (audio): 1 packets read (1 bytes); 1 frames decoded; 0 decode errors (1 samples)",
        ),
        said(FILTER, "graph_0_in_{n}:0", VERBOSE, "tb:1/1 samplefmt:s16 samplerate:1 chlayout:mono"),
    ],
)
def test_names_without_end_are_refused(line: str) -> None:
    lines = "".join(line.format(n=number) for number in range(2000)).encode()

    with pytest.raises(UnsupportedAudioError, match="says more than can be read"):
        Log().feed(lines)


@pytest.mark.parametrize(
    ("base", "first", "seconds"),
    [
        ("1/44100", "44100", 1.0),
        ("3/1000", "500", 1.5),
        ("1/44100", "-44100", 0.0),
        ("1/0", "5", 0.0),
        ("x/1000", "5", 0.0),
    ],
)
def test_a_track_begins_with_its_first_packet(base: str, first: str, seconds: float) -> None:
    packets = f"0, {first}, {first}, 1024, 300, 0x0\n0, 99999, 99999, 1024, 300, 0x0\n"

    found = read_headers(facts().replace("1/44100", base) + packets, log_of(described()))

    assert found.starts_at_seconds == seconds


def test_the_first_packet_of_a_track_shows_that_all_is_said_of_it() -> None:
    assert not has_packet(facts())
    assert has_packet(facts() + "0,          0,          0,     1024,      371, 0x2e9e5a41\n")
