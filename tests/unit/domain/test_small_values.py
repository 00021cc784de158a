"""Small values of the domain: limits, delays, names, places, and what the options of an output say."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.sounds import SOUND_FORMATS
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.backoff import Backoff
from worker.domain.cover import Cover
from worker.domain.encoding import LOSSY_BITS
from worker.domain.errors import DurationTooLongError, TooManyAttemptsError
from worker.domain.limits import ABSENT, AtLeast, Below, Choice, Count, CountIfList, Different, Limits, OneOf, Range
from worker.domain.location import ObjectLocation
from worker.domain.outcome import MessageAge
from worker.domain.output import OutputSpec
from worker.domain.report import SILENCE_DBFS
from worker.domain.source_format import SourceFormat
from worker.domain.tags.edits import Edits
from worker.domain.tags.pictures import Picture
from worker.domain.trimming import TrimSilence

PLACE = ObjectLocation("a-bucket", "key")


@pytest.mark.parametrize(
    ("limits", "allowed", "refused"),
    [
        (ABSENT, [None], [0, ""]),
        (Range(1, 3), [1, 3], [0, 4]),
        (AtLeast(2), [2, 3], [1]),
        (Below(2), [1], [2]),
        (OneOf((1, 3)), [1, 3], [2]),
        (Choice(("a", "b")), ["a"], ["c"]),
        (Count(1, 2), [(1,), (1, 2)], [(), (1, 2, 3)]),
        (CountIfList(1, 2), [(1, 2)], [(), (1, 2, 3)]),
        (Different(Count(1, 2), Below(5)), [(1,), (1, 2)], [(), (1, 1), (1, 5), (1, 2, 3)]),
    ],
)
def test_limits_allow_what_is_within_them(limits: Limits, allowed: list[Any], refused: list[Any]) -> None:
    for value in allowed:
        assert limits.allows(value)
        assert limits.problem_with(value) is None
    for value in refused:
        assert not limits.allows(value)
        assert limits.problem_with(value) is not None


def test_what_is_no_list_has_no_count() -> None:
    assert CountIfList(1, 2).problem_with(7) is None


def test_a_schema_says_that_items_are_different() -> None:
    assert Different(Count(1, 2), Below(5)).keywords() == {
        "minItems": 1,
        "maxItems": 2,
        "uniqueItems": True,
        "items": {"exclusiveMaximum": 5},
    }


def test_delays_double_up_to_a_cap_and_are_random_above_the_floor() -> None:
    backoff = Backoff(first_seconds=1.0, factor=2, cap_seconds=10.0, floor=0.25)

    assert [backoff.delay(attempt, 0.0) for attempt in (1, 2, 3, 4, 5, 1_000_000)] == [0.25, 0.5, 1.0, 2.0, 2.5, 2.5]
    assert backoff.delay(3, 0.5) == 2.5
    assert Backoff(1.0, 3.0, 1e9).delay(3, 0.5) == 4.5
    assert Backoff(1.0, 2.0, 1e300).delay(10**6, 1.0) == 2.0**64  # a longer streak is no longer a delay


def test_a_threshold_of_silence_is_told_of_full_scale() -> None:
    assert TrimSilence(threshold_db=-20.0).threshold == pytest.approx(0.1)
    assert TrimSilence(threshold_db=-60.0).threshold == pytest.approx(0.001)


@pytest.mark.parametrize(("url", "lacks_key"), [("s3://bucket", True), ("s3://bucket/", True), ("bucket/key", False)])
def test_a_place_without_a_key_is_told_so(url: str, *, lacks_key: bool) -> None:
    with pytest.raises(ValueError, match="must be s3://bucket/key") as caught:
        ObjectLocation.parse(url)
    assert ("and there is no key" in str(caught.value)) is lacks_key


def test_a_source_format_is_read_back() -> None:
    source = SourceFormat("wav", "pcm_s16le", 48_000, 2, 16, 1.5)

    assert SourceFormat.from_dict({**source.to_dict(), "newer": 1}) == source
    assert SourceFormat.from_dict(None) is None


def test_a_format_of_sound_is_one_file_that_can_be_heard() -> None:
    others = {AudioFormat.HLS, AudioFormat.WAVEFORM, AudioFormat.REPORT}

    assert set(SOUND_FORMATS) == set(FORMATS) - others


def an_output(audio_format: AudioFormat = AudioFormat.MP3, **options: Any) -> OutputSpec:
    return OutputSpec(PLACE, audio_format, **options)


def test_a_stream_is_made_once_for_each_of_its_bitrates() -> None:
    assert an_output().renditions == (an_output(),)
    stream = an_output(AudioFormat.HLS, bitrates_kbps=(64, 128))
    assert stream.renditions == tuple(an_output(AudioFormat.HLS, bitrate_kbps=each) for each in (64, 128))


PICTURE = Picture(b"\xff\xd8\xff", "image/jpeg")


@pytest.mark.parametrize(
    ("options", "edits"),
    [
        ({}, Edits()),
        ({"tags": {"title": "A"}}, Edits({"title": "A"})),
        ({"keep_tags": True}, Edits()),
        ({"keep_tags": False}, Edits(keeps_tags=False)),
        ({"cover": Cover(is_kept=False)}, Edits(keeps_cover=False)),
        ({"cover": Cover(picture=PICTURE)}, Edits(keeps_cover=False, cover=PICTURE)),
    ],
)
def test_an_output_says_what_it_changes_of_the_metadata(options: dict[str, Any], edits: Edits) -> None:
    assert an_output(**options).edits == edits


def test_the_content_of_a_cover_is_put_into_the_output_that_has_one() -> None:
    with_one = an_output(cover=Cover(location=PLACE))

    assert with_one.with_cover(PICTURE) == an_output(cover=Cover(location=PLACE, picture=PICTURE))
    assert with_one.cover_location == PLACE
    assert an_output().with_cover(PICTURE) == an_output()
    assert an_output().cover_location is None


def test_silence_is_below_50_dbfs_and_a_tenth_of_a_second_of_it_stays() -> None:
    assert TrimSilence() == TrimSilence(threshold_db=-50.0, keep_seconds=0.1)
    assert SILENCE_DBFS == -50.0


def test_a_sample_of_a_lossy_source_is_worth_16_bits() -> None:
    assert LOSSY_BITS == 16


def test_each_second_of_some_formats_takes_as_many_bytes_as_the_next() -> None:
    assert {name for name, rules in FORMATS.items() if rules.is_constant} == {"mp3", "wav", "aiff", "caf"}


def test_a_message_is_taken_for_new_where_nothing_is_said_of_it() -> None:
    assert MessageAge() == MessageAge(receives=1, seconds=0.0, seconds_left=math.inf)


def test_errors_say_what_they_are_told() -> None:
    assert str(DurationTooLongError(90.0, 60.0)) == "the source plays for 90 s; the limit is 60 s"
    assert str(DurationTooLongError(None, 60.0, sources=2)) == (
        "the sources together play for more than the limit of 60 s"
    )
    assert str(TooManyAttemptsError(5)) == "started 5 times: it never came to an end"
    assert str(TooManyAttemptsError(5, 2)) == "started 5 times: its worker died 2 times while it ran alone"
