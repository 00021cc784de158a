"""What a run of ffmpeg said: its errors, and why it failed."""

from __future__ import annotations

import pytest

from tests.support.ffmpeg_log import (
    DECODER,
    DEMUXER,
    ENCODER,
    ERROR,
    FILTER,
    MUXER,
    RESET,
    VERBOSE,
    WARNING,
    log_of,
    said,
)
from worker.adapters.ffmpeg.failures import failure_of, has_hit_the_file_limit
from worker.adapters.ffmpeg.log import MAX_DESCRIPTION_BYTES, Log
from worker.domain.errors import ConverterCrashedError, ConverterFailedError, ErrorCode, UnsupportedAudioError


def test_a_converter_that_says_too_much_is_stopped() -> None:
    log = Log(max_bytes=100)
    log.feed(bytes(100))

    with pytest.raises(UnsupportedAudioError, match="says more than can be read"):
        log.feed(b"x")


def test_a_description_may_have_two_mebibytes() -> None:
    log = Log(MAX_DESCRIPTION_BYTES)
    log.feed(b"title: a chapter\n" * 123_361)

    with pytest.raises(UnsupportedAudioError, match="says more than can be read"):
        log.feed(b"title: a chapter\n")


def test_frames_of_flac_in_disorder_are_an_error_of_the_structure_though_only_warned_of() -> None:
    disorder = said(DEMUXER, "flac", WARNING, "sample/frame number mismatch in adjacent frames")

    error = log_of(disorder).demuxer_error

    assert error is not None
    assert error.is_of_source
    assert log_of(said(DEMUXER, "flac", WARNING, "another warning")).errors == []


NO_SPACE = "Error closing file: No space left on device"
NO_STREAMS = "Stream map '0:a' matches no streams."


