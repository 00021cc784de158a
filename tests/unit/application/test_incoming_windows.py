"""What a download and a converter wait for, of a source that is kept and of one that passes through a window."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.ffmpeg.feeding import as_it_comes
from worker.application.jobs.incoming import Incoming
from worker.domain.containers.structure import Structure
from worker.ports import ReadOnceError, SourceAudio

MIB = 1 << 20
WINDOW_BYTES = 1600  # half of it may be unread; a step is 100


def an_incoming(directory: Path, *, size: int, written: int = 0, window: int | None = WINDOW_BYTES) -> Incoming:
    incoming = Incoming(directory / "source", window)
    incoming.size_bytes = size
    write(incoming, directory, written)
    return incoming


def write(incoming: Incoming, directory: Path, size: int) -> None:
    with (directory / "source").open("ab") as file:
        file.truncate(size)
    incoming.moved()


async def is_over(waiting: Coroutine[Any, Any, object]) -> bool:
    """Whether it waits for nothing."""
    task = asyncio.ensure_future(waiting)
    for _ in range(5):
        await asyncio.sleep(0)
    if task.done():
        task.result()
        return True
    task.cancel()
    return False


async def test_a_download_waits_while_more_than_half_a_window_is_written_and_not_read(tmp_path: Path) -> None:
    incoming = an_incoming(tmp_path, size=100_000, written=800)
    assert await is_over(incoming.wait_for_room())

    write(incoming, tmp_path, 801)
    assert not await is_over(incoming.wait_for_room())

    incoming.read_up_to(1)
    assert await is_over(incoming.wait_for_room())


async def test_what_has_been_read_is_given_back_once_and_in_whole_steps(tmp_path: Path) -> None:
    incoming = an_incoming(tmp_path, size=100_000, written=800)
    assert await incoming.wait_for_room() == (0, 0)

    incoming.read_up_to(399)
    assert await incoming.wait_for_room() == (0, 300)
    assert await incoming.wait_for_room() == (300, 300)

    incoming.read_up_to(500)
    assert await incoming.wait_for_room() == (300, 500)

    incoming.read_up_to(100_000)  # nobody needs the rest
    assert await incoming.wait_for_room() == (500, 800)


async def test_a_converter_that_reads_again_what_is_gone_is_told_so(tmp_path: Path) -> None:
    incoming = an_incoming(tmp_path, size=100_000, written=800)
    await incoming.wait_for_more_than(0)

    incoming.read_up_to(50)
    incoming.read_up_to(40)  # a second run begins

    await incoming.wait_for_more_than(50)
    with pytest.raises(ReadOnceError):
        await incoming.wait_for_more_than(49)


async def test_a_source_that_is_kept_may_be_read_again(tmp_path: Path) -> None:
    incoming = an_incoming(tmp_path, size=1000, written=800, window=None)

    incoming.read_up_to(50)

    assert await is_over(incoming.wait_for_more_than(0))


@pytest.mark.parametrize(
    ("size", "front"), [(1000 * 16, 1000), (16 * MIB - 16, MIB - 1), (64 * MIB, MIB)], ids=["short", "longer", "long"]
)
async def test_the_headers_of_a_source_that_is_kept_are_read_once_a_sixteenth_or_a_mebibyte_is_there(
    size: int, front: int, tmp_path: Path
) -> None:
    incoming = an_incoming(tmp_path, size=size, written=front, window=None)
    assert not await is_over(incoming.may_be_converted_early(0))

    write(incoming, tmp_path, front + 1)
    assert await is_over(incoming.may_be_converted_early(0))


async def test_the_headers_of_a_source_that_passes_are_read_once_more_than_half_a_window_is_there(
    tmp_path: Path,
) -> None:
    incoming = an_incoming(tmp_path, size=100_000, written=800)
    assert not await is_over(incoming.may_be_converted_early(0))
    assert await is_over(incoming.wait_for_room())

    write(incoming, tmp_path, 801)
    assert await is_over(incoming.may_be_converted_early(0))


@pytest.mark.parametrize(
    ("size", "least", "window", "may_be"),
    [
        (99, 100, None, False),
        (100, 100, None, True),
        (0, 0, None, False),
        (1, 0, None, True),
        (0, 100, WINDOW_BYTES, False),
        (1, 100, WINDOW_BYTES, True),
    ],
)
async def test_only_a_source_of_known_size_that_is_long_or_passes_may_be_converted_early(
    size: int, least: int, window: int | None, may_be: bool, tmp_path: Path
) -> None:
    incoming = an_incoming(tmp_path, size=size, written=1000, window=window)

    assert await incoming.may_be_converted_early(least) is may_be


async def test_a_source_of_unknown_size_is_not_waited_for_beyond_its_first_byte(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    incoming = Incoming(tmp_path / "source")

    assert not incoming.is_converted_early
    assert await asyncio.wait_for(incoming.may_be_converted_early(1), 5) is False


async def test_sound_that_begins_where_the_download_waits_is_waited_for(tmp_path: Path) -> None:
    size, begin = 100_000, 1500
    incoming = an_incoming(tmp_path, size=size, written=begin)
    audio = SourceAudio("wav", "pcm_s16le", 8000, 1, 16, 6.0, size, Structure(begin, size, read_range=(begin, size)))

    with (tmp_path / "source").open("rb") as file:
        async with as_it_comes(audio, [file.fileno()], incoming):
            assert await asyncio.wait_for(incoming.wait_for_room(), 5) == (0, begin)
