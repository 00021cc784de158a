"""The limits in containers' headers, with values on both sides of each."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from worker.domain.containers import au, avi, mp3, mp4, voc, wav, wavpack
from worker.domain.containers.sizes import is_placeholder
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, Structure

WAVPACK_RATES_HZ = (
    *(6000, 8000, 9600, 11025, 12000, 16000, 22050, 24000, 32000),
    *(44100, 48000, 64000, 88200, 96000, 192000),
)
BLOCK_SAMPLES = 1000


def wavpack_block(index: int, *, total: int, rate_number: int = 9) -> bytes:
    content = bytes(range(100))
    flags = rate_number << 23 | 0x1800
    return struct.pack("<4sIHBBIIIII", b"wvpk", 24 + 100, 0x410, 0, 0, total, index, BLOCK_SAMPLES, flags, 0) + content


def of_wavpack(data: bytes) -> Structure:
    return wavpack.examine(reader(data), 0, len(data))


@pytest.mark.parametrize(("number", "rate_hz"), list(enumerate(WAVPACK_RATES_HZ)))
def test_the_rates_of_wavpack_have_numbers(number: int, rate_hz: int) -> None:
    data = wavpack_block(0, total=BLOCK_SAMPLES, rate_number=number)

    assert of_wavpack(data).track_seconds == (BLOCK_SAMPLES / rate_hz,)


def test_a_wavpack_file_that_ends_behind_a_block_is_cut_off_and_one_with_a_gap_is_damaged() -> None:
    first, second, third = (wavpack_block(index * BLOCK_SAMPLES, total=3 * BLOCK_SAMPLES) for index in range(3))

    assert of_wavpack(first + second + third).problem is None
    assert of_wavpack(first + second).problem == CUT_OFF
    assert of_wavpack(first + second + third[:31]).problem == CUT_OFF
    assert of_wavpack(first + third).problem == "the source is damaged: of 3000 samples, 2000 are there"
    assert of_wavpack(first + second + b"x" * 32).problem == "the source is damaged: of 3000 samples, 2000 are there"


def test_a_wavpack_file_that_was_cut_out_of_another_may_keep_the_numbers_of_its_samples() -> None:
    first, second = (wavpack_block(index * BLOCK_SAMPLES, total=2 * BLOCK_SAMPLES) for index in (7, 8))

    structure = of_wavpack(first + second)

    assert (structure.problem, structure.track_seconds) == (None, (2 * BLOCK_SAMPLES / 44_100,))
    assert of_wavpack(first).problem == "the source is damaged: its first blocks are missing"


@pytest.mark.parametrize(("kind", "is_block"), [(1, True), (9, True), (10, False), (0, False)])
def test_the_blocks_of_a_voc_have_kinds_from_1_to_9(kind: int, *, is_block: bool) -> None:
    head = b"Creative Voice File\x1a" + struct.pack("<HHH", 26, 0x10A, 0x1129)
    first, second = (bytes((each,)) + (200).to_bytes(3, "little") + bytes(200) for each in (1, kind))
    data = head + first + second

    assert voc.examine(reader(data), 0, len(data)).end == (len(data) if is_block else len(head + first) + 1)


def test_a_wide_box_has_a_header_of_16_bytes() -> None:
    ends = {}
    for length in (15, 16):
        data = struct.pack(">I4sQ", 1, b"free", length) + struct.pack(">I4s", 8, b"moov")
        ends[length] = [box.kind for box in mp4.top_boxes(reader(data), len(data))]

    assert ends == {15: [], 16: [b"free", b"moov"]}


def test_an_mp4_ends_behind_its_last_box() -> None:
    boxes = struct.pack(">I4s", 8, b"moov") + struct.pack(">I4s", 12, b"mdat") + b"soun"

    for rest, repairs in ((b"", ()), (b"ju\0k" * 9, (BYTES_BEHIND,))):
        data = boxes + rest
        assert mp4.examine(reader(data), 0, len(data)).repairs == repairs


@pytest.mark.parametrize(("header_bytes", "seconds"), [(48, 2.0), (47, None)])
def test_a_stream_header_of_an_avi_has_its_sample_size_within_48_bytes(
    header_bytes: int, seconds: float | None
) -> None:
    header = (b"auds" + bytes(16) + struct.pack("<IIII", 1, 1, 0, 2) + bytes(60))[:header_bytes]
    header = b"strh" + struct.pack("<I", header_bytes) + header + bytes(header_bytes % 2)
    chunks = header + (b"00wb" + struct.pack("<I", 2) + b"ab") * 2
    data = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"AVI " + chunks

    assert avi.examine(reader(data), 0, len(data)).track_seconds == (() if seconds is None else (seconds,))


@pytest.mark.parametrize("rest", [b"\x01\x80\x30" * 21, bytes(5000)], ids=["a few bytes", "zeros"])
def test_a_few_bytes_or_zeros_behind_a_wav_are_not_worth_a_word(rest: bytes) -> None:
    samples = struct.pack("<h", 1000) * 4000
    chunks = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    chunks += b"data" + struct.pack("<I", len(samples)) + samples
    data = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks + rest

    structure = wav.examine(reader(data), 0, len(data))

    assert (structure.problem, structure.repairs) == (None, ())


@pytest.mark.parametrize(
    ("stated", "there", "answer"), [(0, 100, True), (1, 100, False), (1 << 28, 100, True), ((1 << 28) - 1, 100, False)]
)
def test_a_size_of_nothing_or_of_256_mib_stands_for_one_that_was_not_known(
    stated: int, there: int, *, answer: bool
) -> None:
    assert is_placeholder(stated, there) is answer


@pytest.mark.parametrize(
    ("encoding", "sample_bytes"),
    [(1, 1), (2, 1), (3, 2), (4, 3), (5, 4), (6, 4), (7, 8), (27, 1), (8, None), (0, None)],
)
def test_the_encodings_of_au_have_numbers(encoding: int, sample_bytes: int | None) -> None:
    data = struct.pack(">4s5I", b".snd", 24, 8000, encoding, 8000, 1) + bytes(8000)

    seconds = () if sample_bytes is None else (8000 // sample_bytes / 8000,)
    assert au.examine(reader(data), 0, len(data)).track_seconds == pytest.approx(seconds)


@pytest.mark.parametrize("at", [36, 21, 13, 173])
def test_the_tag_of_an_mp3_is_found_behind_the_side_information(at: int) -> None:
    """13 to 36 bytes from the frame's begin, and as far as it is looked for."""
    frame = b"\xff\xfb\x90\x64" + bytes(413)
    first = frame[:at] + b"Xing" + struct.pack(">II", 1, 60) + frame[at + 12 :]
    data = first + frame * 20

    problem = mp3.examine(reader(data), 0, len(data)).problem
    assert problem == "the source is damaged: of 60 frames, 21 are there"
