"""Any bytes state a sound that can be converted, or none."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.reading import bytes_at
from tests.support.sounds import sound
from worker.domain.containers.kinds import Container
from worker.domain.containers.sniffing import Sniffed, examine
from worker.domain.containers.stated import stated_sound
from worker.domain.containers.structure import Structure

_READ = {
    Container.WAV: ("plain.wav", "float.wav"),
    Container.FLAC: ("plain.flac",),
    Container.MP3: ("plain.mp3",),
    Container.OGG: ("plain.opus", "plain.ogg"),
    Container.MP4: ("end.m4a", "alac.m4a"),
}


@given(st.sampled_from(sorted(_READ)), st.binary(max_size=400))
def test_any_bytes_have_an_answer(container: Container, data: bytes) -> None:
    structure = Structure(0, len(data), track_seconds=(1.0,))

    stated = stated_sound(Sniffed(container, 0), structure, bytes_at(data), len(data))

    assert stated is None or (stated.channels in {1, 2} and stated.sample_rate_hz > 0)


@given(st.sampled_from([(container, name) for container, names in _READ.items() for name in names]), st.integers())
def test_any_damage_has_an_answer(source: tuple[Container, str], seed: int) -> None:
    container, name = source
    random, data = Random(seed), bytearray(sound(name).read_bytes())
    for _ in range(20):
        data[random.randrange(len(data))] = random.randrange(256)
    sniffed, read_at = Sniffed(container, 0), bytes_at(bytes(data))

    stated = stated_sound(sniffed, examine(sniffed, read_at, len(data)), read_at, len(data))

    assert stated is None or (stated.channels in {1, 2} and stated.sample_rate_hz > 0)
