"""A sample that is no finite number is found wherever it is, and no other sample is taken for one."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from worker.adapters.ffmpeg.files import Inspected
from worker.adapters.ffmpeg.finite import has_only_numbers, is_finite
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


@pytest.mark.parametrize("codec", _CODES)
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 500, 999])
def test_one_sample_that_is_no_number_is_found_wherever_it_is(
    codec: str, wrong: float, place: int, tmp_path: Path
) -> None:
    values = [0.5] * 1000
    values[place] = wrong

    path, structure = _file(tmp_path, codec, values)

    assert not has_only_numbers(path, structure, codec)


@pytest.mark.parametrize("codec", _CODES)
def test_numbers_of_every_size_that_is_recorded_are_numbers(codec: str, tmp_path: Path) -> None:
    values = [0.0, -0.0, 1.0, -1.0, 1e-38, -1e30, 1e30, math.pi]

    path, structure = _file(tmp_path, codec, values, behind=b"\xff" * 100)

    assert has_only_numbers(path, structure, codec)


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64be"])
def test_a_file_of_several_blocks_is_read_to_its_end(codec: str, tmp_path: Path) -> None:
    size = struct.calcsize(_CODES[codec])
    whole = [0.25] * ((9 << 20) // size)

    path, structure = _file(tmp_path, codec, whole)
    assert has_only_numbers(path, structure, codec)

    path, structure = _file(tmp_path, codec, [*whole, math.nan])
    assert not has_only_numbers(path, structure, codec)


@pytest.mark.parametrize(
    ("container", "is_float", "answer"),
    [
        (Container.WAV, True, False),
        (Container.WAV, False, True),
        (Container.MATROSKA, False, True),
        (Container.MATROSKA, True, None),
    ],
)
async def test_samples_are_looked_at_where_they_are_floats_and_lie_together(
    container: Container, answer: bool | None, tmp_path: Path, *, is_float: bool
) -> None:
    path, structure = _file(tmp_path, "pcm_f32le", [0.5, math.nan])
    inspected = Inspected(container, structure, path.stat().st_size, Metadata())
    headers = Headers("pcm_f32le", 48_000, 1, "mono", 32, is_float, 1.0, 0, 0, 0.0)

    assert await is_finite(path, inspected, headers) is answer
