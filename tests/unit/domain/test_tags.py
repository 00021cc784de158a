"""Tags of rare and of hostile kinds."""

from __future__ import annotations

import itertools
import zlib

import pytest

from tests.support.reading import bytes_at
from worker.domain.containers.ogg_pages import page_checksum
from worker.domain.containers.structure import ReadAt
from worker.domain.tags.around import read_around
from worker.domain.tags.collecting import MAX_VALUE_BYTES, MAX_VALUES, Collector
from worker.domain.tags.genres import genre_names
from worker.domain.tags.id3 import read_id3
from worker.domain.tags.id3_writing import id3_in_front
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.mp4 import read_mp4
from worker.domain.tags.mp4_writing import with_items
from worker.domain.tags.ogg import read_ogg
from worker.domain.tags.riff import read_aiff
from worker.domain.tags.vorbis import read_comments, with_comments


def _id3(version: int, frames: bytes, flags: int = 0) -> ReadAt:
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return bytes_at(b"ID3" + bytes([version, 0, flags]) + size + frames)


def _frame(name: bytes, content: bytes, flags: bytes = b"\0\0", size: int | None = None) -> bytes:
    return name + (len(content) if size is None else size).to_bytes(4, "big") + flags + content


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def test_id3v2_2_has_names_of_three_letters() -> None:
    frames = b"TT2\0\0\x06\0Title" + b"COM\0\0\x09\0eng\0Note" + b"TRK\0\0\x05\x003/12" + b"TCP\0\0\x02\x001"

    assert read_id3(_id3(2, frames), 0) == {
        "TITLE": ("Title",),
        "COMMENT": ("Note",),
        "TRACKNUMBER": ("3",),
        "TRACKTOTAL": ("12",),
        "COMPILATION": ("1",),
    }


def test_the_sizes_of_an_old_itunes_are_distinguished_from_those_of_the_standard() -> None:
    long = b"\x03" + b"x" * 199

    by_itunes = _frame(b"TIT2", long) + _frame(b"TALB", b"\x03Album")
    by_the_standard = _frame(b"TIT2", long, size=0x0148) + _frame(b"TALB", b"\x03Album")

    for frames in (by_itunes, by_the_standard):
        assert read_id3(_id3(4, frames + bytes(20)), 0) == {"TITLE": ("x" * 199,), "ALBUM": ("Album",)}


@pytest.mark.parametrize("behind", [b"", b"\xff\xfb\x90\0", b"\xff\xfb\x90\0" * 500])
def test_a_tag_may_end_with_a_long_frame_however_short_the_sound_behind_it_is(behind: bytes) -> None:
    text = b"\x03" + b"x" * 399  # its size read as a plain number is beyond the tag, and may be beyond the file
    tag = _id3(4, _frame(b"TIT2", text, size=0x0310))(0, 1000)

    assert read_id3(bytes_at(tag + behind), 0) == {"TITLE": ("x" * 399,)}


def test_unsynchronised_and_compressed_frames_are_read_and_encrypted_ones_are_not() -> None:
    in_utf_16 = b"\x01\xff\xfe\xff\0"  # U+00FF
    unsynchronised = _frame(b"TIT2", in_utf_16).replace(b"\xff", b"\xff\0")
    compressed = zlib.compress(b"\x03Album")

    assert read_id3(_id3(3, unsynchronised, flags=0x80), 0) == {"TITLE": ("ÿ",)}
    assert read_id3(_id3(3, _frame(b"TALB", bytes(4) + compressed, b"\0\x80")), 0) == {"ALBUM": ("Album",)}
    assert read_id3(_id3(4, _frame(b"TALB", bytes(4) + compressed, b"\0\x09")), 0) == {"ALBUM": ("Album",)}
    assert read_id3(_id3(4, _frame(b"TALB", b"\x03Album", b"\0\x04")), 0) == {}


def test_people_of_id3_have_fields_by_their_roles_and_come_back() -> None:
    people = b"\x03producer\0P\0DJ-mix\0D"
    players = b"\x03violin\0V"

    tags = read_id3(_id3(4, _frame(b"TIPL", people) + _frame(b"TMCL", players)), 0)

    assert tags == {"PRODUCER": ("P",), "DJMIXER": ("D",), "PERFORMER": ("V (violin)",)}
    assert read_id3(bytes_at(id3_in_front(bytes_at(b""), Metadata(tags))[0]), 0) == tags


def test_an_id3_chunk_of_aiff_goes_before_its_chunks_of_text() -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + len(content).to_bytes(4, "big") + content + bytes(len(content) % 2)

    lyrics = b"\x03eng\0" + b"la" * 500
    frames = _frame(b"TIT2", b"\x03A title") + _frame(b"USLT", lyrics, size=0x076D)  # 1005, in seven bits a byte
    tag = b"ID3\x04\0\0\0\0" + bytes([len(frames) >> 7, len(frames) & 0x7F]) + frames
    chunks = chunk(b"NAME", b"Cut") + chunk(b"AUTH", b"Somebody\0") + chunk(b"SSND", bytes(9)) + chunk(b"ID3 ", tag)
    content = b"FORM\0\0\0\0AIFF" + chunks

    found = read_aiff(bytes_at(content), 0, len(content))

    assert found == {"TITLE": ("A title",), "LYRICS": ("la" * 500,), "ARTIST": ("Somebody",)}


