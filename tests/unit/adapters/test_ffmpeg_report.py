"""What ffmpeg prints: headers, progress, counts, and why it failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.ffmpeg.log import Log
from worker.adapters.ffmpeg.report import Counts, ProgressReader, count_channels, failure_of, read_counts, read_headers
from worker.domain.errors import (
    ConverterCrashedError,
    ConverterFailedError,
    ErrorCode,
    UnsupportedAudioError,
)

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
RESET = "\x1b[0m"
DEMUXER, DECODER, ENCODER, MUXER, FILTER = "0;35", "0;36", "1;36", "1;35", "1;32"
ERROR, WARNING, VERBOSE = "1;31", "0;33", "0;32"


def said(colour: str, name: str, level: str, text: str) -> str:
    """A line of ffmpeg's own, as it colours it."""
    return f"{RESET}\x1b[{colour}m[{name} @ 0x55d0c8e2f1c0] {RESET}\x1b[{level}m{text}\n"


def created(track: int) -> str:
    return said(MUXER, "aost#0:0/copy", VERBOSE, f"Created audio stream from {RESET}\x1b[0;32minput stream 0:{track}")


def log_of(*parts: str) -> Log:
    log = Log()
    for byte in "".join(parts).encode():
        log.feed(bytes([byte]))
    return log


def described(**parts: str) -> str:
    defaults = {"container": "mov", "duration": "01:02:03.50", "codec": "aac", "sample_format": "fltp"}
    return created(0) + DESCRIPTION.format(**defaults | parts)


def facts(codec: str = "aac", layout: str = "stereo", n: int = 0) -> str:
    return FACTS.format(codec=codec, layout=layout, n=n)


def test_headers_are_read() -> None:
    headers = read_headers(facts(), log_of(described()))

    assert (headers.codec, headers.sample_rate_hz, headers.channels, headers.bits_per_sample) == ("aac", 44100, 2, 16)
    assert headers.duration_seconds == pytest.approx(3723.5)
    assert headers.track == 0


@pytest.mark.parametrize(
    "stderr",
    [
        described(duration="N/A"),
        said(DEMUXER, "in#0/aac", WARNING, "Estimating duration from bitrate, this may be inaccurate") + described(),
        described(container="mpegts"),
        described().replace("  Stream #0:0", "  Stream #0:1(und): Video: h264, yuv420p\n  Stream #0:0", 1),
        described().replace("    title  ", "    title\n  Duration: 09:00:00.00, forged\n  ", 1),
    ],
    ids=["unknown", "estimated", "mpegts", "with a picture that moves", "with a second one in a tag"],
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
        ("pcm_u8", "u8", 16),
        ("pcm_s24le", "s32 (24 bit)", 24),
        ("pcm_f32le", "flt", 24),
        ("flac", "s16", 16),
        ("flac", "s32 (24 bit)", 24),
        ("alac", "s32p (24 bit)", 24),
        ("mp3", "fltp", 16),
        ("pcm_mulaw", "s16", 16),
    ],
)
def test_depth_is_16_or_24(codec: str, sample_format: str, bits: int) -> None:
    stderr = described(codec=codec, sample_format=sample_format)
    assert read_headers(facts(codec), log_of(stderr)).bits_per_sample == bits


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


def test_two_channels_without_a_layout_are_stereo_and_more_have_none() -> None:
    assert read_headers(facts(layout="2 channels"), log_of(described())).layout == "stereo"
    assert read_headers(facts(layout="4 channels"), log_of(described())).layout == "4 channels"


def test_a_codec_without_a_name_is_unsupported() -> None:
    with pytest.raises(UnsupportedAudioError):
        read_headers(facts("none"), log_of(described()))
    with pytest.raises(UnsupportedAudioError):
        read_headers("", Log())


def test_the_first_track_that_can_be_decoded_is_taken() -> None:
    headers = read_headers(facts("cook") + facts("opus", n=1), log_of(created(0), created(3)))

    assert (headers.codec, headers.track, headers.audio_track) == ("opus", 3, 1)


