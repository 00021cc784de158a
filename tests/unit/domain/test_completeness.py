"""Whether a file was cut off, by what it states."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import ADTS_FRAME, ID3_TAG, MPEG_FRAME, reader
from tests.support.sounds import CONTAINERS, sound
from worker.domain.containers import amr
from worker.domain.containers.sniffing import examine, sniff
from worker.domain.containers.structure import CUT_OFF, JOINED


def is_cut(data: bytes) -> bool:
    return examine(sniff(reader(data), len(data)), reader(data), len(data)).problem == CUT_OFF


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_whole_file_is_whole(name: str) -> None:
    assert not is_cut(sound(name).read_bytes())


# FLAC states its samples, which the converter counts; a fragment of MP4 and a packet of TS may end at the cut.
@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "plain.flac"])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_part_of_a_file_is_cut_off(name: str, part: float) -> None:
    data = sound(name).read_bytes()
    assert is_cut(data[: int(len(data) * part) | 1])


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_a_length_that_a_pipe_could_not_know_is_no_cut(length: int) -> None:
    layout = struct.pack("<I4sI", 16, b"\x01\0\x01\0", 8000) + bytes(8)
    assert not is_cut(b"RIFF\xff\xff\xff\xffWAVEfmt " + layout + b"data" + struct.pack("<I", length) + bytes(1000))
    assert not is_cut(b".snd" + struct.pack(">IIIII", 24, 0xFFFFFFFF, 3, 8000, 1) + bytes(1000))


def test_the_length_of_an_rf64_stands_in_its_first_chunk() -> None:
    def rf64(data_bytes: int) -> bytes:
        sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, data_bytes, 0, 0)
        return b"RF64\xff\xff\xff\xffWAVE" + sizes + b"data\xff\xff\xff\xff" + bytes(1000)

    assert not is_cut(rf64(1000))
    assert is_cut(rf64(5_000_000_000))


@pytest.mark.parametrize("frame", [MPEG_FRAME, ADTS_FRAME], ids=["mp3", "adts"])
def test_a_raw_stream_must_end_with_a_frame(frame: bytes) -> None:
    stream = frame * 50
    tags = b"TAG" + bytes(125)
    assert not is_cut(stream)
    assert not is_cut(stream + tags)
    assert not is_cut(stream + bytes(100))
    assert not is_cut(ID3_TAG + stream)
    assert is_cut(stream[:-1])
    assert is_cut(stream + frame[:2])
    assert is_cut(stream[:-1] + tags)


def test_tags_behind_the_sound_are_stepped_over() -> None:
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 132, 1, 0) + bytes(8)
    lyrics = b"LYRICSBEGIN" + bytes(39) + b"000050LYRICS200"
    id3v1 = b"TAG" + bytes(125)

    for tags in (bytes(100) + ape, bytes(100) + ape + id3v1, lyrics + id3v1, bytes(100) + ape + lyrics + id3v1):
        assert not is_cut(MPEG_FRAME * 50 + tags)
        assert is_cut(MPEG_FRAME * 50 + MPEG_FRAME[:200] + tags)


@pytest.mark.parametrize("missing", [0, 1])
def test_the_frames_of_an_amr_file_are_counted_to_its_end(missing: int) -> None:
    blocks = 3  # more than what is read at once
    data = b"#!AMR\n" + (b"\x3c" + bytes(31)) * (blocks * (1 << 20) // 32)
    assert is_cut(data[: len(data) - missing]) == bool(missing)


def test_a_hostile_amr_file_of_one_byte_frames_takes_bounded_time() -> None:
    size, asked = 1 << 40, 0

    def read_at(offset: int, length: int) -> bytes:
        nonlocal asked
        asked += length
        return b"#!AMR\n" if offset == 0 else b"\x7c" * length

    assert amr.examine(read_at, 0, size).problem is None
    assert asked < 20 << 20


def test_of_joined_asf_files_only_the_first_would_be_heard() -> None:
    data = sound("plain.wma").read_bytes()

    joined = examine(sniff(reader(2 * data), 2 * len(data)), reader(2 * data), 2 * len(data))
    padded = examine(sniff(reader(data), len(data)), reader(data + bytes(5000)), len(data) + 5000)

    assert joined.problem == JOINED
    assert (padded.problem, padded.read_range) == (None, (0, len(data)))