@pytest.mark.parametrize(
    ("returncode", "stderr", "code"),
    [
        (8, "", ErrorCode.UNSUPPORTED_AUDIO),
        (176, "", ErrorCode.UNSUPPORTED_AUDIO),
        (134, "", ErrorCode.WORKSPACE_FULL),
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
        (
            255,
            said(DEMUXER, "in#0", ERROR, "Error opening input: Operation not permitted"),
            ErrorCode.UNSUPPORTED_AUDIO,
        ),
        (
            218,
            said(DEMUXER, "in#0", ERROR, "Error opening input: Function not implemented"),
            ErrorCode.UNSUPPORTED_AUDIO,
        ),
        (
            255,
            said(DEMUXER, "in#0", ERROR, "Error opening input: Immediate exit requested"),
            ErrorCode.CONVERTER_CRASHED,
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

    error, honest = failure_of(183, log_of(forged)), failure_of(183, Log())

    assert isinstance(honest, UnsupportedAudioError)
    assert (type(error), str(error)) == (type(honest), str(honest))


def test_zero_is_no_failure() -> None:
    assert failure_of(0, log_of(said(MUXER, "out#0/ogg", ERROR, NO_SPACE))) is None


def test_what_others_did_to_the_converter_is_no_failure_of_its_own() -> None:
    others = [failure_of(code, Log()) for code in (-9, -15, -24, 244, 245, 255)]
    own = [failure_of(code, Log()) for code in (-11, -6, 1, 139)]

    assert {type(error) for error in others} == {ConverterCrashedError}
    assert {type(error) for error in own} == {ConverterFailedError}


@pytest.mark.parametrize(
    ("returncode", "stderr", "sentence"),
    [
        (1, "", "the converter ended with code 1"),
        (1, said(MUXER, "out#0/ogg", ERROR, "Broken"), "the converter ended with code 1 in its muxer"),
        (1, said(DECODER, "aac", ERROR, "Broken"), "the converter ended with code 1"),
        (-11, "", "the converter was ended by SIGSEGV"),
        (-9, "", "the converter was ended by SIGKILL"),
        (-99, "", "the converter was ended by signal 99"),
    ],
)
def test_a_failure_of_the_converter_says_how_it_ended_and_in_which_part(
    returncode: int, stderr: str, sentence: str
) -> None:
    assert str(failure_of(returncode, log_of(stderr))) == sentence


def test_only_a_file_that_grew_too_large_has_hit_its_limit() -> None:
    assert [code for code in (-25, -9, 0, 228, 229, 230) if has_hit_the_file_limit(code)] == [-25, 229]


def test_what_follows_a_colour_is_described_unless_it_is_coloured_itself() -> None:
    assert log_of(f"{RESET}  Duration: N/A\n", f"{RESET}\x1bcoloured\n").described == "  Duration: N/A\n"


def test_a_full_disk_is_an_output_s_word_and_never_the_sources() -> None:
    assert isinstance(failure_of(183, log_of(said(DEMUXER, "mp3", ERROR, NO_SPACE))), UnsupportedAudioError)


def test_an_error_of_the_demuxer_is_seen_among_many_others() -> None:
    decoders = said(DEMUXER, "aist#0:0/mp3", ERROR, "Error submitting packet to decoder: Invalid data") * 1000
    demuxers = said(DEMUXER, "in#0/matroska,webm", ERROR, "Element at 0x8db8 exceeds containing master element")

    assert log_of(decoders).demuxer_error is None
    assert log_of(decoders, demuxers).demuxer_error is not None


@pytest.mark.parametrize(
    "text",
    [
        "AMF_DATA_TYPE_STRING parsing failed",
        "Missing AMF_END_OF_OBJECT in AMF_DATA_TYPE_OBJECT",
        "Missing AMF_END_OF_OBJECT in AMF_DATA_TYPE_MIXEDARRAY, found 0",
        "Keyframe index parsing failed",
        "Attached picture on track 2 has invalid mimetype",
    ],
)
def test_what_the_demuxer_cannot_read_of_metadata_is_no_error_of_the_sound(text: str) -> None:
    assert log_of(said(DEMUXER, "in#0/flv", ERROR, text)).demuxer_error is None
    assert log_of(said(DEMUXER, "in#0/flv", ERROR, f"Sound with {text}")).demuxer_error is not None


@pytest.mark.parametrize(
    ("text", "is_without_sound"),
    [(NO_STREAMS, True), ("Stream map '0:a' is odd.", False), ("it matches no streams", False)],
)
def test_an_error_of_a_stream_map_may_be_another_than_that_of_a_source_without_sound(
    text: str, *, is_without_sound: bool
) -> None:
    failure = failure_of(1, log_of(f"{RESET}\x1b[{ERROR}m{text}\n"))

    assert failure is not None
    assert (failure.code is ErrorCode.NO_AUDIO) == is_without_sound


def test_20_errors_are_kept_and_the_first_of_the_demuxer() -> None:
    of_decoder = [said(DECODER, "mp3", ERROR, f"broken {number}") for number in range(30)]
    of_demuxer = [said(DEMUXER, "mp3", ERROR, f"lost {number}") for number in range(2)]

    assert [error.text for error in log_of(*of_decoder).errors] == [f"broken {number}" for number in range(20)]
    assert [error.text for error in log_of(*of_decoder, *of_demuxer).errors][19:] == ["broken 19", "lost 0"]


@pytest.mark.parametrize(("printed", "is_none"), [("-1.000000", True), ("1.000000", False)])
def test_a_sample_that_is_no_number_is_printed_by_the_filter_that_makes_it_silence(
    printed: str, *, is_none: bool
) -> None:
    assert log_of(said(FILTER, "Parsed_aeval_1", VERBOSE, printed)).has_non_finite_samples == is_none


def test_a_rate_is_that_of_the_input_of_a_graph() -> None:
    text = "tb:1/44100 samplefmt:fltp samplerate:44100 chlayout:stereo"

    assert log_of(said(FILTER, "graph_0_in_3:0", VERBOSE, text)).rates_hz == {3: [44100]}
    assert log_of(said(FILTER, "another", VERBOSE, text)).rates_hz == {0: [44100]}


def test_only_the_decoder_says_that_a_channel_is_missing() -> None:
    text = "ChannelElement 0.0 missing"

    assert log_of(said(DECODER, "aac", VERBOSE, text) * 2).frames_without_channel == 2
    assert log_of(said(DECODER, "aac", VERBOSE, "another")).frames_without_channel == 0
    assert log_of(said(FILTER, "aac", VERBOSE, text)).frames_without_channel == 0
