"""Which of the samples that a decoder makes of an Ogg file are sound, where no demuxer says it."""

from __future__ import annotations

import struct

import pytest

from tests.support.frames import reader
from tests.support.ogg import FIRST, LAST, page, page_of
from worker.domain.containers import ogg
from worker.domain.containers.structure import CUT_OFF, Structure

VORBIS = b"\x01vorbis" + bytes(4) + b"\x01" + (44_100).to_bytes(4, "little") + bytes(12) + b"\xb8\x01"
HALF_A_SHORT_BLOCK = 128
# Wideband: two frames of 320 samples a packet. The encoder's delay is 143 samples, the decoder's 80.
SPEEX = b"Speex   1.2".ljust(28, b"\0") + struct.pack("<iiiiiiiiiii", 1, 80, 16_000, 1, 4, 1, -1, 320, 0, 2, 0)
SPEEX += bytes(8)
OPUS = b"OpusHead\x01\x01" + (312).to_bytes(2, "little") + bytes(9)


def examined(data: bytes) -> Structure:
    return ogg.examine(reader(data), 0, len(data))


def a_stream(head: bytes, *granules: int, packets: int = 3, is_ended: bool = True, serial: int = 7) -> bytes:
    """A page of so many packets that ends at each granule."""
    data = page(head, number=0, serial=serial, flags=FIRST)
    data += page_of([b"\x03vorbis", b"\x05vorbis"], number=1, serial=serial)
    for index, granule in enumerate(granules):
        is_last = is_ended and index == len(granules) - 1
        data += page_of(
            [b"\x30" + bytes(8)] * packets, number=2 + index, serial=serial, granule=granule, flags=LAST * is_last
        )
    return data


@pytest.mark.parametrize("granule", [1, 2048, 3 * 2048])
def test_vorbis_on_one_page_has_the_samples_that_the_page_counts_behind_half_a_short_block(granule: int) -> None:
    structure = examined(a_stream(VORBIS, granule))

    assert structure.sound_samples == (HALF_A_SHORT_BLOCK, HALF_A_SHORT_BLOCK + granule)
    assert structure.track_seconds == (granule / 44_100,)


@pytest.mark.parametrize(("first", "in_front"), [(3 * 640 - 143, 143), (3 * 640, 0), (3 * 640 - 1, 1)])
def test_the_first_page_of_speex_shows_what_its_encoder_put_in_front(first: int, in_front: int) -> None:
    structure = examined(a_stream(SPEEX, first, 2000))

    assert structure.sound_samples == (80 + in_front, 80 + in_front + 2000)
    assert structure.track_seconds == (2000 / 16_000,)


def test_speex_on_one_page_has_the_delay_of_encoders_in_front() -> None:
    assert examined(a_stream(SPEEX, 1000)).sound_samples == (223, 1223)
    assert examined(a_stream(SPEEX, 1000, is_ended=False)).sound_samples == (80 + 920, 80 + 1920)


@pytest.mark.parametrize(
    "data",
    [
        a_stream(VORBIS, 2048, 4096),
        a_stream(VORBIS, 2048, is_ended=False),
        a_stream(VORBIS, 3 * 2048 + 1),
        a_stream(VORBIS),
        a_stream(SPEEX, 9000),
        a_stream(OPUS, 960),
        a_stream(b"\x80theora" + bytes(40), 9),
    ],
    ids=["two pages", "no last page", "live", "no sound", "live Speex", "Opus", "pictures"],
)
def test_what_demuxers_trim_is_left_to_them(data: bytes) -> None:
    assert examined(data).sound_samples is None


def test_stereo_of_speex_with_several_frames_a_packet_is_refused_because_it_is_decoded_wrongly() -> None:
    fields = (1, 80, 16_000, 1, 4)
    for channels, frames, is_right in ((1, 2, True), (2, 1, True), (2, 2, False)):
        head = SPEEX[:28] + struct.pack("<iiiiiiiiiii", *fields, channels, -1, 320, 0, frames, 0) + bytes(8)
        whole = a_stream(head, 320, 640, packets=2)
        problem = examined(whole).problem

        assert (problem is None) == is_right
        assert is_right or problem == "stereo in Speex with several frames a packet is not supported"
        assert examined(a_stream(OPUS, 960) + whole).problem == problem
        assert examined(whole[:-1]).problem == CUT_OFF


def test_each_of_joined_streams_has_its_own() -> None:
    structure = examined(a_stream(VORBIS, 2048) + a_stream(VORBIS, 2048, 4096) + a_stream(VORBIS, 99))

    assert structure.sound_samples is None
    assert [part.sound_samples for part in structure.parts] == [(128, 128 + 2048), None, (128, 128 + 99)]


def test_many_streams_that_share_a_decoder_have_none() -> None:
    structure = examined((a_stream(VORBIS, 2048) * 20 + a_stream(OPUS, 960)) * 2)

    assert [part.sound_samples for part in structure.parts] == [None] * 4


def test_a_stream_of_sound_before_one_without_it_keeps_its_own() -> None:
    data = a_stream(VORBIS, 2048)

    assert examined(data + a_stream(VORBIS)).sound_samples == examined(data).sound_samples


def test_of_streams_that_play_at_the_same_time_any_may_be_chosen() -> None:
    one, other = (a_stream(VORBIS, 2048, serial=serial) for serial in (7, 8))
    first = len(page(VORBIS, number=0))

    assert examined(one[:first] + other[:first] + one[first:] + other[first:]).sound_samples is None
