"""Tags behind a raw stream of frames, with covers of any size: they are no junk, and take no sound with them."""

from __future__ import annotations

import random
import struct

import pytest

from tests.support.frames import ADTS_FRAME, MPEG_FRAME, reader
from worker.domain.containers.sniffing import examine, sniff
from worker.domain.containers.structure import Structure

FRAMES = {"mp3": MPEG_FRAME, "adts": ADTS_FRAME}
NOISE = random.Random(4).randbytes(300).replace(b"\xff", b"\xfe")
ID3V1 = b"TAG" + bytes(125)
COVER = random.Random(5).randbytes(200_000).replace(b"\xff", b"\xfe")


def ape_tag(items: bytes, *, has_header: bool = True) -> bytes:
    """A tag of version 2 behind the sound, whose size counts the items and the footer."""

    def at_end(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, 1, flags) + bytes(8)

    return (at_end(0xA000_0000) if has_header else b"") + items + at_end(0x8000_0000 if has_header else 0)


ID3V2_WITH_COVER = b"ID3\x03\0\0" + bytes((0, 12, 26, 64)) + COVER
TAGS_BEHIND = {
    "APE": ape_tag(COVER),
    "APE without a header": ape_tag(COVER, has_header=False),
    "APE without a footer": ape_tag(COVER)[:-32],
    "APE and padding": ape_tag(COVER) + bytes(100),
    "APE and a line's end": ape_tag(COVER) + b"\0\0",
    "APE and ID3v1": ape_tag(COVER) + ID3V1,
    "APE, Lyrics3 and ID3v1": ape_tag(COVER) + b"LYRICSBEGINLYR00005hello000024LYRICS200" + ID3V1,
    "Lyrics3 of version 1": b"LYRICSBEGIN" + b"hello " * 300 + b"LYRICSEND" + ID3V1,
    "the enhanced tag": b"TAG+" + bytes(223) + ID3V1,
    "ID3v2": ID3V2_WITH_COVER,
    "ID3v2 and ID3v1": ID3V2_WITH_COVER + ID3V1,
}


def examined(data: bytes) -> Structure:
    return examine(sniff(reader(data), len(data)), reader(data), len(data))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("tags", TAGS_BEHIND.values(), ids=TAGS_BEHIND)
def test_a_tag_with_a_cover_behind_the_sound_is_no_junk(frame: bytes, tags: bytes) -> None:
    structure = examined(frame * 50 + tags)

    assert (structure.problem, structure.repairs, structure.patches) == (None, (), ())
    assert (structure.end, structure.read_range) == (50 * len(frame), (0, 50 * len(frame)))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("tag", [ape_tag(COVER), ID3V2_WITH_COVER], ids=["APE", "ID3v2"])
def test_a_tag_behind_the_sound_that_is_cut_off_takes_no_sound_with_it(frame: bytes, tag: bytes) -> None:
    structure = examined(frame * 50 + tag[:100_000])

    assert (structure.problem, structure.end) == (None, 50 * len(frame))
    assert structure.repairs == ("the tag behind the sound is cut off",)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_behind_a_tag_that_states_too_great_a_size_are_lost_by_no_means(frame: bytes) -> None:
    tag = ape_tag(b"x" * len(frame))[:-32]
    tag = tag[:12] + struct.pack("<I", 1 << 20) + tag[16:]

    structure = examined(frame * 50 + tag + frame * 50)

    assert (structure.problem, structure.end) == (None, 100 * len(frame) + len(tag))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_tags_between_joined_files_are_no_lost_frames(frame: bytes) -> None:
    words = b"LYR20000" + b"la " * 6666 + b"la"
    tags = b"LYRICSBEGIN" + words + b"%06d" % (11 + len(words)) + b"LYRICS200" + ID3V1
    structure = examined(frame * 50 + tags + ID3V2_WITH_COVER + frame * 50 + tags)

    assert (structure.problem, structure.repairs) == (None, ())
    assert structure.track_seconds == (2 * (examined(frame * 50).track_seconds[0] or 0),)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_junk_behind_a_tag_is_told_from_the_tag(frame: bytes) -> None:
    structure = examined(frame * 50 + ape_tag(COVER) + NOISE)

    assert structure.repairs == ("300 bytes of junk behind the sound were skipped",)