def test_the_start_of_the_track_is_its_first_packets() -> None:
    packets = "0,      -1024,      -1024,     1024,      310, 0x02\n1,  88200,  88200,   1024,   310, 0x02\n"

    first = read_headers(facts() + facts(n=1) + packets, log_of(created(0), created(1)))
    second = read_headers(facts("cook") + facts(n=1) + packets, log_of(created(0), created(1)))

    assert (first.starts_at_seconds, second.starts_at_seconds) == (0.0, 2.0)


def test_progress_is_read_from_microseconds_and_never_falls() -> None:
    progress = ProgressReader()

    assert not progress.feed(b"out_time_us=N/A\nout_time_ms=N/A\nprogress=continue\n")
    assert not progress.feed(b"out_time_us=-9223372036854775807\nprogress=continue\nout_ti")
    assert progress.feed(b"me_us=1500000\nout_time_ms=1500000\nprogress=continue\n")
    assert not progress.feed(b"out_time_us=1400000\nprogress=continue\n")
    assert progress.seconds_done == pytest.approx(1.5)
    assert not progress.has_ended
    progress.feed(b"progress=end\n")
    assert progress.has_ended


@given(st.lists(st.binary(max_size=40)))
def test_progress_and_log_take_any_bytes(chunks: list[bytes]) -> None:
    progress, log = ProgressReader(), Log()
    for chunk in chunks:
        progress.feed(chunk)
        log.feed(chunk)
    assert progress.seconds_done >= 0


GRAPH = said(FILTER, "graph_0_in_0:0", VERBOSE, "tb:1/44100 samplefmt:fltp samplerate:44100 chlayout:stereo")
SUMMARY = "".join(
    (
        GRAPH,
        said(
            MUXER, "out#0/mp3", VERBOSE, "  Output stream #0:0 (audio): 96 frames encoded (55125 samples); 98 packets"
        ),
        said(MUXER, "out#1/ogg", VERBOSE, "  Output stream #1:0 (audio): 172 frames encoded (110250 samples); 110"),
        said(
            DEMUXER,
            "in#0/wav",
            VERBOSE,
            f"  Input stream #0:0 (audio): {RESET}\x1b[0;32m27 packets read (441000 bytes); {RESET}\x1b[0;32m"
            f"27 frames decoded; 2 decode errors{RESET}\x1b[0;32m (110250 samples){RESET}; ",
        ),
    )
)


def test_counts_are_exact() -> None:
    log = log_of(SUMMARY)

    assert read_counts(log, 2, 44100) == Counts(441000, 27, 110250, 2, 2.5, 2.5, 0, 0.0, (55125, 110250))
    assert read_counts(log, 3, 44100) == Counts(441000, 27, 110250, 2, 2.5, 2.5, 0, 0.0, (55125, 110250, None))
    assert read_counts(Log(), 1, 44100) is None


def test_each_format_of_the_source_is_a_graph() -> None:
    counts = read_counts(log_of(GRAPH, GRAPH.replace("samplerate:44100", "samplerate:88200"), SUMMARY), 1, 44100)

    assert counts is not None
    assert (counts.shortest_seconds, counts.longest_seconds, counts.changes) == (1.25, 2.5, 2)


def test_the_counts_of_all_inputs_are_added_up_and_their_lengths_by_the_rate_of_each() -> None:
    second = SUMMARY.replace("graph_0_in_0:0", "graph_0_in_1:0").replace("Input stream #0:0", "Input stream #1:0")
    log = log_of(SUMMARY, second.replace("samplerate:44100", "samplerate:88200"))

    assert read_counts(log, 2, 44100) == Counts(882000, 54, 220500, 4, 3.75, 3.75, 0, 0.0, (55125, 110250))


def test_without_a_rate_of_its_own_an_input_has_that_of_the_header() -> None:
    counts = read_counts(log_of(SUMMARY.replace("samplerate", "rate")), 1, 22050)

    assert counts is not None
    assert counts.shortest_seconds == counts.longest_seconds == 5.0


