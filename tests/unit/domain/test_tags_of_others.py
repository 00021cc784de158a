"""Tags as another library writes them are read, and ours are read by it: field by field, of every length."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, TALB, TCON, TIT2, TPE1, TRCK, TXXX, USLT
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from tests.support.frames import MPEG_FRAME
from tests.support.reading import bytes_at
from tests.support.sounds import sound
from worker.domain.containers import ogg
from worker.domain.tags.around import read_around
from worker.domain.tags.flac import flac_in_front, read_flac
from worker.domain.tags.metadata import Metadata
from worker.domain.tags.ogg import ogg_in_front, read_ogg
from worker.domain.tags.riff import read_riff

SOUND = MPEG_FRAME * 20
LENGTHS = (1, 2, 127, 128, 129, 255, 256, 300, 3000)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def wav(*chunks: bytes) -> bytes:
    return b"RIFF\xff\xff\xff\xffWAVE" + b"".join(chunks)


def id3_of(version: int, length: int) -> bytes:
    tags = ID3()
    tags.add(TIT2(encoding=3 if version == 4 else 1, text=["T" * length]))
    tags.add(TPE1(encoding=0, text=["Caf\xe9"]))
    tags.add(TALB(encoding=1, text=["Ä" * (length // 2 + 1)]))
    tags.add(TRCK(encoding=0, text=["3/12"]))
    tags.add(TCON(encoding=0, text=["(17)"]))
    tags.add(COMM(encoding=1, lang="eng", desc="", text=["A ‘note’"]))
    tags.add(USLT(encoding=1, lang="eng", desc="", text="la\nla"))
    tags.add(TXXX(encoding=1, desc="MOOD", text=["Blue"]))
    if version == 3:
        tags.update_to_v23()
    file = BytesIO()
    tags.save(file, v2_version=version, padding=lambda _: length)
    return file.getvalue()


def id3_tags(length: int) -> dict[str, tuple[str, ...]]:
    return {
        "TITLE": ("T" * length,),
        "ARTIST": ("Café",),
        "ALBUM": ("Ä" * (length // 2 + 1),),
        "TRACKNUMBER": ("3",),
        "TRACKTOTAL": ("12",),
        "GENRE": ("Rock",),
        "COMMENT": ("A ‘note’",),
        "LYRICS": ("la\nla",),
        "MOOD": ("Blue",),
    }


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("length", LENGTHS)
def test_id3_in_front_is_read_in_the_encodings_of_each_version(version: int, length: int) -> None:
    file = id3_of(version, length) + SOUND

    assert read_around(bytes_at(file), len(file)) == id3_tags(length)


@pytest.mark.parametrize("length", LENGTHS)
def test_id3_in_a_chunk_of_wav_goes_before_its_info(length: int) -> None:
    info = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Another\0") + chunk(b"IENG", b"Somebody\0"))
    for name in (b"id3 ", b"ID3 "):
        file = wav(chunk(b"fmt ", bytes(16)), info, chunk(b"data", bytes(length)), chunk(name, id3_of(4, length)))

        assert read_riff(bytes_at(file), 0, len(file)) == {**id3_tags(length), "ENGINEER": ("Somebody",)}
        assert read_riff(bytes_at(b"junk" + file), 4, 4 + len(file)) == read_riff(bytes_at(file), 0, len(file))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_info_of_wav_is_read_to_its_last_chunk(length: int) -> None:
    parts = [chunk(b"INAM", b"T" * length + b"\0"), chunk(b"IXXX", b"x"), chunk(b"IART", b"Caf\xe9\0\0")]
    parts.append(chunk(b"ICRD", "Mär".encode()))
    file = wav(chunk(b"LIST", b"adtl" + bytes(8)), chunk(b"LIST", b"INFO" + b"".join(parts)), chunk(b"data", b""))

    assert read_riff(bytes_at(file), 0, len(file)) == {"TITLE": ("T" * length,), "ARTIST": ("Café",), "DATE": ("Mär",)}


def test_an_info_that_is_cut_off_has_the_fields_before_the_cut() -> None:
    whole = chunk(b"INAM", b"Title\0") + chunk(b"IART", b"Artist\0")
    file = wav(b"LIST" + struct.pack("<I", 4 + len(whole)) + b"INFO" + whole[:-3])

    assert read_riff(bytes_at(file), 0, len(file)) == {"TITLE": ("Title",)}


def test_what_lies_behind_the_size_is_no_chunk_of_the_file() -> None:
    file = wav(chunk(b"data", b""), chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Title\0")))

    assert read_riff(bytes_at(file), 0, 20) == {}


def ape_of(length: int) -> bytes:
    tags = APEv2()
    tags["Title"], tags["Artist"] = "T" * length, ["One", "Two"]
    tags["Album"] = "Ä" * length
    tags["Cover Art (Front)"] = b"front.png\0" + bytes(range(256))
    tags["Comment"] = "the last"
    file = BytesIO(SOUND)
    tags.save(file)
    return file.getvalue()


@pytest.mark.parametrize("length", LENGTHS)
def test_ape_behind_is_read_with_all_values_and_without_pictures(length: int) -> None:
    expected = {
        "TITLE": ("T" * length,),
        "ARTIST": ("One", "Two"),
        "ALBUM": ("Ä" * length,),
        "COMMENT": ("the last",),
    }
    file = ape_of(length)
    in_front = file[len(SOUND) :] + SOUND
    footer_alone = SOUND + file[len(SOUND) + 32 :]

    assert read_around(bytes_at(file), len(file)) == expected
    assert read_around(bytes_at(in_front), len(in_front)) == expected
    assert read_around(bytes_at(footer_alone), len(footer_alone)) == expected


def test_an_ape_tag_whose_item_is_longer_than_the_tag_ends_before_it() -> None:
    items = struct.pack("<II", 3, 0) + b"Title\0Yes" + struct.pack("<II", 900, 0) + b"Album\0No"
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, 2, 0) + bytes(8)
    file = SOUND + items + footer

    assert read_around(bytes_at(file), len(file)) == {"TITLE": ("Yes",)}


@pytest.mark.parametrize(("number", "comment"), [(b"\0\x07", "c" * 28), (b"\0\0", "c" * 28), (b"cc", "c" * 30)])
def test_id3v1_has_a_number_only_where_its_comment_ends_before_it(number: bytes, comment: str) -> None:
    fields = b"Title".ljust(30, b"\0") + b"A" * 30 + b"Album".ljust(30, b"\0") + b"1999" + b"c" * 28 + number
    file = SOUND + b"TAG" + fields + b"\x11"

    expected = {"TITLE": ("Title",), "ARTIST": ("A" * 30,), "ALBUM": ("Album",), "DATE": ("1999",)}
    expected |= {"COMMENT": (comment,), "GENRE": ("Rock",)}
    if number == b"\0\x07":
        expected["TRACKNUMBER"] = ("7",)
    assert read_around(bytes_at(file), len(file)) == expected
    without = file[:-1] + b"\xff"
    assert "GENRE" not in read_around(bytes_at(without), len(without))


@pytest.mark.parametrize("length", [*LENGTHS, 70_000])
def test_what_is_written_to_flac_is_read_by_others_and_by_us(length: int) -> None:
    whole = sound("plain.flac").read_bytes()
    tags = {"TITLE": ("T" * length,), "ARTIST": ("Ö", "Two")}

    front, stop = flac_in_front(bytes_at(whole), Metadata(tags))

    file = front + whole[stop:]
    others = FLAC(BytesIO(file))
    assert (others["title"], others["artist"]) == (["T" * length], ["Ö", "Two"])
    assert others.info.length == FLAC(BytesIO(whole)).info.length
    assert read_flac(bytes_at(b"junk" + file), 4) == tags
    assert whole[stop] == 0xFF  # where the first frame begins


@pytest.mark.parametrize(("name", "reader_of"), [("plain.ogg", OggVorbis), ("plain.opus", OggOpus)])
@pytest.mark.parametrize("length", [*LENGTHS, 65_025, 70_000, 200_000])
def test_what_is_written_to_ogg_is_read_by_others_and_its_pages_fit(
    name: str, reader_of: type[OggVorbis | OggOpus], length: int
) -> None:
    whole = sound(name).read_bytes()
    tags = {"TITLE": ("T" * length,), "ARTIST": ("Ö", "Two")}

    front = ogg_in_front(bytes_at(whole), Metadata(tags))

    assert front is not None
    patched = bytearray(whole)
    for offset, content in front.patches:
        patched[offset : offset + len(content)] = content
    file = front.prefix + bytes(patched[front.stop :])
    others = reader_of(BytesIO(file))
    assert (others["title"], others["artist"]) == (["T" * length], ["Ö", "Two"])
    assert read_ogg(bytes_at(file), 0) == tags
    before, after = (ogg.examine(bytes_at(data), 0, len(data)) for data in (whole, file))
    assert (after.problem, after.repairs, after.track_seconds) == (None, (), before.track_seconds)


def test_headers_of_ogg_that_are_not_whole_are_left_alone() -> None:
    whole = sound("plain.opus").read_bytes()

    assert ogg_in_front(bytes_at(b""), Metadata()) is None
    assert ogg_in_front(bytes_at(whole.replace(b"OpusTags", b"OpusTagz")), Metadata()) is None
    assert ogg_in_front(bytes_at(whole[: whole.index(b"OggS", 1)]), Metadata()) is None


def test_the_tags_of_a_big_endian_wav_are_read_in_its_order() -> None:
    def big(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">I", len(content)) + content + bytes(len(content) % 2)

    chunks = big(b"data", bytes(9)) + big(b"LIST", b"INFO" + big(b"INAM", b"Title\0") + big(b"IART", b"Who\0"))
    file = b"RIFX" + struct.pack(">I", 4 + len(chunks)) + b"WAVE" + chunks + big(b"id3 ", id3_of(4, 3))

    assert read_riff(bytes_at(file), 0, len(file))["TITLE"] == ("TTT",)
    assert read_riff(bytes_at(file[: 12 + len(chunks)]), 0, 12 + len(chunks)) == {
        "TITLE": ("Title",),
        "ARTIST": ("Who",),
    }
