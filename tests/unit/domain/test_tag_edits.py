"""What a message changes of the tags, the chapters and the cover of an output."""

from __future__ import annotations

import pytest

from worker.domain.audio import AudioFormat
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.tags.chapters import Chapter
from worker.domain.tags.edits import Edits
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.pictures import Picture

_COVER, _OTHER = Picture(b"\xff\xd8\xff1", "image/jpeg"), Picture(b"\x89PNG\r\n\x1a\n2", "image/png")
_SOURCE = Metadata(
    {"TITLE": ("Old",), "ARTIST": ("A", "B"), "TRACKNUMBER": ("3",), "TRACKTOTAL": ("12",), "My Field": ("x",)},
    _COVER,
    (Chapter(0.0, "One"), Chapter(2.0, "Two")),
)


def test_without_changes_an_output_has_all_that_its_source_has() -> None:
    assert Edits().applied_to(_SOURCE) == _SOURCE


def test_a_tag_goes_by_any_of_its_names_and_one_text_takes_the_place_of_several() -> None:
    edits = Edits({"title": "New", "Artist": "C", "album_artist": "D", "MY FIELD": None, "Ünknown": "as it is"})

    assert edits.applied_to(_SOURCE).tags == {
        "TITLE": ("New",),
        "ARTIST": ("C",),
        "ALBUMARTIST": ("D",),
        "TRACKNUMBER": ("3",),
        "TRACKTOTAL": ("12",),
        "Ünknown": ("as it is",),
    }


@pytest.mark.parametrize(("keep_tags", "are_kept"), [(None, True), (True, True), (False, False)])
def test_tags_are_kept_unless_a_message_says_otherwise(keep_tags: bool | None, are_kept: bool) -> None:
    spec = OutputSpec(ObjectLocation("bucket", "key.mp3"), AudioFormat.MP3, keep_tags=keep_tags)

    assert bool(spec.edits.applied_to(_SOURCE).tags) == are_kept


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("4", {"TRACKNUMBER": ("4",)}),
        ("4/9", {"TRACKNUMBER": ("4",), "TRACKTOTAL": ("9",)}),
        (None, {}),
        ("", {}),
    ],
)
def test_a_track_is_set_or_removed_with_its_total(text: str | None, left: dict[str, tuple[str, ...]]) -> None:
    tags = Edits({"track": text}).applied_to(_SOURCE).tags

    assert {name: values for name, values in tags.items() if name.startswith("TRACK")} == left


def test_an_output_that_keeps_no_tags_has_those_that_are_set_alone_and_no_chapters() -> None:
    metadata = Edits({"comment": "one\ntwo", "encoder": "ours"}, keeps_tags=False).applied_to(_SOURCE)

    assert metadata == Metadata({"COMMENT": ("one\ntwo",), "encoder": ("ours",)}, _COVER)


def test_changes_can_be_members_of_sets_as_other_values_can() -> None:
    assert len({Edits({"title": "One"}), Edits({"title": "One"}), Edits({"title": "Two"})}) == 2


def test_a_cover_is_dropped_or_another_one_takes_its_place() -> None:
    assert Edits(keeps_cover=False).applied_to(_SOURCE).cover is None
    assert Edits(keeps_cover=False, cover=_OTHER).applied_to(_SOURCE).cover == _OTHER
