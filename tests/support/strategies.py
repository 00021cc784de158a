"""What hypothesis draws: messages, proper and nearly, from the declarations of options and formats; and records."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from worker.application.messages.codec import write
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.cover import Cover
from worker.domain.declaration import Field, Member, members_of, options_of
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.joining import SourcePart
from worker.domain.limits import Below, Choice, Different, Limits, OneOf, Range
from worker.domain.loudness import OutputLoudness
from worker.domain.progress import ErrorInfo, OutputRecord, Record, Stage, Status, Version
from worker.domain.source_format import SourceFormat
from worker.domain.tags.edits import TagEdits

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_number = st.none() | st.integers(-1, 200_000) | any_json
nearly_an_output = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from(["s3://out/a", "s3://out/b", "s3://out/a/", "s3://in-bucket/a", "out"]) | any_json,
        "format": st.sampled_from([*AudioFormat, "mp4", "", 3]) | any_json,
        **dict.fromkeys(options_of(OutputSpec), _number),
        "unheard_of": any_json,
    },
)
_nearly_a_part = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(["s3://in-bucket/a", "s3://in-bucket/b", "in"]) | any_json,
        "start_seconds": st.none() | st.floats(-1, 10) | any_json,
        "end_seconds": st.none() | st.floats(-1, 10) | any_json,
    },
)
nearly_a_job = st.fixed_dictionaries(
    {},
    optional={
        "job_id": st.text(max_size=10) | any_json,
        "source": st.just("s3://in-bucket/a") | st.lists(_nearly_a_part, max_size=18) | any_json,
        "crossfade_seconds": st.none() | st.floats(-1, 61) | any_json,
        "outputs": st.lists(nearly_an_output, max_size=18) | any_json,
        "extra": any_json,
    },
)


def ends_of(limits: Limits) -> tuple[Any, Any]:
    """The first and the last whole number or text within the limits; twice the last where there is no first."""
    match limits:
        case Range(low, high):
            return low, high
        case OneOf(values) | Choice(values):
            return values[0], values[-1]
        case Below(bound):
            return bound - 1, bound - 1
        case Different(count, each):
            low, high = ends_of(each)
            return (low,), tuple(range(high, high - count.high, -1))
        case TagEdits():
            return {"title": "Eins", "Album Artist": None}, {"grüße": "zwei\nZeilen"}
        case _:
            raise NotImplementedError(f"no values are known for {limits!r}: say here what they are")


def ends_for(member: Member, limits: Limits) -> tuple[Any, Any]:
    """Two values of a member within the limits; of an object, with the ends of all its own members."""
    if member.type is Cover:
        return Cover.parse("keep"), Cover.parse("s3://podcasts-in/cover.jpg")
    if member.type is bool:
        return True, False
    if not dataclasses.is_dataclass(member.type):
        return ends_of(limits)
    inner = {name: ends_of(within) for name, within in _limits_within(member.type).items()}
    first, last = ({name: ends[number] for name, ends in inner.items()} for number in (0, 1))
    kind: Any = member.type
    return kind(**first), kind(**last)


def beside_for(member: Member, limits: Limits) -> list[Any]:
    """JSON just outside the limits; of an object, with one member that is."""
    if member.type in {Cover, bool}:
        return ["unheard of"]
    if not dataclasses.is_dataclass(member.type):
        return beside(limits)
    proper = write(ends_for(member, limits)[1])
    return [proper | {name: value} for name, each in _limits_within(member.type).items() for value in beside(each)]


def _limits_within(kind: Any) -> dict[str, Limits]:
    return {each.name: each.declared.limits for each in members_of(kind) if isinstance(each.declared, Field)}


def beside(limits: Limits) -> list[Any]:
    """Values just outside the limits."""
    first, last = ends_of(limits)
    if isinstance(limits, TagEdits):
        return [{"a=b": "x"}, {"title": "\0"}]
    if isinstance(limits, Different):
        return [[], [*last, first[0]], [first[0], first[0]], [first[0] - 1], [last[0] + 1]]
    return ["unheard of"] if isinstance(first, str) else [first - 1, last + 1]


def _values_of(member: Member, limits: Limits) -> st.SearchStrategy[Any]:
    if dataclasses.is_dataclass(member.type) or member.type is bool or isinstance(limits, TagEdits | Different):
        return st.sampled_from(ends_for(member, limits))
    return st.sampled_from(limits.values) if isinstance(limits, OneOf | Choice) else st.integers(*ends_of(limits))


@st.composite
def some_options(draw: st.DrawFn, audio_format: AudioFormat) -> dict[str, Any]:
    """Any options that the format can have together; those that are not given are left out."""
    rules = FORMATS[audio_format]
    options = {name: option for name, (_, option) in options_of(OutputSpec).items()}
    members = {name: member for name, (member, _) in options_of(OutputSpec).items()}
    given = {
        name: draw(_values_of(members[name], limits))
        for name, option in options.items()
        if (limits := option.limits(rules)) is not None and draw(st.booleans())
    }
    for name, option in options.items():
        for companion in option.companions:
            if name in given and companion.name in given and companion.given in {None, given[name]}:
                limits = companion.limits(rules)
                if limits is not None and not limits.allows(given[companion.name]):
                    del given[name]
    for name in list(given):
        if (extensions := options_of(OutputSpec)[name][1].extensions) and FORMATS[audio_format].extensions[
            0
        ] not in extensions:
            del given[name]
    if "end_seconds" in given and given["end_seconds"] <= given.get("start_seconds", 0):
        del given["end_seconds"]
    return given


_locations = st.builds(ObjectLocation, st.just("podcasts-in"), st.text(min_size=1, max_size=30))
_begins, _ends = st.none() | st.floats(0, 10), st.none() | st.floats(11, 10_000_000)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Any job that a message can ask for."""
    keys = st.text(min_size=1, max_size=30)
    outputs = []
    for number, key in enumerate(draw(st.lists(keys, min_size=1, max_size=16))):
        audio_format = draw(st.sampled_from(AudioFormat))
        target = ObjectLocation("podcasts-out", f"{number}-{key}{FORMATS[audio_format].endings[0]}")
        outputs.append(OutputSpec(target, audio_format, **draw(some_options(audio_format))))
    job_id = draw(st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True))
    parts = draw(st.lists(st.builds(SourcePart, _locations, _begins, _ends), min_size=1, max_size=16).map(tuple))
    crossfade_seconds = draw(st.floats(0, 60)) if len(parts) > 1 else 0.0
    return Job(
        job_id, draw(st.just(parts) | _locations) if len(parts) == 1 else parts, tuple(outputs), crossfade_seconds
    )


moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - bounds, made aware below
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)
versions = st.builds(Version, st.integers(0, 2**53), st.integers(1, 2**31))
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_seconds = st.none() | st.floats(0, 1e9)
_digests = st.none() | st.from_regex("[0-9a-f]{64}", fullmatch=True)
_lufs = st.none() | st.floats(-70, 0)
_loudness = st.none() | st.builds(OutputLoudness, _lufs, _lufs, _lufs)
_outputs = st.builds(
    OutputRecord, _text, st.none() | st.integers(0, 2**63), _seconds, _digests, _loudness, st.none() | _text
)
_counts = st.integers(1, 2**31)
_sources = st.builds(SourceFormat, _text, _text, _counts, _counts, st.none() | _counts, _seconds)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record that the rules allow."""
    status = draw(st.sampled_from(Status))
    return Record(
        job_id=draw(st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True)),
        status=status,
        stage=draw(st.sampled_from(Stage)) if status is Status.RUNNING else None,
        percent=100.0 if status is Status.COMPLETED else draw(st.floats(0, 99.9)),
        attempt=draw(st.integers(0, 100)),
        version=draw(versions),
        created_at=draw(moments),
        updated_at=draw(moments),
        eta_seconds=draw(_seconds),
        worker=draw(st.none() | _text),
        source=draw(st.none() | _text | st.lists(_text, min_size=1, max_size=3).map(tuple)),
        source_audio=draw(st.none() | _sources),
        outputs=tuple(draw(st.lists(_outputs, max_size=3))),
        error=draw(st.none() | st.builds(ErrorInfo, _text, _text, st.booleans())),
        repaired=tuple(draw(st.lists(_text, max_size=2))),
    )
