"""Each limit of what is accepted of a conversion, from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.adapters.ffmpeg.counts import Counts
from worker.adapters.ffmpeg.printed_headers import Headers
from worker.adapters.ffmpeg.verdict import check_counts, check_headers
from worker.domain.audio import AudioFormat
from worker.domain.containers.structure import Structure
from worker.domain.encoding import Encoding
from worker.domain.errors import ConverterCrashedError, DurationTooLongError, UnsupportedAudioError
from worker.ports import SourceAudio

RATE = 48_000
WAV = Encoding(AudioFormat.WAV, RATE, 2, 16, None)
MP3 = Encoding(AudioFormat.MP3, RATE, 2, 16, 128)
LOSSLESS = SourceAudio("wav", "pcm_s16le", RATE, 2, 16, 10.0, 2_000_000, Structure(44, 2_000_000))
LOSSY = replace(LOSSLESS, container="mp3", codec="mp3")
COUNTS = Counts(
    read_bytes=1_900_000,
    decoded_frames=500,
    decoded_samples=10 * RATE,
    decode_errors=0,
    shortest_seconds=10.0,
    longest_seconds=10.0,
    changes=0,
    left_out_seconds=0.0,
    encoded_samples=(10 * RATE,),
)
HEADERS = Headers("pcm_s16le", RATE, 2, "stereo", 16, False, 10.0, 0, 0, 0.0)


def judged(
    counts: Counts | None = COUNTS,
    audio: SourceAudio = LOSSLESS,
    *encodings: Encoding,
    max_seconds: float = 60.0,
) -> tuple[list[float], tuple[str, ...]]:
    verdict = check_counts(counts, audio, encodings or (WAV,), max_duration_seconds=max_seconds)
    return verdict.lengths, verdict.repaired


def of_seconds(decoded: float, *encoded: float) -> Counts:
    """Counts of a source and of its outputs, which have its rate."""
    return replace(
        COUNTS,
        decoded_samples=round(decoded * RATE),
        shortest_seconds=decoded,
        longest_seconds=decoded,
        encoded_samples=tuple(round(seconds * RATE) for seconds in encoded or (decoded,)),
    )


@pytest.mark.parametrize("rate_hz", [4000, 768_000])
@pytest.mark.parametrize("channels", [1, 16])
def test_headers_within_the_limits_are_taken(rate_hz: int, channels: int) -> None:
    check_headers(replace(HEADERS, sample_rate_hz=rate_hz, channels=channels))


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        (replace(HEADERS, sample_rate_hz=3999), "3999 Hz"),
        (replace(HEADERS, sample_rate_hz=768_001), "768001 Hz"),
        (replace(HEADERS, channels=17), "17 channels"),
        (replace(HEADERS, sample_rate_hz=1000), "1000 Hz is not supported"),
        (replace(HEADERS, sample_rate_hz=50_000_000), "50000000 Hz is not supported"),
        (replace(HEADERS, sample_rate_hz=999), "damaged: its header states 999 Hz"),
        (replace(HEADERS, sample_rate_hz=50_000_001), "damaged: its header states 50000001 Hz"),
        (replace(HEADERS, channels=255), "255 channels are not supported"),
        (replace(HEADERS, channels=256), "damaged: its header states 256 channels"),
        (replace(HEADERS, channels=0), "damaged: its header states 0 channels"),
    ],
)
def test_headers_beyond_a_limit_are_refused(headers: Headers, problem: str) -> None:
    with pytest.raises(UnsupportedAudioError, match=problem):
        check_headers(headers)


def test_counts_that_add_up_give_the_length_of_each_output() -> None:
    counts = replace(COUNTS, encoded_samples=(10 * RATE, 10 * RATE))

    assert judged(counts, LOSSLESS, WAV, MP3) == ([10.0, 10.0], ())


def test_a_run_without_a_summary_is_the_converters_fault() -> None:
    with pytest.raises(ConverterCrashedError, match="summary"):
        judged(None)


def test_a_source_without_a_sample_holds_no_sound() -> None:
    with pytest.raises(UnsupportedAudioError, match="no sound"):
        judged(replace(COUNTS, decoded_samples=0))


@pytest.mark.parametrize(
    ("audio", "shortest"),
    [
        (LOSSLESS, 10 - 0.011),
        (replace(LOSSY, container="asf"), 10 - 0.25),
        (replace(LOSSY, container="mp3"), 10 - 0.06),
        (replace(LOSSY, container="dts"), 10 - 0.06),
        (replace(LOSSY, container="ogg"), 10 - 0.06),
        (replace(LOSSY, container="matroska"), 9.0),
        (replace(LOSSLESS, container="matroska"), 9.0),
        (replace(LOSSLESS, container="flv"), 10 - 0.25),
    ],
    ids=str.split("lossless lossy counted-frames frames-of-DTS pages matroska lossless-in-matroska lossless-in-FLV"),
)
def test_what_is_shorter_than_its_header_states_is_cut_off(audio: SourceAudio, shortest: float) -> None:
    assert judged(of_seconds(shortest + 0.001), audio)[0] == [pytest.approx(shortest + 0.001, abs=0.0001)]

    with pytest.raises(UnsupportedAudioError, match=r"cut off or damaged: of 10\.00 s"):
        judged(of_seconds(shortest - 0.001), audio)


def test_without_a_stated_length_any_is_right() -> None:
    assert judged(of_seconds(0.5), replace(LOSSLESS, duration_seconds=None)) == ([0.5], ())


def test_a_source_may_be_a_quarter_of_a_second_over_the_limit() -> None:
    assert judged(max_seconds=9.76)[0] == [10.0]

    with pytest.raises(DurationTooLongError):
        judged(max_seconds=9.74)


def test_the_longest_output_counts_for_the_limit() -> None:
    with pytest.raises(DurationTooLongError):
        judged(of_seconds(9.0, 9.0, 10.0), replace(LOSSY, duration_seconds=None), WAV, MP3, max_seconds=9.5)


def test_two_frames_between_frames_may_be_skipped_and_that_is_said() -> None:
    # The first frame may be a tag that is not played, of up to 1441 bytes.
    audio = replace(LOSSY, structure=Structure(0, 100_000, frames_only=True))

    assert judged(replace(COUNTS, read_bytes=100_000 - 1441), audio)[1] == ()
    assert judged(replace(COUNTS, read_bytes=100_000 - 1442), audio)[1] == (
        "1 bytes between the frames are no audio and were skipped",
    )
    judged(replace(COUNTS, read_bytes=100_000 - 3 * 1441), audio)
    with pytest.raises(UnsupportedAudioError, match="between its frames"):
        judged(replace(COUNTS, read_bytes=100_000 - 3 * 1441 - 1), audio)


def test_more_bytes_read_than_there_are_frames_are_no_fault() -> None:
    assert judged(replace(COUNTS, read_bytes=200_000), replace(LOSSY, structure=Structure(0, 9, frames_only=True)))


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (LOSSLESS, "lossless"),
        (replace(LOSSLESS, container="matroska", codec="flac"), "lossless"),
        (replace(LOSSLESS, codec="adpcm_ms"), "not all of its audio"),
    ],
    ids=["lossless", "lossless with a clock", "lossy without a clock"],
)
def test_a_decode_error_is_a_loss_that_nothing_makes_good(audio: SourceAudio, problem: str) -> None:
    with pytest.raises(UnsupportedAudioError, match=problem):
        judged(replace(COUNTS, decode_errors=1), audio)


def test_a_missing_stretch_behind_a_pause_beyond_the_limit_is_that_pause() -> None:
    with pytest.raises(UnsupportedAudioError, match=r"a pause of 301\.5 s; .* 300 s is the limit"):
        judged(replace(of_seconds(2), left_out_seconds=301.5), replace(LOSSY, duration_seconds=303.5))


def test_what_was_repaired_is_said() -> None:
    audio = replace(LOSSY, structure=Structure(0, 9, repairs=("a frame lacks a byte",)), is_finite=False)

    assert judged(replace(COUNTS, decode_errors=3), audio)[1] == (
        "a frame lacks a byte",
        "0.06 s of sound could not be decoded (damaged frames: 3); silence took its place",
        "samples that are no finite numbers became silence",
    )


@pytest.mark.parametrize(("frames", "seconds"), [(0, "10.00"), (1, "10.00"), (2, "5.00")])
def test_a_lost_frame_counts_as_long_as_the_mean_of_those_that_were_decoded(frames: int, seconds: str) -> None:
    (sentence,) = judged(replace(COUNTS, decode_errors=1, decoded_frames=frames), LOSSY)[1]

    assert sentence.startswith(f"{seconds} s of sound could not be decoded")


def test_samples_that_turn_out_to_be_no_numbers_are_said() -> None:
    (sentence,) = judged(replace(COUNTS, has_non_finite_samples=True), replace(LOSSLESS, is_finite=None))[1]

    assert sentence == "samples that are no finite numbers became silence"


@pytest.mark.parametrize("is_finite", [True, None])
def test_only_samples_that_are_known_to_be_none_were_repaired(*, is_finite: bool | None) -> None:
    assert judged(COUNTS, replace(LOSSLESS, is_finite=is_finite))[1] == ()


def test_an_output_that_is_shorter_than_what_was_decoded_is_the_converters_fault() -> None:
    without_length = replace(LOSSY, duration_seconds=None)

    judged(of_seconds(10, 9.991), without_length)
    with pytest.raises(ConverterCrashedError, match=r"9.99 s of the source's 10.00 s"):
        judged(of_seconds(10, 9.989), without_length)


def test_an_output_may_be_longer_only_where_the_source_has_a_clock() -> None:
    judged(of_seconds(10, 15), replace(LOSSY, duration_seconds=None))
    judged(of_seconds(10, 10.009), LOSSLESS)

    with pytest.raises(ConverterCrashedError):
        judged(of_seconds(10, 10.011), LOSSLESS)


def test_outputs_are_as_long_as_each_other() -> None:
    judged(of_seconds(10, 15, 15.009), LOSSY, WAV, MP3)

    with pytest.raises(ConverterCrashedError, match="mp3"):
        judged(of_seconds(10, 15, 15.011), LOSSY, WAV, MP3)
    with pytest.raises(ConverterCrashedError, match="mp3"):
        judged(of_seconds(10, 15, 14.989), LOSSY, WAV, MP3)


def test_an_output_without_samples_is_the_converters_fault() -> None:
    with pytest.raises(ConverterCrashedError, match=r"wav output has 0\.00 s"):
        judged(replace(COUNTS, encoded_samples=(None,)), replace(LOSSY, duration_seconds=None))


def test_a_rate_that_changes_makes_the_length_lie_between_both() -> None:
    both = replace(COUNTS, longest_seconds=20.0, changes=1)
    audio = replace(LOSSLESS, duration_seconds=None)

    for seconds in (10.0, 15.0, 20.0):
        judged(replace(both, encoded_samples=(int(seconds * RATE),)), audio)
    for seconds in (9.98, 20.02):
        with pytest.raises(ConverterCrashedError):
            judged(replace(both, encoded_samples=(int(seconds * RATE),)), audio)


def test_each_change_may_leave_a_millisecond() -> None:
    changed = replace(of_seconds(10, 10 - 0.0195), changes=10)
    audio = replace(LOSSY, duration_seconds=None)

    judged(changed, audio)
    with pytest.raises(ConverterCrashedError):
        judged(replace(changed, changes=9), audio)


def test_each_joint_of_parts_may_leave_a_millisecond() -> None:
    audio = replace(LOSSY, duration_seconds=None, parts=(LOSSY,) * 11)

    judged(of_seconds(10, 10 - 0.0195), audio)
    with pytest.raises(ConverterCrashedError):
        judged(of_seconds(10, 10 - 0.0195), replace(audio, parts=(LOSSY,) * 10))


def test_silence_in_the_place_of_pauses_is_said_and_that_before_a_late_start_is_none() -> None:
    late = replace(LOSSY, container="matroska", duration_seconds=None, starts_at_seconds=2.0)
    for seconds, places, is_said in ((12.11, 2, True), (12.09, 2, False), (12.29, 1, False), (12.31, 1, True)):
        sentence = f"the source's clock has {seconds - 12:.2f} s without sound; silence took their place"
        assert judged(replace(of_seconds(10, seconds), filled_places=places), late)[1] == ((sentence,) * is_said)


def test_the_silence_of_frames_that_cannot_be_decoded_is_no_pause() -> None:
    damaged = replace(of_seconds(10, 10.5), decode_errors=20)  # of 500 frames in 10 s
    audio = replace(LOSSY, duration_seconds=None)

    (sentence,) = judged(damaged, audio)[1]
    assert "0.40 s of sound could not be decoded" in sentence
    assert len(judged(replace(damaged, encoded_samples=(round(10.6 * RATE),)), audio)[1]) == 2


@pytest.mark.parametrize("container", ["mpc", "mpc8"])
def test_a_musepack_file_has_the_samples_that_its_header_counts(container: str) -> None:
    audio = replace(LOSSY, container=container, codec="musepack8")

    judged(of_seconds(9.971), audio)
    with pytest.raises(UnsupportedAudioError, match="cut off or damaged"):
        judged(of_seconds(9.969), audio)


def test_parts_with_a_lossless_one_among_them_are_refused_where_a_frame_cannot_be_decoded() -> None:
    lossy = replace(LOSSY, container="ogg", parts=(LOSSY, LOSSY))
    damaged = replace(COUNTS, decode_errors=1)

    judged(damaged, lossy)
    with pytest.raises(UnsupportedAudioError, match="lossless"):
        judged(damaged, replace(lossy, parts=(LOSSY, replace(LOSSY, codec="flac"))))


def test_parts_are_as_exact_as_the_least_exact_of_them() -> None:
    flac = replace(LOSSLESS, container="ogg", codec="flac")

    judged(of_seconds(9.95), replace(flac, parts=(flac, LOSSY)))
    with pytest.raises(UnsupportedAudioError, match="cut off or damaged"):
        judged(of_seconds(9.95), replace(flac, parts=(flac, flac)))
