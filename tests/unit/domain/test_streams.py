"""Raw streams of frames: what is counted, skipped, mended and refused."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frames import ADTS_FRAME, APE_IN_FRONT, ID3_TAG, MPEG_FRAME, reader
from tests.support.sounds import sound
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine, sniff
from worker.domain.containers.structure import CUT_OFF, JOINED, Patch, Structure

FRAMES = {"mp3": MPEG_FRAME, "adts": ADTS_FRAME}
NOISE = random.Random(4).randbytes(100_000).replace(b"\xff", b"\xfe")
ID3V1 = b"TAG" + bytes(125)


def examined(data: bytes) -> Structure:
    return examine(sniff(reader(data), len(data)), reader(data), len(data))


def with_xing(frames: int) -> bytes:
    tag = b"Info" + struct.pack(">II", 1, frames)
    return MPEG_FRAME[:36] + tag + MPEG_FRAME[36 + len(tag) :]


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("junk", [bytes(100_000), bytes(1_500_000), NOISE], ids=["zeros", "many zeros", "noise"])
def test_the_sound_begins_with_its_first_frame(frame: bytes, junk: bytes) -> None:
    structure = examined(junk + frame * 50)

    assert structure.problem is None
    assert structure.begin == len(junk)
    assert structure.read_range == (len(junk), len(junk) + 50 * len(frame))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_padding_between_a_tag_and_the_first_frame_is_skipped_and_the_tag_stays_in_sight(frame: bytes) -> None:
    for tag in (ID3_TAG, APE_IN_FRONT):
        structure = examined(tag + bytes(100_000) + frame * 50)

        assert structure.begin == len(tag) + 100_000
        assert structure.read_range is None


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_padding_and_junk_behind_the_last_frame_are_no_sound(frame: bytes) -> None:
    stream = frame * 5000
    for junk in (bytes(100), bytes(3_000_000), NOISE[:1000], b"\r\n</html>"):
        structure = examined(stream + junk)
        assert (structure.problem, structure.end) == (None, len(stream))
        assert structure.read_range == (0, len(stream))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_stream_of_which_the_last_part_is_noise_is_refused(frame: bytes) -> None:
    count = 1 + 40_000 // len(frame)
    structure = examined(frame * count + NOISE[:20_000])

    assert structure.problem == "the source is damaged: its last 20000 bytes are no audio"


def test_tags_between_junk_and_the_first_frame_stay_in_sight() -> None:
    structure = examined(NOISE + ID3_TAG + MPEG_FRAME * 50)

    assert structure.begin == len(NOISE) + len(ID3_TAG)
    assert structure.read_range == (len(NOISE), len(NOISE) + len(ID3_TAG) + 50 * 417)


def test_a_name_of_a_tag_within_the_junk_is_no_tag() -> None:
    junk = NOISE[:100] + b"ID3" + NOISE[:5000]
    structure = examined(junk + ID3_TAG + MPEG_FRAME * 50)

    assert structure.read_range == (len(junk), len(junk) + len(ID3_TAG) + 50 * 417)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_tags_between_joined_files_are_no_gap(frame: bytes) -> None:
    structure = examined(ID3_TAG + frame * 50 + ID3V1 + ID3_TAG + frame * 50 + ID3V1)

    assert (structure.problem, structure.repairs) == (None, ())
    assert [(patch.length, patch.content) for patch in structure.patches] == [(len(ID3V1 + ID3_TAG), b"")]
    assert structure.track_seconds == pytest.approx((100 * (1152 if frame is MPEG_FRAME else 1024) / 44100,))


@pytest.mark.parametrize("name", ["bare.mp3", "vbr.mp3", "plain.aac"])
def test_in_the_place_of_damaged_frames_there_is_silence_of_the_same_length(name: str) -> None:
    data = bytearray(sound(name).read_bytes())
    whole = examined(bytes(data))
    middle = len(data) // 2
    data[middle : middle + 700] = bytes(700)

    structure = examined(bytes(data))
    for patch in structure.patches:
        data[patch.offset : patch.offset + patch.length] = patch.content.ljust(patch.length, b"\0")
    mended = examined(bytes(data))

    assert structure.problem is None
    assert structure.patches
    assert "silence took its place" in structure.repairs[0]
    assert structure.track_seconds == pytest.approx(whole.track_seconds, abs=0.09)
    assert mended.track_seconds == pytest.approx(structure.track_seconds, abs=0.03)


@pytest.mark.parametrize("name", ["bare.mp3", "plain.aac"])
def test_a_stream_of_which_much_is_no_audio_is_refused(name: str) -> None:
    data = bytearray(sound(name).read_bytes())
    third = len(data) // 3
    data[third : third + third // 2] = bytes(third // 2)

    assert examined(bytes(data)).problem == "the source is damaged: much of it is no audio"


@pytest.mark.parametrize("frame", [MPEG_FRAME, ADTS_FRAME])
def test_zeros_behind_the_first_two_frames_are_lost_sound_and_no_padding(frame: bytes) -> None:
    few = examined(2 * frame + bytes(5 * len(frame)) + 95 * frame)
    many = examined(2 * frame + bytes(300 * len(frame)) + 98 * frame)

    assert many.problem == "the source is damaged: much of it is no audio"
    assert few.problem is None
    assert few.begin == 0
    assert "silence took its place" in few.repairs[0]
    assert few.track_seconds == pytest.approx(examined(102 * frame).track_seconds)


def test_bytes_that_are_put_between_two_frames_are_skipped_and_that_is_said() -> None:
    structure = examined(MPEG_FRAME * 20 + bytes(100) + MPEG_FRAME * 20)

    assert (structure.problem, structure.patches) == (None, (Patch(20 * 417, 100),))
    assert structure.repairs == ("100 bytes of junk amid the sound were skipped",)


def test_junk_between_two_frames_of_aac_becomes_part_of_the_first() -> None:
    structure = examined(ADTS_FRAME * 20 + NOISE[:5] + ADTS_FRAME * 20)

    longer = ADTS_FRAME[:4] + (21 << 5 | 0x1F).to_bytes(2, "big") + ADTS_FRAME[6:7]
    assert (structure.problem, structure.repairs) == (None, ("5 bytes of junk amid the sound were skipped",))
    assert structure.patches == (Patch(19 * 16, 7, longer), Patch(20 * 16, 5))


def test_a_frame_of_aac_becomes_no_longer_than_a_frame_may_be() -> None:
    long = ADTS_FRAME[:3] + (int.from_bytes(ADTS_FRAME[3:6], "big") | 0x1FFF << 5).to_bytes(3, "big")
    frame = (long + b"\xfc").ljust(0x1FFF, b"\0")

    assert examined(frame * 20 + NOISE[:5] + frame * 20).patches == (Patch(20 * len(frame), 5),)


def test_frames_that_are_missing_in_the_middle_are_noticed_by_the_encoders_count() -> None:
    assert examined(with_xing(50) + MPEG_FRAME * 50).problem is None
    assert examined(with_xing(51) + MPEG_FRAME * 50).problem is None
    assert examined(with_xing(60) + MPEG_FRAME * 50).problem == "the source is damaged: of 60 frames, 51 are there"


@pytest.mark.parametrize(("missing", "problem"), [(10, None), (64, None), (65, CUT_OFF)])
def test_a_last_frame_that_the_encoder_counted_may_lack_some_bytes(missing: int, problem: str | None) -> None:
    data = with_xing(49) + MPEG_FRAME * 49

    structure = examined(data[:-missing])

    assert structure.problem == problem
    if problem is None:
        assert structure.repairs == (f"the last frame lacks {missing} bytes",)
        assert structure.end == len(data) - missing


def test_what_an_encoder_put_around_the_sound_is_not_of_its_length() -> None:
    assert examined(sound("plain.mp3").read_bytes()).track_seconds == pytest.approx((2.3,))


def test_each_frame_counts_by_its_own_rate() -> None:
    at_48k = b"\xff\xfb\x94\x64" + bytes(380)

    assert examined(MPEG_FRAME * 10 + at_48k * 10).track_seconds == pytest.approx((11520 / 44100 + 11520 / 48000,))


@pytest.mark.parametrize(
    ("header", "frame"), [(b"#!AMR\n", b"\x3c" + bytes(31)), (b"#!AMR-WB\n", b"\x44" + bytes(60))]
)
def test_frames_of_amr_without_data_are_20_ms_like_any_other(header: bytes, frame: bytes) -> None:
    no_data = b"\x7c"

    structure = examined(header + (frame + no_data) * 50)

    assert (structure.problem, structure.track_seconds) == (None, (2.0,))


def test_zeros_behind_an_amr_file_are_no_frames() -> None:
    data = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50

    structure = examined(data + bytes(1_000_000))

    assert (structure.problem, structure.end, structure.track_seconds) == (None, len(data), (1.0,))
    assert structure.read_range == (0, len(data))


AMR_FRAME = b"\x3c" + bytes(range(100, 131))


def test_junk_behind_an_amr_file_is_skipped_and_frames_behind_damage_are_a_refusal() -> None:
    whole = b"#!AMR\n" + AMR_FRAME * 50
    damaged = whole + bytes(100) + AMR_FRAME * 50

    assert examined(whole + NOISE[:5000]).end == len(whole)
    assert examined(whole + NOISE[:5000]).repairs == ("5000 bytes of junk behind the sound were skipped",)
    assert "not all frames" in (examined(damaged).problem or "")
    assert examined(whole + whole).problem == JOINED


def test_a_flipped_bit_of_padding_loses_no_frame_of_amr() -> None:
    for behind in (20, 3):
        structure = examined(b"#!AMR\n" + AMR_FRAME * 20 + b"\x3d" + AMR_FRAME[1:] + AMR_FRAME * behind)

        assert structure.problem is None
        assert structure.track_seconds == pytest.approx(((21 + behind) * 0.02,))


def test_a_hostile_file_of_zeros_costs_bounded_reads() -> None:
    asked = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal asked
        asked += size
        return (MPEG_FRAME * 10)[offset : offset + size].ljust(size, b"\0")

    assert examine(Sniffed(Container.MP3, 0), read_at, 1 << 40).problem is not None
    assert asked < 1 << 30


@given(st.sampled_from([Container.MP3, Container.ADTS, Container.AMR]), st.lists(st.binary(max_size=60)), st.data())
def test_any_bytes_between_frames_have_an_answer(
    container: Container, parts: list[bytes], draw: st.DataObject
) -> None:
    frame = ADTS_FRAME if container is Container.ADTS else MPEG_FRAME[:4] + bytes(413)
    data = frame.join([frame * draw.draw(st.integers(0, 5)), *parts])

    structure = examine(Sniffed(container, 0), reader(data), len(data))

    assert 0 <= structure.begin <= structure.end <= len(data)
    assert all(0 <= each.offset <= each.offset + each.length <= len(data) for each in structure.patches)


def a_stream(frames: int, *, last: int = 0) -> bytes:
    """MPEG audio of frames without zeros; of the last one, `last` bytes."""
    frame = MPEG_FRAME[:4] + b"\x55" * 413
    return frame * frames + frame[:last]


def test_zeros_that_begin_within_the_last_frame_are_in_the_place_of_sound() -> None:
    for there in (4, 100, 400):
        structure = examined(a_stream(50, last=there) + bytes(40_000))
        assert structure.problem == "the source is damaged: zeros begin amid its sound", there


def test_zeros_behind_whole_frames_are_padding_and_so_they_are_behind_silence() -> None:
    assert examined(a_stream(50) + bytes(40_000)).problem is None
    assert examined(MPEG_FRAME * 50 + bytes(40_000)).problem is None


@pytest.mark.parametrize("bit", range(21, 32))
@pytest.mark.parametrize("kbps_bits", [0x90, 0xA0], ids=["as the others", "of another bitrate"])
def test_a_last_frame_of_which_the_header_is_damaged_is_lost_sound_and_no_junk(bit: int, kbps_bits: int) -> None:
    length = {0x90: 417, 0xA0: 522}[kbps_bits]
    header = (int.from_bytes(bytes((0xFF, 0xFB, kbps_bits, 0x64)), "big") ^ 1 << bit).to_bytes(4, "big")
    stream = a_stream(50) + header + b"\x55" * (length - 4)

    for tag in (b"", ID3V1):
        structure = examined(stream + tag)
        assert (structure.problem, structure.end) == (None, len(stream))
        assert structure.repairs == ("0.03 s of sound were damaged; silence took its place",)
        assert sum(seconds or 0 for seconds in structure.track_seconds) == pytest.approx(51 * 1152 / 44100)


def test_junk_of_another_length_than_a_frame_is_junk() -> None:
    assert examined(a_stream(50) + NOISE[:300]).repairs == ("300 bytes of junk behind the sound were skipped",)


def test_zeros_that_begin_within_the_last_frame_of_amr_are_in_the_place_of_speech() -> None:
    data = b"#!AMR\n" + (b"\x3c" + b"\x55" * 31) * 50

    assert examined(data + bytes(40_000)).problem is None
    assert examined(data[:-8] + bytes(40_000)).problem == "the source is damaged: zeros begin amid its sound"


def test_a_few_frames_of_amr_behind_what_is_none_are_lost_speech() -> None:
    frame = b"\x24" + b"\x55" * 19
    lost = b"\x83" + frame * 20

    structure = examined(b"#!AMR\n" + frame * 100 + lost)

    assert structure.problem == f"the source is damaged: its last {len(lost)} bytes are not all frames of audio"
