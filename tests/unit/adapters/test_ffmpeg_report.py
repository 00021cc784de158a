"""What ffmpeg prints: headers, progress, counts, and why it failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.ffmpeg.process import ProcessResult
from worker.adapters.ffmpeg.report import Counts, ProgressReader, count_channels, failure_of, read_counts, read_headers
from worker.domain.errors import ErrorCode, UnsupportedAudioError

FACTS = "#codec_id 0: {codec}\n#sample_rate 0: 44100\n#channel_layout_name 0: {layout}\n"
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
    return DESCRIPTION.format(**defaults | parts)


def facts(codec: str = "aac", layout: str = "stereo") -> str:
    return FACTS.format(codec=codec, layout=layout)


def test_headers_are_read() -> None:
    headers = read_headers(facts(), described())

    assert (headers.codec, headers.sample_rate_hz, headers.channels, headers.bits_per_sample) == ("aac", 44100, 2, 16)
    assert headers.duration_seconds == pytest.approx(3723.5)


@pytest.mark.parametrize(
    "stderr",
    [
        described(duration="N/A"),
        "[in#0/aac] Estimating duration from bitrate, this may be inaccurate\n" + described(),
        described(container="mpegts"),
        described().replace("  Stream #0:0", "  Stream #0:1(und): Video: h264, yuv420p\n  Stream #0:0", 1),
    ],
    ids=["unknown", "estimated", "mpegts", "with a picture that moves"],
)
def test_a_length_that_would_be_a_guess_is_none(stderr: str) -> None:
    assert read_headers(facts(), stderr).duration_seconds is None


def test_a_cover_does_not_make_the_length_a_guess() -> None:
    cover = "  Stream #0:1: Video: png, rgb24, 900x900 (attached pic)\n"
    stderr = described().replace("Output #0", cover + "Output #0")
    assert read_headers(facts(), stderr).duration_seconds == pytest.approx(3723.5)


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
    assert read_headers(facts(codec), stderr).bits_per_sample == bits


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


def test_a_codec_without_a_name_is_unsupported() -> None:
    with pytest.raises(UnsupportedAudioError):
        read_headers(facts("none"), described())
    with pytest.raises(UnsupportedAudioError):
        read_headers("", "")


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
def test_progress_takes_any_bytes(chunks: list[bytes]) -> None:
    progress = ProgressReader()
    for chunk in chunks:
        progress.feed(chunk)
    assert progress.seconds_done >= 0


SUMMARY = """\
[graph_-1_in_0:0 @ 0x7f] tb:1/44100 samplefmt:fltp samplerate:44100 chlayout:stereo
[out#0/mp3 @ 0x55]   Output stream #0:0 (audio): 96 frames encoded (55125 samples); 98 packets muxed (20480 bytes);
[out#1/ogg @ 0x55]   Output stream #1:0 (audio): 172 frames encoded (110250 samples); 110 packets muxed (6526 bytes);
[in#0/wav @ 0x55]   Input stream #0:0 (audio): 27 packets read (441000 bytes); 27 frames decoded; \
2 decode errors (110250 samples);
"""


def test_counts_are_exact() -> None:
    assert read_counts(SUMMARY, 2) == Counts(441000, 110250, 44100, 2, (55125, 110250))
    assert read_counts(SUMMARY, 3) == Counts(441000, 110250, 44100, 2, (55125, 110250, None))
    assert read_counts("", 1) is None


@pytest.mark.parametrize(
    ("returncode", "stderr", "code"),
    [
        (8, "", ErrorCode.UNSUPPORTED_AUDIO),
        (69, "", ErrorCode.UNSUPPORTED_AUDIO),
        (183, "", ErrorCode.UNSUPPORTED_AUDIO),
        (187, "", ErrorCode.UNSUPPORTED_AUDIO),
        (234, "", ErrorCode.UNSUPPORTED_AUDIO),
        (234, "Stream map '' matches no streams.", ErrorCode.NO_AUDIO),
        (228, "", ErrorCode.WORKSPACE_FULL),
        (234, "Error closing file: No space left on device", ErrorCode.WORKSPACE_FULL),
        (245, "", ErrorCode.CONVERTER_CRASHED),
        (1, "", ErrorCode.CONVERTER_CRASHED),
        (-9, "", ErrorCode.CONVERTER_CRASHED),
        (-11, "", ErrorCode.CONVERTER_CRASHED),
        (-99, "", ErrorCode.CONVERTER_CRASHED),
    ],
)
def test_every_way_to_fail_has_its_code(returncode: int, stderr: str, code: ErrorCode) -> None:
    error = failure_of(ProcessResult(returncode, stderr))
    assert error is not None
    assert error.code is code


def test_zero_is_no_failure() -> None:
    assert failure_of(ProcessResult(0, "No space left on device")) is None