def test_id3v1_counts_only_where_there_is_no_other_tag() -> None:
    id3v1 = b"TAG" + b"Title".ljust(30, b"\0") + bytes(64) + bytes(28) + b"\0\x07\x11"
    id3v2 = b"ID3\x04\0\0\0\0\0\x10" + _frame(b"TALB", b"\x03Album")
    sound = bytes(500)

    alone, beside = sound + id3v1, id3v2 + sound + id3v1

    assert read_around(bytes_at(alone), len(alone)) == {
        "TITLE": ("Title",),
        "TRACKNUMBER": ("7",),
        "GENRE": ("Rock",),
    }
    assert read_around(bytes_at(beside), len(beside)) == {"ALBUM": ("Album",)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("17", ["Rock"]),
        ("(17)", ["Rock"]),
        ("(4)(31)Own words", ["Disco", "Trance", "Own words"]),
        ("(17)Rock", ["Rock"]),
        ("((words", ["(words"]),
        ("Rock", ["Rock"]),
        ("250", ["250"]),
        ("", []),
    ],
)
def test_genres_go_by_number_or_name(text: str, names: list[str]) -> None:
    assert genre_names(text) == names


def test_what_an_atom_cannot_hold_goes_by_its_name() -> None:
    index = with_items(_box(b"moov", b""), Metadata({"TRACKNUMBER": ("A1",), "TRACKTOTAL": ("12",), "BPM": ("fast",)}))

    assert b"trkn" not in index
    assert b"tmpo" not in index
    assert read_mp4(bytes_at(index), len(index)) == {
        "TRACKNUMBER": ("A1",),
        "TRACKTOTAL": ("12",),
        "BPM": ("fast",),
    }


def test_items_of_quicktime_which_have_numbers_for_names_are_left_to_ffmpeg() -> None:
    items = _box(b"ilst", _box(b"\xa9nam", _box(b"data", b"\0\0\0\x01\0\0\0\0Title")))
    of_itunes, of_quicktime = (
        _box(b"moov", _box(b"udta", _box(b"meta", bytes(4) + _box(b"hdlr", bytes(8) + kind + bytes(13)) + items)))
        for kind in (b"mdir", b"mdta")
    )

    assert read_mp4(bytes_at(of_itunes), len(of_itunes)) == {"TITLE": ("Title",)}
    assert read_mp4(bytes_at(of_quicktime), len(of_quicktime)) == {}


def test_a_vorbis_comment_names_channels_and_chapters_of_its_own_file_alone() -> None:
    mask = b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x3"
    block = bytes(4) + (1).to_bytes(4, "little") + len(mask).to_bytes(4, "little") + mask

    assert read_comments(block) == {}
    assert mask in with_comments(block, Metadata({"TITLE": ("T",)}))
    assert read_comments(with_comments(bytes(8), Metadata({"DESCRIPTION": ("a note",)}))) == {"COMMENT": ("a note",)}


def test_fields_of_apples_programs_have_the_names_of_all_others() -> None:
    collector = Collector()
    for name in ("title", "year", "album", "location.ISO6709"):
        collector.add(f"com.apple.quicktime.{name}", name)

    assert collector.tags == {
        "TITLE": ("title",),
        "DATE": ("year",),
        "ALBUM": ("album",),
        "com.apple.quicktime.location.ISO6709": ("location.ISO6709",),
    }


def test_values_over_a_limit_are_left_out_whole() -> None:
    collector = Collector()
    collector.add("LYRICS", "x" * (MAX_VALUE_BYTES + 1))
    for number in range(MAX_VALUES + 10):
        collector.add("ARTIST", f"artist {number}")

    assert set(collector.tags) == {"ARTIST"}
    assert len(collector.tags["ARTIST"]) == MAX_VALUES


def test_values_that_are_empty_or_alike_are_not_looked_at_without_end() -> None:
    collector = Collector()

    collector.add_all("GENRE", itertools.chain(itertools.repeat("", 10), itertools.repeat("Rock")))

    assert collector.tags == {"GENRE": ("Rock",)}


def _a_flood_of_boxes() -> bytes:
    return _box(b"moov", _box(b"udta", _box(b"meta", bytes(4)) * 1_900) * 100)


def _a_flood_of_streams() -> bytes:
    page = b"OggS\0\x02" + bytes(20) + b"\1\1x"
    return (page[:22] + page_checksum(page).to_bytes(4, "little") + page[26:]) * 20_000


@pytest.mark.parametrize(
    ("file", "most_reads"), [(_a_flood_of_boxes(), 21_000), (_a_flood_of_streams(), 100)], ids=["boxes", "streams"]
)
def test_floods_end_after_a_bounded_number_of_reads(file: bytes, most_reads: int) -> None:
    reads = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal reads
        reads += 1
        assert size <= 1 << 24
        return file[offset : offset + size] if reads <= 2 * most_reads else b""

    assert read_mp4(read_at, len(file)) == {}
    assert read_ogg(read_at, 0) == {}
    assert reads <= most_reads


def test_a_bomb_of_compressed_frames_is_opened_within_bounds() -> None:
    bomb = _frame(b"TIT2", bytes(4) + zlib.compress(b"\x03" + b"x" * (1 << 24)), b"\0\x80")

    assert read_id3(_id3(3, bomb * 300), 0) == {}