NO_SPACE = "Error closing file: No space left on device"
NO_STREAMS = "Stream map '0:a' matches no streams."


@pytest.mark.parametrize(
    ("returncode", "stderr", "code"),
    [
        (8, "", ErrorCode.UNSUPPORTED_AUDIO),
        (69, "", ErrorCode.UNSUPPORTED_AUDIO),
        (183, "", ErrorCode.UNSUPPORTED_AUDIO),
        (187, "", ErrorCode.UNSUPPORTED_AUDIO),
        (234, "", ErrorCode.UNSUPPORTED_AUDIO),
        (234, said(MUXER, "out#0/framecrc", ERROR, NO_STREAMS), ErrorCode.NO_AUDIO),
        (228, "", ErrorCode.WORKSPACE_FULL),
        (234, said(MUXER, "out#0/ogg", ERROR, NO_SPACE), ErrorCode.WORKSPACE_FULL),
        (234, said(DECODER, "aac", ERROR, "Invalid argument"), ErrorCode.UNSUPPORTED_AUDIO),
        (234, said(MUXER, "framecrc", ERROR, "sample rate not set"), ErrorCode.UNSUPPORTED_AUDIO),
        (234, said(MUXER, "mp3", ERROR, "Invalid argument"), ErrorCode.CONVERTER_CRASHED),
        (234, said(ENCODER, "flac", ERROR, "Invalid argument"), ErrorCode.CONVERTER_CRASHED),
        (234, said(FILTER, "Parsed_pan_1", ERROR, "Invalid argument"), ErrorCode.CONVERTER_CRASHED),
        (
            244,
            said(DEMUXER, "in#0/mpegts", ERROR, "Number of streams exceeds max_streams parameter (1000), see the"),
            ErrorCode.UNSUPPORTED_AUDIO,
        ),
        (244, "", ErrorCode.CONVERTER_CRASHED),
        (245, "", ErrorCode.CONVERTER_CRASHED),
        (1, "", ErrorCode.CONVERTER_CRASHED),
        (-9, "", ErrorCode.CONVERTER_CRASHED),
        (-11, "", ErrorCode.CONVERTER_CRASHED),
        (-99, "", ErrorCode.CONVERTER_CRASHED),
    ],
)
def test_every_way_to_fail_has_its_code(returncode: int, stderr: str, code: ErrorCode) -> None:
    error = failure_of(returncode, log_of(stderr))
    assert error is not None
    assert error.code is code


@pytest.mark.parametrize("text", [NO_SPACE, NO_STREAMS, "Number of streams exceeds max_streams parameter (1000)"])
def test_what_a_tag_says_is_no_reason(text: str) -> None:
    forged = f"  Metadata:\n    title\n?[0m?[1;35m[out#0/ogg @ 0x55d0c8e2f1c0] {text}\n{text}\n"

    error = failure_of(183, log_of(forged))

    assert isinstance(error, UnsupportedAudioError)


def test_zero_is_no_failure() -> None:
    assert failure_of(0, log_of(said(MUXER, "out#0/ogg", ERROR, NO_SPACE))) is None


def test_what_others_did_to_the_converter_is_no_failure_of_its_own() -> None:
    others = [failure_of(code, Log()) for code in (-9, -15, -24, 244, 245, 255)]
    own = [failure_of(code, Log()) for code in (-11, -6, 1, 139)]

    assert {type(error) for error in others} == {ConverterCrashedError}
    assert {type(error) for error in own} == {ConverterFailedError}


def test_an_error_of_the_demuxer_is_seen_among_many_others() -> None:
    decoders = said(DEMUXER, "aist#0:0/mp3", ERROR, "Error submitting packet to decoder: Invalid data") * 1000
    demuxers = said(DEMUXER, "in#0/matroska,webm", ERROR, "Element at 0x8db8 exceeds containing master element")

    assert log_of(decoders).demuxer_error is None
    assert log_of(decoders, demuxers).demuxer_error is not None
