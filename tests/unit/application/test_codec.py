"""A declaration is all that a member needs: each type that may be declared is read, refused and written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import pytest

from worker.application.messages.codec import name_of, read, write
from worker.domain.declaration import Field, Option, members_of, options_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation
from worker.domain.limits import AtLeast, Count, Range


class Codec(StrEnum):
    PCM = "pcm"
    MULAW = "mulaw"


@dataclass(frozen=True, slots=True)
class Loudness:
    target_lufs: Annotated[float, Field("Integrated loudness.", Range(-70, -5))]
    max_true_peak_dbtp: Annotated[float, Field("Highest true peak.", Range(-9, 0))] = -1


@dataclass(frozen=True, slots=True)
class Order:
    """A message with a member of each kind."""

    source: Annotated[ObjectLocation, Field("An object.")]
    loudness: Annotated[Loudness | None, Field("A nested object.")] = None
    keep_tags: Annotated[bool, Field("A truth value whose default is not null.")] = True
    bitrates_kbps: Annotated[tuple[int, ...], Field("A list.", Count(0, 6))] = ()
    parts: Annotated[tuple[Loudness, ...], Field("A list of objects.")] = ()
    codec: Annotated[Codec | None, Field("One of some words.")] = None
    crossfade_seconds: Annotated[float, Field("A number.", AtLeast(0))] = 0
    preset: Annotated[str | None, Field("A text.")] = None


FULL = {
    "source": "s3://podcasts-in/a.wav",
    "loudness": {"target_lufs": -16.5, "max_true_peak_dbtp": -2},
    "keep_tags": False,
    "bitrates_kbps": [64, 128],
    "parts": [{"target_lufs": -23}],
    "codec": "mulaw",
    "crossfade_seconds": 0.5,
    "preset": "podcast",
}
ORDER = Order(
    ObjectLocation("podcasts-in", "a.wav"),
    Loudness(-16.5, -2),
    keep_tags=False,
    bitrates_kbps=(64, 128),
    parts=(Loudness(-23),),
    codec=Codec.MULAW,
    crossfade_seconds=0.5,
    preset="podcast",
)


def test_every_kind_of_member_is_read_and_written_back() -> None:
    assert read(Order, FULL) == ORDER
    assert write(ORDER) == FULL


def test_what_has_its_default_is_left_out_and_null_is_the_default() -> None:
    short = {"source": "s3://podcasts-in/a.wav"}
    order = Order(ObjectLocation("podcasts-in", "a.wav"))
    assert write(order) == short
    assert read(Order, short) == order
    assert read(Order, dict.fromkeys(FULL) | short) == order


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"source": None}, "source: must be a string"),
        ({"loudness": 3}, "loudness: must be an object"),
        ({"loudness": {}}, "loudness.target_lufs: is required"),
        ({"loudness": {"target_lufs": -3}}, "loudness.target_lufs: must be from -70 to -5"),
        ({"loudness": {"target_lufs": True}}, "loudness.target_lufs: must be a number"),
        ({"loudness": {"target_lufs": -16, "lra": 7}}, "loudness.lra: is not known"),
        ({"keep_tags": 1}, "keep_tags: must be true or false"),
        ({"bitrates_kbps": 64}, "bitrates_kbps: must be a list"),
        ({"bitrates_kbps": [64, "64"]}, "bitrates_kbps[1]: must be a whole number"),
        ({"bitrates_kbps": [64, 64.0]}, "bitrates_kbps[1]: must be a whole number"),
        ({"bitrates_kbps": [64] * 7}, "bitrates_kbps: must be 0 to 6, not 7"),
        ({"parts": [{"target_lufs": -23}, {"target_lufs": 0}]}, "parts[1].target_lufs: must be from -70 to -5"),
        ({"codec": "alaw"}, "codec: must be one of pcm, mulaw"),
        ({"crossfade_seconds": -1}, "crossfade_seconds: must be at least 0"),
        ({"crossfade_seconds": float("nan")}, "crossfade_seconds: must be at least 0"),
        ({"preset": 7}, "preset: must be a string"),
        ({"priority": 3}, "priority: is not known"),
    ],
)
def test_a_refusal_names_the_path_of_the_member(changes: dict[str, Any], refusal: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        read(Order, FULL | changes)
    assert str(caught.value) == refusal


def test_a_kind_of_member_has_a_name_for_people() -> None:
    names = {member.name: name_of(member.type) for member in members_of(Order)}
    assert names == {
        "source": "a string",
        "loudness": "an object",
        "keep_tags": "true or false",
        "bitrates_kbps": "a list",
        "parts": "a list",
        "codec": "a string",
        "crossfade_seconds": "a number",
        "preset": "a string",
    }


def test_a_member_without_a_declaration_is_a_mistake_in_the_code() -> None:
    @dataclass
    class Undeclared:
        gain_db: float

    with pytest.raises(TypeError, match="gain_db is not declared"):
        members_of(Undeclared)


def test_options_are_the_members_whose_limits_depend_on_the_format() -> None:
    assert options_of(Order) == {}

    @dataclass
    class WithOption:
        target: Annotated[str, Field("No option.")]
        gain_db: Annotated[float | None, Option("An option.", lambda _: Range(-9, 9))] = None

    assert list(options_of(WithOption)) == ["gain_db"]
