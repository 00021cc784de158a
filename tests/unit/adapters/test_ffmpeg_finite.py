"""Samples that are no finite numbers, or too large for encoders, are found wherever they are, and no others."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from worker.adapters.ffmpeg.files import Inspected
from worker.adapters.ffmpeg.finite import Floats, examine_floats, floats_of
from worker.adapters.ffmpeg.printed_headers import Headers
from worker.domain.containers.kinds import Container
from worker.domain.containers.structure import Structure
from worker.domain.tags.metadata import Metadata

_CODES = {"pcm_f32le": "<f", "pcm_f32be": ">f", "pcm_f64le": "<d", "pcm_f64be": ">d"}
_HEADER = bytes(44)


def _file(tmp_path: Path, codec: str, values: list[float], behind: bytes = b"") -> tuple[Path, Structure]:
    sound = b"".join(struct.pack(_CODES[codec], value) for value in values)
    path = tmp_path / "sound"
    path.write_bytes(_HEADER + sound + behind)
    return path, Structure(len(_HEADER), len(_HEADER) + len(sound))


_NO_NUMBER, _HUGE = Floats(are_finite=False, may_be_huge=True), Floats(are_finite=True, may_be_huge=True)


@pytest.mark.parametrize("codec", _CODES)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((value, _NO_NUMBER) for value in (math.nan, math.inf, -math.inf)),
        *((value, _HUGE) for value in (128.0, -128.0, 2.0**31, -1e30)),
    ],
)
@pytest.mark.parametrize("place", [0, 500, 999])
def test_one_sample_that_encoders_may_fail_with_is_found_wherever_it_is(
    codec: str, value: float, found: Floats, place: int, tmp_path: Path
) -> None:
    values = [0.5] * 1000
    values[place] = value

    path, structure = _file(tmp_path, codec, values)

    assert floats_of(path, structure, codec) == found


@pytest.mark.parametrize("codec", ["pcm_f64le", "pcm_f64be"])
def test_what_is_too_large_for_four_bytes_is_no_number_for_the_outputs(codec: str, tmp_path: Path) -> None:
    path, structure = _file(tmp_path, codec, [0.5, -(2.0**128), 0.5])

    assert floats_of(path, structure, codec).are_finite is False


@pytest.mark.parametrize("codec", _CODES)
def test_numbers_of_every_size_that_is_recorded_are_numbers(codec: str, tmp_path: Path) -> None:
    values = [0.0, -0.0, 1.0, -1.0, 1e-38, 1.999, -1.999] + [127.9, math.pi] * ("f32" in codec)

    path, structure = _file(tmp_path, codec, values, behind=b"\xff" * 100)

    assert floats_of(path, structure, codec) == Floats()


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64be"])
def test_a_file_of_several_blocks_is_read_to_its_end(codec: str, tmp_path: Path) -> None:
    size = struct.calcsize(_CODES[codec])
    whole = [0.25] * ((9 << 20) // size)

    path, structure = _file(tmp_path, codec, whole)
    assert floats_of(path, structure, codec) == Floats()

    path, structure = _file(tmp_path, codec, [*whole, math.nan])
    assert floats_of(path, structure, codec) == Floats(are_finite=False, may_be_huge=True)


@pytest.mark.parametrize(
    ("container", "is_float", "answer"),
    [
        (Container.WAV, True, Floats(are_finite=False, may_be_huge=True)),
        (Container.WAV, False, Floats()),
        (Container.MATROSKA, False, Floats()),
        (Container.MATROSKA, True, Floats(are_finite=None, may_be_huge=True)),
    ],
)
async def test_samples_are_looked_at_where_they_are_floats_and_lie_together(
    container: Container, answer: Floats, tmp_path: Path, *, is_float: bool
) -> None:
    path, structure = _file(tmp_path, "pcm_f32le", [0.5, math.nan])
    inspected = Inspected(container, structure, path.stat().st_size, Metadata())
    headers = Headers("pcm_f32le", 48_000, 1, "mono", 32, is_float, 1.0, 0, 0, 0.0)

    assert await examine_floats(path, inspected, headers) == answer
