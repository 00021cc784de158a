"""Where AIFF and CAF say that their samples begin, and in how many bytes they say that each is stored."""

from __future__ import annotations

import pytest

from tests.unit.domain.test_pcm_bounds import RATE_HZ, a_caf, an_aiff, big, common, description, examined, tone
from worker.domain.containers import aiff, caf


@pytest.mark.parametrize("behind", [(), (big(b"NAME", b"odd"), big(b"ANNO", b"even" * 40))])
@pytest.mark.parametrize("offset", [1, 2, 255, 256, 70_000])
def test_an_aiff_states_how_far_into_its_chunk_the_samples_begin(offset: int, behind: tuple[bytes, ...]) -> None:
    data = an_aiff(tone(400), common(), *behind, offset=offset)
    begin = data.index(b"SSND") + 16 + offset

    structure = examined(aiff.examine, data)

    assert (structure.problem, structure.begin, structure.end) == (None, begin, begin + 800)
    assert (structure.read_range, structure.track_seconds, structure.patches) == (None, (400 / RATE_HZ,), ())


def test_the_true_sizes_of_an_aiff_count_what_lies_before_its_samples() -> None:
    data = an_aiff(tone(400), common(), offset=100, more=-908)

    assert [patch.content for patch in examined(aiff.examine, data).patches] == [
        (len(data) - 8).to_bytes(4, "big"),
        (908).to_bytes(4, "big"),
    ]


def test_an_aiff_whose_samples_would_begin_behind_its_end_has_none() -> None:
    data = bytearray(an_aiff(tone(400), common()))
    at = data.index(b"SSND") + 8
    data[at : at + 4] = (5000).to_bytes(4, "big")

    assert examined(aiff.examine, bytes(data)).track_seconds == (0,)


@pytest.mark.parametrize(("bits", "is_refused"), [(8, True), (9, False), (16, False), (17, True), (24, True)])
def test_little_endian_samples_of_an_aiff_have_16_bits(bits: int, is_refused: bool) -> None:
    data = an_aiff(bytes(range(240)), common(bits, kind=b"sowt"))

    assert (examined(aiff.examine, data).problem is not None) == is_refused
    assert examined(aiff.examine, an_aiff(bytes(range(240)), common(bits, kind=b"twos"))).problem is None


@pytest.mark.parametrize(
    ("form", "is_refused"),
    [
        (description(frame=4), True),
        (description(frame=3), True),
        (description(frame=4, bits=24), True),
        (description(frame=3, bits=24), False),
        (description(frame=3, bits=20), False),
        (description(frame=4, channels=2), False),
        (description(frame=4, channels=0), False),
        (description(b"ima4", frame=34, bits=0), False),
        (description(frame=4, frames=2), False),
        (description(frame=5, frames=2), True),
        (description(frame=2, frames=0), False),
        (description(frame=3, frames=0), True),
        (description(frame=2, bits=8), True),
        (description(frame=8, bits=64), False),
        (description(b"ulaw", frame=2, bits=8), False),
    ],
)
def test_samples_of_a_caf_are_packed(form: bytes, is_refused: bool) -> None:
    structure = examined(caf.examine, a_caf(tone(480), form))

    assert (structure.problem is not None) == is_refused
