"""WavPack, TTA, Musepack, Monkey's Audio, AC-3, DTS, GSM, VOC and DSD: what they are, how long, and whether whole."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import rare_sounds
from tests.support.frames import ID3_TAG, reader
from tests.support.sounds import sound
from worker.domain.containers import ape, wavpack
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine, sniff
from worker.domain.containers.structure import BYTES_BEHIND, CUT_OFF, JOINED, Structure
from worker.domain.containers.tags import before_tags
from worker.domain.errors import UnsupportedAudioError

MADE = {
    Container.WAVPACK: "plain.wv",
    Container.TTA: "plain.tta",
    Container.AC3: "plain.ac3",
    Container.EAC3: "plain.eac3",
    Container.DTS: "plain.dts",
    Container.VOC: "plain.voc",
}
BUILT = {
    Container.MUSEPACK_8: (rare_sounds.MUSEPACK_8, 0.2),
    Container.APE: (rare_sounds.ape(), 1.6945),
    Container.DSF: (rare_sounds.dsf(), 0.4644),
    Container.DFF: (rare_sounds.dff(), None),
    Container.GSM: (rare_sounds.gsm(), 1.0),
}
LENGTHS = {Container.AC3: 2.334, Container.EAC3: 2.334, Container.DTS: 2.304, Container.VOC: None}


def files() -> list[tuple[Container, bytes, float | None]]:
    made = [(name, sound(file).read_bytes(), LENGTHS.get(name, 2.3)) for name, file in MADE.items()]
    return made + [(name, data, seconds) for name, (data, seconds) in BUILT.items()]


def examined(data: bytes) -> Structure:
    return examine(sniff(reader(data), len(data)), reader(data), len(data))


@pytest.mark.parametrize("container", [*MADE, *BUILT])
def test_a_whole_file_is_known_by_its_bytes_with_its_length(container: Container) -> None:
    _, data, seconds = next(each for each in files() if each[0] is container)

    assert sniff(reader(data), len(data)).container is container
    assert examined(data).problem is None
    if seconds is not None:
        assert examined(data).track_seconds == pytest.approx((seconds,), abs=0.002)
    assert examined(ID3_TAG + data).problem is None


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("container", [*MADE, *BUILT])
def test_a_part_of_a_file_is_cut_off(container: Container, part: float) -> None:
    _, data, _ = next(each for each in files() if each[0] is container)
    length = int(len(data) * part) | 1
    length -= length % 33 == 0  # the end of GSM's frames cannot be found

    try:
        assert examined(data[:length]).problem == CUT_OFF
    except UnsupportedAudioError:
        assert length < 450  # too few frames of GSM to be known


@pytest.mark.parametrize("container", [Container.AC3, Container.DTS])
def test_frames_with_damage_between_them_are_refused(container: Container) -> None:
    data = bytearray(sound(MADE[container]).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6000] = bytes(6000)

    assert "damaged" in (examined(bytes(data)).problem or "")


def test_a_wavpack_file_that_lacks_a_block_is_damaged() -> None:
    data = sound("plain.wv").read_bytes()
    first, second = data.index(b"wvpk", 1), data.index(b"wvpk", data.index(b"wvpk", 1) + 1)

    assert "damaged" in (examined(data[:first] + data[second:]).problem or "")


def test_dependent_substreams_of_e_ac_3_take_no_time() -> None:
    pair = rare_sounds.eac3(0, 0, 768) + rare_sounds.eac3(1, 0, 512)

    structure = examined(pair * 10)

    assert (structure.problem, structure.track_seconds) == (None, (0.32,))


def test_extensions_of_dts_hd_take_no_time() -> None:
    core = sound("plain.dts").read_bytes()
    frame = core[: core.index(b"\x7f\xfe\x80\x01", 1)]
    length, header_bytes = 400, 16
    bits = (header_bytes - 1) << 45 | (length - 1) << 29
    extension = (b"\x64\x58\x20\x25\0" + bits.to_bytes(7, "big")).ljust(length, b"\0")

    assert examined((frame + extension) * 10).track_seconds == examined(frame * 10).track_seconds


def test_musepack_7_states_its_frames() -> None:
    assert examined(rare_sounds.musepack_7(100)).track_seconds == pytest.approx(((115_200 - 481) / 44_100,))


def test_monkeys_audio_of_an_old_version_is_refused_with_a_sentence() -> None:
    data = bytearray(rare_sounds.ape())
    data[4:6] = (3950).to_bytes(2, "little")

    assert ape.examine(reader(bytes(data)), 0, len(data)).problem == (
        "Monkey's Audio of a version before 3.98 is not supported"
    )


def test_a_pause_in_a_voc_is_no_silence_to_its_decoder() -> None:
    pause = b"\x03\x03\0\0\x40\x1f\xd3"

    assert "pauses" in (examined(sound("plain.voc").read_bytes()[:-1] + pause + b"\0").problem or "")


def test_noise_and_text_are_no_gsm() -> None:
    for data in (
        random.Random(2).randbytes(100_000),
        "Ой, это просто текст. ".encode() * 1000,
        b"nothing to hear" * 900,
    ):
        with pytest.raises(UnsupportedAudioError):
            sniff(reader(data), len(data))


_NAMES = [*MADE, *BUILT, Container.MUSEPACK_7]


@given(st.sampled_from(_NAMES), st.integers(0, 200), st.binary(max_size=40), st.integers(0, 3000))
def test_any_bytes_have_an_answer(container: Container, at: int, change: bytes, length: int) -> None:
    data = bytearray(
        next((each for name, each, _ in files() if name is container), rare_sounds.musepack_7(9))[:length]
    )
    data[at : at + len(change)] = change

    structure = examine(Sniffed(container, 0), reader(bytes(data)), len(data))

    assert 0 <= structure.begin <= structure.end <= len(data)


@pytest.mark.parametrize("container", [*MADE, Container.MUSEPACK_8, Container.APE, Container.DFF])
def test_what_lies_behind_the_sound_is_out_of_the_decoders_sight(container: Container) -> None:
    _, data, _ = next(each for each in files() if each[0] is container)
    alone = data[: -len(_ape_tag_of(data)) or None]

    structure = examined(alone + bytes(5000))

    assert structure.problem is None
    assert structure.read_range == (0, len(alone))


@pytest.mark.parametrize("container", [Container.WAVPACK, Container.TTA, Container.MUSEPACK_8, Container.APE])
def test_tags_behind_the_sound_are_out_of_the_decoders_sight(container: Container) -> None:
    _, data, _ = next(each for each in files() if each[0] is container)
    alone = data[: -len(_ape_tag_of(data)) or None]

    for tags in (rare_sounds.ID3V1, rare_sounds.APE_TAG, rare_sounds.APE_TAG + rare_sounds.ID3V1):
        structure = examined(alone + tags)
        assert (structure.problem, structure.read_range) == (None, (0, len(alone)))


def test_a_tag_behind_a_caf_is_no_chunk_that_is_cut_off() -> None:
    assert examined(sound("alac.caf").read_bytes() + rare_sounds.ID3V1).problem is None


def _ape_tag_of(data: bytes) -> bytes:
    return data[before_tags(reader(data), 0, len(data)) :]


IN_ONE_PIECE = [*(each for each in [*MADE, *BUILT] if each not in {Container.AC3, Container.EAC3, Container.DTS})]


@pytest.mark.parametrize("tags", [b"", ID3_TAG], ids=["alone", "behind a tag"])
@pytest.mark.parametrize("container", [each for each in IN_ONE_PIECE if each is not Container.GSM])
def test_a_second_file_behind_the_first_is_refused(container: Container, tags: bytes) -> None:
    _, data, _ = next(each for each in files() if each[0] is container)

    assert examined(data + tags + data).problem == JOINED


@pytest.mark.parametrize("container", [Container.TTA, Container.APE, Container.MUSEPACK_8])
def test_junk_behind_the_sound_is_mentioned(container: Container) -> None:
    _, data, _ = next(each for each in files() if each[0] is container)

    assert examined(data + b"junk" * 9).repairs == (BYTES_BEHIND,)
    assert examined(data + bytes(99)).repairs == ()


def test_a_wavpack_file_that_begins_with_a_later_block_lacks_the_first() -> None:
    data = sound("plain.wv").read_bytes()

    assert examined(data[20:]).problem == "the source is damaged: its first blocks are missing"


@pytest.mark.parametrize(
    ("information", "names_positions"),
    [
        ("0d 01 06 3f", True),  # six channels, a mask of one byte
        ("4d 02 06 00 00 00", False),  # an odd length: a mask of two bytes, and one byte of padding
        ("4d 02 06 00 06 00", True),
        ("0d 03 05 00 00 3f 00 00", True),  # the long form: counts in three bytes, a mask of three
        ("0d 03 05 05 00 00 00 00", False),
        ("4d 04 05 05 00 00 00 00 01 00", True),  # a mask of four bytes
        ("82 01 00 00 aa bb 0d 01 06 00", False),  # behind another one, whose length has three bytes
        ("02 01 aa bb", True),  # mono and stereo have none
    ],
)
def test_a_wavpack_file_names_positions_where_its_mask_has_any(information: str, names_positions: bool) -> None:
    body = bytes.fromhex(information)
    data = b"wvpk" + (24 + len(body)).to_bytes(4, "little") + bytes(4) + b"\xff" * 4 + bytes(16) + body

    structure = wavpack.examine(reader(data), 0, len(data))

    assert structure.names_positions is names_positions


def test_a_tta_file_names_no_positions() -> None:
    assert not examined(sound("plain.tta").read_bytes()).names_positions
