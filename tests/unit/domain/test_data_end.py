"""Where samples end, if the header of a WAV, AU, AIFF, CAF or Wave64 states another size."""

from __future__ import annotations

import math
import random
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers.data_end import MORE_SOUND, UNCLEAR_REST, DataEnd, Samples, find_end
from worker.domain.containers.sniffing import examine, sniff
from worker.domain.containers.structure import CUT_OFF, JOINED, Structure

RATE_HZ = 8000
NOISE = random.Random(9).randbytes(40_000)
ID3V1 = b"TAG" + bytes(125)


def tone(seconds: float = 1.0) -> bytes:
    """16 bits, mono, little-endian."""
    count = int(RATE_HZ * seconds)
    return array("h", [int(9000 * math.sin(n / 3) + 3000 * math.sin(n / 7)) for n in range(count)]).tobytes()


def a_wav(data: bytes, stated: int | None = None, behind: bytes = b"", *, tag: int = 1, bits: int = 16) -> bytes:
    layout = struct.pack("<HHIIHH", tag, 1, RATE_HZ, RATE_HZ * bits // 8, bits // 8, bits)
    length = len(data) if stated is None else stated
    head = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", (len(head) + length) & 0xFFFF_FFFF) + head + data + behind


def an_au(data: bytes, stated: int) -> bytes:
    return b".snd" + struct.pack(">IIIII", 24, stated, 3, RATE_HZ, 1) + data


def an_aiff(data: bytes, stated: int) -> bytes:
    rate = b"\x40\x0b\xfa" + bytes(7)  # 8000 as a number of 80 bits
    common = b"COMM" + struct.pack(">IhIh", 18, 1, stated // 2, 16) + rate
    body = b"AIFF" + common + b"SSND" + struct.pack(">III", 8 + stated, 0, 0)
    return b"FORM" + struct.pack(">I", len(body) + stated) + body + data


def examined(data: bytes) -> Structure:
    return examine(sniff(reader(data), len(data)), reader(data), len(data))


def swapped(data: bytes) -> bytes:
    samples = array("h", data)
    samples.byteswap()
    return samples.tobytes()


@pytest.mark.parametrize(
    "stated",
    [0, 0xFFFF_FFFF, 0xFFFF_FFDB, 0x7FFF_F000, 0x8000_0000, 2_000_000_000, 1_000_000_000, 3_999_999_964, 777_777_777],
)
def test_a_size_that_was_written_before_the_length_was_known_is_no_cut(stated: int) -> None:
    structure = examined(a_wav(tone(), stated))

    assert structure.problem is None
    assert structure.track_seconds == pytest.approx((1.0,))


@pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_wav_that_lacks_its_end_is_cut_off(part: float) -> None:
    whole = a_wav(tone(10))

    assert examined(whole[: int(len(whole) * part)]).problem == CUT_OFF


def test_a_large_wav_of_which_more_than_a_sixteenth_is_there_is_cut_off() -> None:
    header = a_wav(b"", 301_234_567)[:44]

    def read_at(offset: int, size: int) -> bytes:
        return (header + bytes(1000))[offset : offset + size]

    assert examine(sniff(read_at, 30_000_000), read_at, 30_000_000).problem == CUT_OFF


@pytest.mark.parametrize("stated", [2, 4000, 4001, 15_000])
def test_sound_that_goes_on_behind_the_stated_size_is_taken_to_the_end(stated: int) -> None:
    structure = examined(a_wav(tone(), stated))

    assert structure.problem is None
    assert structure.ignores_stated_size
    assert structure.track_seconds == pytest.approx((1.0,))
    assert structure.repairs == (f"The header states {stated} bytes of sound, and all 16000 were taken.",)


def test_sound_that_goes_on_ends_where_a_tag_begins() -> None:
    data = a_wav(tone(), 4000, ID3V1)

    assert examined(data).read_range == (0, len(data) - 128)


def test_a_size_that_wrapped_at_4_gib_ends_where_the_chunks_behind_the_true_one_begin() -> None:
    head, behind = a_wav(b"", 1000)[:44], b"LIST\x04\0\0\0INFO"
    true_end = 44 + 1000 + (1 << 32)

    def read_at(offset: int, size: int) -> bytes:
        if offset >= true_end:
            return behind[offset - true_end :][:size]
        return (head[offset : offset + size] + NOISE)[: min(size, true_end - offset)]

    structure = examine(sniff(read_at, true_end + 12), read_at, true_end + 12)

    assert (structure.problem, structure.end, structure.ignores_stated_size) == (None, true_end, True)


@pytest.mark.parametrize("padding", [bytes(5000), b"\xff" * 5000, bytes(10)])
def test_padding_behind_the_stated_size_is_no_sound(padding: bytes) -> None:
    for data in (a_wav(tone(), behind=padding), an_au(swapped(tone()) + padding, 16_000)):
        structure = examined(data)
        assert (structure.problem, structure.track_seconds) == (None, (1.0,))
        assert structure.read_range == (0, len(data) - len(padding))


@pytest.mark.parametrize("stated_size_is_stale", [False, True])
def test_noise_behind_a_tone_is_junk_and_sound_is_not(stated_size_is_stale: bool) -> None:
    rest = tone() if stated_size_is_stale else NOISE
    structure = examined(a_wav(tone() + rest, 16_000))

    assert structure.track_seconds == ((2.0,) if stated_size_is_stale else (1.0,))
    assert len(structure.repairs) == 1


def test_what_lies_behind_a_noise_cannot_be_judged_as_sound_or_junk() -> None:
    assert examined(a_wav(NOISE, 20_000)).problem == UNCLEAR_REST


@pytest.mark.parametrize("of_compressed", [0.05, 0.5])
def test_of_compressed_samples_a_long_rest_cannot_be_judged(of_compressed: float) -> None:
    rest = NOISE[: int(20_000 * of_compressed)]
    structure = examined(a_wav(NOISE[:20_000] + rest, 20_000, tag=0x11, bits=4))

    assert structure.problem == (UNCLEAR_REST if of_compressed > 0.1 else None)


@pytest.mark.parametrize("make", [lambda: a_wav(tone()), lambda: an_au(swapped(tone()), 16_000)], ids=["wav", "au"])
def test_joined_files_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    assert examined(make() + make()).problem == JOINED


def test_a_decoder_that_goes_by_the_header_gets_the_true_sizes_of_an_aiff_that_states_none() -> None:
    assert examined(an_aiff(swapped(tone()), 16_000)).problem is None
    assert examined(an_aiff(swapped(tone()), 16_000)).track_seconds == (1.0,)
    assert examined(an_aiff(swapped(tone()), 16_000)).patches == ()
    assert examined(an_aiff(swapped(tone()), 8_000)).problem == MORE_SOUND
    structure = examined(an_aiff(swapped(tone()), 0))
    assert (structure.problem, structure.track_seconds, structure.mends_header) == (None, (1.0,), True)
    patches = {patch.offset: int.from_bytes(patch.content, "big") for patch in structure.patches}
    assert patches == {4: 16_046, 42: 16_008}


@pytest.mark.parametrize("file_bytes", [8 + (1 << 32), 5 << 30])
def test_an_aiff_with_more_sound_than_its_sizes_can_state_is_refused(file_bytes: int) -> None:
    head = an_aiff(b"", 0)

    def read_at(offset: int, size: int) -> bytes:
        return (head[offset : offset + size] + NOISE)[: min(size, file_bytes)]

    assert examine(sniff(read_at, file_bytes), read_at, file_bytes).problem == MORE_SOUND


@pytest.mark.parametrize("stated", [0, 0xFFFF_FFFF])
@pytest.mark.parametrize("names", [(b"LIST",), (b"id3 ", b"junk"), (b"bext", b"iXML")])
def test_chunks_behind_samples_of_unknown_size_are_no_samples(stated: int, names: tuple[bytes, ...]) -> None:
    chunks = b"".join(name + struct.pack("<I", 4000) + tone()[:4000] for name in names)

    for behind in (chunks, chunks + ID3V1):
        structure = examined(a_wav(tone(), stated, behind))
        assert (structure.problem, structure.end, structure.track_seconds) == (None, 44 + 16_000, (1.0,))
        assert structure.read_range == (0, 44 + 16_000)
    assert examined(a_wav(tone(), stated, chunks[:-100])).end == 44 + 16_000 + len(chunks) - 100
    assert examined(an_aiff(swapped(tone()), 16_000) + bytes(5000)).problem is None


@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_chunks_behind_the_samples_stay_in_sight_with_or_without_their_padding(pad: bytes) -> None:
    chunk = b"LIST\x0c\0\0\0INFOINAM\0\0\0\0"
    data = a_wav(tone()[:-1], bits=8, behind=pad + chunk)

    structure = examined(data + bytes(3000))

    assert structure.read_range == (0, len(data))


def test_a_decoder_does_not_see_a_last_frame_that_is_not_whole() -> None:
    whole = tone()
    data = a_wav(whole[:-1], behind=b"\0LIST\x0c\0\0\0INFOINAM\0\0\0\0")

    assert examined(data).read_range == (0, data.index(b"data") + 8 + len(whole) - 2)


@pytest.mark.parametrize("name", ["plain.wav", "plain.w64", "plain.aiff", "plain.caf", "plain.au", "float.wav"])
def test_megabytes_of_zeros_behind_a_file_are_out_of_sight_and_cost_a_few_reads(name: str) -> None:
    data = sound(name).read_bytes()
    reads = []

    def read_at(offset: int, size: int) -> bytes:
        reads.append(size)
        return data[offset : offset + size].ljust(min(size, len(data) + (200 << 20) - offset), b"\0")

    structure = examine(sniff(read_at, len(data) + (200 << 20)), read_at, len(data) + (200 << 20))

    assert structure.problem is None
    assert structure.read_range is not None
    assert structure.read_range[1] == pytest.approx(len(data), abs=1)
    assert len(reads) < 60
    assert structure.track_seconds == pytest.approx((2.3,), abs=0.001)


_HEADERS = [a_wav(b"", stated)[:44] for stated in (0, 5, 100, 0xFFFF_FFFF)] + [an_au(b"", 7), an_aiff(b"", 9)]


@given(st.sampled_from(_HEADERS), st.binary(max_size=400), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_have_an_end(header: bytes, rest: bytes, at: int, byte: int) -> None:
    data = bytearray(header + rest)
    data[12 + at % (len(data) - 12)] = byte

    structure = examined(bytes(data))

    assert 0 <= structure.begin <= structure.end <= len(data)
    assert structure.read_range is None or 0 < structure.read_range[1] <= len(data)


@pytest.mark.parametrize(("junk_bytes", "problem"), [(1000, None), (1001, UNCLEAR_REST)])
def test_behind_compressed_samples_a_tenth_of_them_is_junk_and_more_may_be_sound(
    junk_bytes: int, problem: str | None
) -> None:
    data = bytes(10_000) + bytes(number % 251 + 1 for number in range(junk_bytes))

    end = find_end(reader(data), Samples(0, 10_000, None), len(data), lambda offset: offset)

    assert (end.sound, end.problem) == (10_000, problem)
    assert end.repair == (None if problem else "1000 bytes of junk behind the sound were skipped")


@pytest.mark.parametrize("lacking_bytes", [1, 64, 65])
def test_compressed_samples_that_lack_a_part_of_their_last_block_are_cut_off(lacking_bytes: int) -> None:
    blocks = bytes(number % 251 for number in range(65 * 20))

    def end_of(stated: int, there: int) -> DataEnd:
        samples = Samples(0, stated, None, block_bytes=65)
        return find_end(reader(blocks[:there]), samples, there, lambda offset: offset)

    assert end_of(len(blocks), len(blocks) - lacking_bytes).problem == CUT_OFF
    assert end_of(len(blocks), len(blocks)).problem is None
    assert end_of(len(blocks) + 1, len(blocks)).problem is None  # a byte of padding that is counted


@pytest.mark.parametrize("name", [b"LIST", b"bext", b"iXML", b"id3 "])
@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_a_chunk_behind_the_samples_that_is_cut_off_is_none_of_them(name: bytes, pad: bytes) -> None:
    data = tone()[: -len(pad) or None]
    chunk = name + struct.pack("<I", 4000) + tone()[:4000]
    for behind in (chunk[:-100], chunk[:200]):
        structure = examined(a_wav(data, behind=pad + behind, bits=8 if pad else 16))

        assert (structure.problem, structure.end) == (None, 44 + len(data))
        assert structure.repairs == ("the chunk behind the sound is cut off",)
        assert structure.read_range is not None
        assert structure.read_range[1] <= structure.end + len(pad)
    assert examined(a_wav(tone(), behind=chunk)).repairs == ()


def test_the_size_in_an_rf64_that_was_written_to_a_pipe_is_no_end() -> None:
    plain = a_wav(tone())

    def rf64(stated: int) -> bytes:
        sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, stated, 0, 0)
        return b"RF64\xff\xff\xff\xffWAVE" + sizes + plain[12:40] + b"\xff\xff\xff\xff" + plain[44:]

    for stated, is_ignored in ((0, True), ((1 << 32) - 1, True), (len(tone()), False)):
        structure = examined(rf64(stated))
        assert (structure.problem, structure.ignores_stated_size, structure.patches) == (None, is_ignored, ())
        assert structure.track_seconds == (1.0,)
    for stated in (1 << 48, (1 << 63) - 1, (1 << 64) - 1):
        structure = examined(rf64(stated))
        assert (structure.problem, structure.ignores_stated_size, structure.mends_header) == (None, True, True)
        assert [(patch.offset, patch.length, patch.content) for patch in structure.patches] == [(28, 8, b"")]
    assert examined(rf64((1 << 48) - 1)).problem == CUT_OFF
    assert not examined(plain).ignores_stated_size
