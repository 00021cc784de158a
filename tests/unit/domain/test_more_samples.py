"""A second chunk of samples, which no decoder plays, is found in every container of chunks."""

from __future__ import annotations

import pytest

from tests.support.frames import reader
from tests.support.sounds import sound
from worker.domain.containers.data_end import MORE_SOUND
from worker.domain.containers.sniffing import examine, sniff


def problem_of(data: bytes) -> str | None:
    return examine(sniff(reader(data), len(data)), reader(data), len(data)).problem


def with_size(data: bytes, offset: int, length: int, size: int) -> bytes:
    order = "big" if data[:4] == b"FORM" else "little"
    return data[:offset] + size.to_bytes(length, order) + data[offset + length :]  # type: ignore[arg-type]


NAMES = {
    "plain.wav": b"data",
    "adpcm_ms.wav": b"data",
    "plain.aiff": b"SSND",
    "plain.w64": b"data",
    "plain.caf": b"data",
}


@pytest.mark.parametrize(("name", "chunk"), NAMES.items())
def test_a_second_chunk_of_samples_right_behind_the_first_is_more_sound(name: str, chunk: bytes) -> None:
    whole = sound(name).read_bytes()
    data = whole + whole[whole.index(chunk) :]
    if name.endswith(".w64"):
        data = with_size(data, 16, 8, len(data))
    elif not name.endswith(".caf"):
        data = with_size(data, 4, 4, len(data) - 8)

    assert problem_of(whole) is None
    assert problem_of(data) == MORE_SOUND


def test_a_byte_that_fills_up_the_first_chunk_may_stand_before_the_second() -> None:
    whole = sound("plain.wav").read_bytes()
    at = whole.index(b"data")
    samples = whole[at + 8 :]
    first = whole[: at + 4] + (len(samples) - 1).to_bytes(4, "little") + samples[:-1] + b"\0"

    assert problem_of(first + whole[at:]) == MORE_SOUND


@pytest.mark.parametrize("samples", [bytes(200), b"x" * 200])
def test_a_short_second_chunk_is_more_sound(samples: bytes) -> None:
    second = b"data" + len(samples).to_bytes(4, "little") + samples

    assert problem_of(sound("plain.wav").read_bytes() + second) == MORE_SOUND


def test_an_empty_second_chunk_has_no_more_sound() -> None:
    assert problem_of(sound("plain.wav").read_bytes() + b"data" + bytes(4)) is None
