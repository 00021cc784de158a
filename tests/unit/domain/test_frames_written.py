"""Each field as the frame of ID3 that it is written as, the front of a file, and which edits of tags are allowed."""

from __future__ import annotations

import pytest

from tests.support.reading import bytes_at
from worker.domain.audio import AudioFormat
from worker.domain.tags.collecting import MAX_BYTES, MAX_OFFERED, MAX_VALUE_BYTES, Collector
from worker.domain.tags.edits import MAX_ARGUMENT_BYTES, TagEdits
from worker.domain.tags.genres import GENRES, genre_name
from worker.domain.tags.id3_frames import frame, syncsafe
from worker.domain.tags.id3_writing import id3_tag
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.writing import front_of


@pytest.mark.parametrize(
    ("tags", "frames"),
    [
        ({"TITLE": ("A", "B")}, [frame(b"TIT2", b"\x03A\0B")]),
        ({"COMMENT": ("A", "B")}, [frame(b"COMM", b"\x03eng\0A\n\nB")]),
        ({"LYRICS": ("A", "B")}, [frame(b"USLT", b"\x03eng\0A\n\nB")]),
        ({"iTunNORM": ("A", "B")}, [frame(b"COMM", b"\x03engiTunNORM\0A")]),
        ({"WEBSITE": ("http://é.example", "B")}, [frame(b"WOAR", b"http://\xe9.example")]),
        ({"DATE": ("2021-12", "2022")}, [frame(b"TDRC", b"\x032021-12\x002022")]),
        ({"DATE": ("2021-12-31T07:00:00Z",)}, [frame(b"TDRC", b"\x032021-12-31T07:00:00")]),
        ({"DATE": ("20211231",)}, [frame(b"TDRC", b"\x032021-12-31")]),
        ({"DATE": ("20211331",)}, [frame(b"TXXX", b"\x03DATE\x0020211331")]),
        ({"DATE": ("May 2021",)}, [frame(b"TXXX", b"\x03DATE\0May 2021")]),
        ({"MUSICBRAINZ_ALBUMID": ("A",)}, [frame(b"TXXX", b"\x03MusicBrainz Album Id\0A")]),
        ({"Own": ("A", "B")}, [frame(b"TXXX", b"\x03Own\0A\0B")]),
        ({"WORK": ("A",)}, [frame(b"TXXX", b"\x03WORK\0A")]),
        ({"TRACKNUMBER": ("3",), "TRACKTOTAL": ("9",)}, [frame(b"TRCK", b"\x033/9")]),
        (
            {"TRACKNUMBER": ("3",), "DISCTOTAL": ("9",)},
            [frame(b"TRCK", b"\x033"), frame(b"TXXX", b"\x03DISCTOTAL\x009")],
        ),
        ({"MIXER": ("A", "B")}, [frame(b"TIPL", b"\x03mix\0A\0mix\0B")]),
        ({"PERFORMER": ("A (violin)", "B")}, [frame(b"TMCL", b"\x03violin\0A\0\0B")]),
        ({}, []),
    ],
)
def test_each_field_is_written_as_its_frame(tags: dict[str, tuple[str, ...]], frames: list[bytes]) -> None:
    body = b"".join(frames)

    assert id3_tag(Metadata(tags)) == (b"ID3\x04\0\0" + syncsafe(len(body)) + body if body else b"")


LONGEST = MAX_VALUE_BYTES // 4


@pytest.mark.parametrize(
    ("edits", "is_allowed"),
    [
        ({"title": "A", "Own field": None, "Ü": ""}, True),
        ({f"n{number}": "x" for number in range(100)}, True),
        ({f"n{number}": "x" for number in range(101)}, False),
        ({"a=b": "x"}, False),
        ({"n" * 100: "x"}, True),
        ({"n" * 101: "x"}, False),
        ({"encoder": "x"}, True),
        ({"iTunSMPB": "x"}, False),
        ({"title": "x" * LONGEST}, True),
        ({"title": "x" * (LONGEST + 1)}, False),
        ({"title": "a\0b"}, False),
    ],
)
def test_edits_have_names_and_texts_within_limits(edits: dict[str, str | None], *, is_allowed: bool) -> None:
    assert TagEdits().allows(edits) is is_allowed
    assert (TagEdits().problem_with(edits) is None) is is_allowed


def test_what_the_converter_writes_has_64_kib_in_all() -> None:
    half = "é" * (MAX_ARGUMENT_BYTES // 4)

    assert TagEdits(by_converter=True).allows({"title": half, "artist": half})
    assert not TagEdits(by_converter=True).allows({"title": half, "artist": half, "album": "x"})
    assert TagEdits().allows({"title": half, "artist": half, "album": "x"})


def test_a_schema_says_the_same_limits() -> None:
    keywords = TagEdits().keywords()

    assert keywords["maxProperties"] == 100
    assert keywords["additionalProperties"]["maxLength"] == 65_536 == LONGEST


def test_a_genre_that_has_no_number_goes_by_what_is_there() -> None:
    assert genre_name(len(GENRES) - 1, "other") == "Psybient"
    assert genre_name(len(GENRES), "other") == "other"


def test_values_are_kept_up_to_a_mebibyte_in_all() -> None:
    collector = Collector()
    for number in range(5):
        collector.add(f"F{number}", str(number) * MAX_VALUE_BYTES)
    collector.add("LAST", "x")
    assert set(collector.tags) == {"F0", "F1", "F2", "F3"}
    assert MAX_BYTES == 4 * MAX_VALUE_BYTES

    collector = Collector()
    collector.add("LONG", "x" * (MAX_VALUE_BYTES + 1))
    assert collector.tags == {}


def test_ten_thousand_values_are_looked_at() -> None:
    for others, tags in ((MAX_OFFERED - 1, {"TITLE": ("A",)}), (MAX_OFFERED, {})):
        collector = Collector()
        collector.add_all("MOOD", [""] * others)
        collector.add("TITLE", "A")
        assert collector.tags == tags


def test_a_file_whose_headers_have_another_form_stays_as_it_is() -> None:
    for audio_format in (AudioFormat.OPUS, AudioFormat.CAF):
        front = front_of(audio_format, bytes_at(b"no pages"), 8, Metadata({"TITLE": ("A",)}))

        assert (front.prefix, front.start, front.stop, list(front.patches)) == (b"", 0, 8, [])
