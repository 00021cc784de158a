"""A source that the workspace cannot hold passes through it while it is converted, or the job ends as too large."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.events import logged_events
from tests.support.harness import SOURCE, TARGET, Harness
from tests.support.holes import fail_to_release
from tests.support.passing import (
    DISK_BYTES,
    KIB,
    SECONDS,
    WINDOW_BYTES,
    ShortConverter,
    WatchedObjects,
    a_body,
    a_small_disk,
)
from tests.support.sounds import FFMPEG, run_ffmpeg, silence
from tests.support.virtual_time import virtual_time
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg import FfmpegConverter
from worker.application.consuming.work import Work
from worker.domain.disposition import Ack, Disposition, Reject, Retry
from worker.domain.errors import ConverterCrashedError, JobCancelledError, UnsupportedAudioError, WorkerError
from worker.domain.progress import Stage, Status
from worker.events import Event
from worker.ports import ReadOnceError


@asynccontextmanager
async def halfway(root: Path) -> AsyncIterator[tuple[Harness, WatchedObjects, asyncio.Task[Disposition]]]:
    """A job that is converted while half of its source has come, and a part of that has been given back."""
    async with a_small_disk(root) as (harness, objects):
        handling = await passes(harness, objects)
        objects.may_finish[SOURCE] = asyncio.Event()
        harness.converter.may_finish.set()
        await objects.half_done[SOURCE].wait()
        yield harness, objects, handling


async def passes(harness: Harness, objects: WatchedObjects, work: Work | None = None) -> asyncio.Task[Disposition]:
    """Begin a job whose download waits for the converter, which reads nothing until its `may_finish` is set."""
    harness.converter.may_finish.clear()
    handling = asyncio.create_task(harness.handler.handle(work or harness.work(a_body())))
    await wait_until(lambda: harness.converter.running)
    objects.half_done.clear()
    return handling


@virtual_time
async def test_a_source_that_does_not_fit_passes_through_and_takes_no_more_than_its_window(tmp_path: Path) -> None:
    with logged_events() as logged:
        async with a_small_disk(tmp_path) as (harness, objects):
            assert await harness.handle(a_body()) == Ack()

            assert harness.converter.conversions == 1
            assert objects.buckets["out-bucket"][TARGET.key].data == silence(SECONDS)
            assert harness.record().attempt == 1
            assert harness.record().outputs[0].duration_seconds == pytest.approx(SECONDS)
            assert harness.files() == []
    assert "in the workspace" in logged.one(Event.SOURCE_NOT_KEPT)["error"]
    assert not logged.of(Event.CONVERSION_EARLY_FAILED)


@virtual_time
async def test_a_source_that_fits_is_kept_and_downloaded_once(tmp_path: Path) -> None:
    with logged_events() as logged:
        async with a_small_disk(tmp_path, disk_bytes=10 * DISK_BYTES) as (harness, objects):
            assert await harness.handle(a_body()) == Ack()

            assert objects.downloads == 1
            assert objects.peak_bytes >= len(silence(SECONDS))
    assert not logged.of(Event.SOURCE_NOT_KEPT)


@virtual_time
async def test_a_source_of_which_the_front_does_not_say_all_ends_as_too_large(tmp_path: Path) -> None:
    async with a_small_disk(tmp_path) as (harness, objects):
        harness.converter.predicts_from_front = False

        assert isinstance(await harness.handle(a_body()), Reject)

        error = harness.record().error
        assert error is not None
        assert error.code == "source_too_large"
        assert str(DISK_BYTES) in error.message
        assert (harness.converter.conversions, objects.downloads) == (0, 3)
        assert harness.files() == []


@virtual_time
async def test_where_not_even_the_outputs_fit_the_job_ends_as_too_large(tmp_path: Path) -> None:
    async with a_small_disk(tmp_path, disk_bytes=1_000 * KIB) as (harness, _):
        assert isinstance(await harness.handle(a_body()), Reject)

        assert harness.record().error.code == "source_too_large"  # type: ignore[union-attr]
        assert harness.converter.conversions == 0


@pytest.mark.parametrize(
    ("error", "disposition", "code"),
    [
        (UnsupportedAudioError("it is damaged"), Reject, "source_too_large"),
        (ReadOnceError(), Reject, "source_too_large"),
        (ConverterCrashedError("it was killed"), Retry, "converter_crashed"),
    ],
    ids=["for good", "it takes a second pass", "for now"],
)
@virtual_time
async def test_a_conversion_that_fails_while_the_source_passes_is_tried_again_only_where_that_may_help(
    error: WorkerError, disposition: type[Disposition], code: str, tmp_path: Path
) -> None:
    async with a_small_disk(tmp_path) as (harness, objects):
        harness.converter.convert_error = error

        assert isinstance(await harness.handle(a_body()), disposition)

        assert harness.record().error.code == code  # type: ignore[union-attr]
        assert harness.converter.conversions == 1
        assert objects.get(TARGET) is None
        assert harness.files() == []


@virtual_time
async def test_a_file_system_that_gives_nothing_back_ends_the_job_as_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_release(monkeypatch, errno.EOPNOTSUPP)
    with logged_events() as logged:
        async with a_small_disk(tmp_path) as (harness, objects):
            assert isinstance(await harness.handle(a_body()), Reject)

            assert harness.record().error.code == "source_too_large"  # type: ignore[union-attr]
            assert objects.downloads == 3
    assert "file system" in logged.one(Event.CONVERSION_EARLY_FAILED)["error"]


@virtual_time
async def test_a_converter_that_needs_no_more_of_the_source_still_has_all_of_it_come(tmp_path: Path) -> None:
    async with a_small_disk(tmp_path, disk_bytes=900 * KIB, converter=ShortConverter()) as (harness, objects):
        assert await harness.handle(a_body("flac")) == Ack()

        assert objects.downloads == 3
        assert objects.peak_bytes <= WINDOW_BYTES
        assert harness.files() == []


@virtual_time
async def test_an_output_that_outgrows_its_estimate_has_the_source_come_again(tmp_path: Path) -> None:
    converter = ShortConverter()
    converter.output_bytes = 500 * KIB  # 60 kB and 256 KiB are expected
    async with a_small_disk(tmp_path, disk_bytes=10 * DISK_BYTES, converter=converter) as (harness, objects):
        converter.volume = volume = harness.volume  # type: ignore[assignment]
        volume.foreign_bytes = 10 * DISK_BYTES - 900 * KIB  # type: ignore[attr-defined]

        assert await harness.handle(a_body("mp3", bitrate_kbps=8)) == Ack()

        assert harness.converter.conversions == 2
        assert objects.downloads == 3


@virtual_time
async def test_an_output_that_outgrows_the_disk_ends_the_job(tmp_path: Path) -> None:
    async with a_small_disk(tmp_path, disk_bytes=900 * KIB, converter=ShortConverter()) as (harness, objects):
        harness.converter.output_bytes = 800 * KIB  # type: ignore[attr-defined]

        assert isinstance(await harness.handle(a_body("mp3", bitrate_kbps=8)), Retry | Reject)

        assert harness.record().status is not Status.COMPLETED
        assert objects.downloads < 6
        assert harness.files() == []


@virtual_time
async def test_a_source_that_is_replaced_while_it_passes_is_converted_anew(tmp_path: Path) -> None:
    async with halfway(tmp_path) as (harness, objects, handling):
        objects.put(SOURCE, silence(2))
        objects.may_finish[SOURCE].set()

        assert isinstance(await handling, Retry)
        assert harness.record().error.code == "source_changed"  # type: ignore[union-attr]
        assert objects.get(TARGET) is None

        assert await harness.handle(a_body(), receive_count=2) == Ack()
        assert harness.record().outputs[0].duration_seconds == pytest.approx(2.0)


@virtual_time
async def test_nothing_can_be_seen_before_all_of_a_passing_source_has_come(tmp_path: Path) -> None:
    async with halfway(tmp_path) as (harness, objects, handling):
        await asyncio.sleep(30)

        assert objects.get(TARGET) is None
        assert harness.record().stage is Stage.CONVERTING

        objects.may_finish[SOURCE].set()
        assert await handling == Ack()


@virtual_time
async def test_a_job_whose_source_passes_can_be_cancelled(tmp_path: Path) -> None:
    async with a_small_disk(tmp_path) as (harness, objects):
        work = harness.work(a_body())
        handling = await passes(harness, objects, work)
        await asyncio.sleep(5)

        work.stop(JobCancelledError())
        await handling

        assert not objects.half_done[SOURCE].is_set()
        assert harness.converter.running == 0
        assert harness.files() == []
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "download"]


@virtual_time
async def test_a_job_waits_for_the_window_and_the_outputs_beside_others(tmp_path: Path) -> None:
    async with a_small_disk(tmp_path) as (harness, _):
        async with harness.workspace.job_directory() as other:
            (other.path / "of-another-job").write_bytes(bytes(600 * KIB))
            with logged_events() as logged:
                handling = asyncio.create_task(harness.handle(a_body()))
                await wait_until(lambda: logged.of(Event.JOB_DELAYED))
                await asyncio.sleep(100)
                assert not handling.done()

        assert await handling == Ack()
        assert harness.record().attempt == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"end_seconds": 1.0}, {"format": "flac"}],
    ids=["all of it", "its beginning", "lossless"],
)
async def test_the_outputs_are_those_of_a_workspace_that_can_hold_the_source(
    options: dict[str, Any], tmp_path: Path
) -> None:
    source = tmp_path / "music.wav"
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=30:r=16000", "-metadata", "title=Änne", str(source))
    body, outputs, peaks = a_body(**{"audio_format": options.pop("format", "mp3"), **options}), [], []

    for disk_bytes in (1 << 30, 900 * KIB):
        root = tmp_path / str(disk_bytes)
        root.mkdir()
        async with a_small_disk(root, disk_bytes=disk_bytes, converter=FfmpegConverter(FFMPEG)) as (harness, objects):
            objects.put(SOURCE, source.read_bytes())
            assert await harness.handle(body) == Ack(), harness.record()
            outputs.append(objects.buckets["out-bucket"][TARGET.key])
            peaks.append(objects.peak_bytes)

    assert outputs[0] == outputs[1]
    assert peaks[0] >= source.stat().st_size
    assert peaks[1] <= WINDOW_BYTES


async def test_a_source_passes_whose_headers_are_nearly_half_a_window_long(tmp_path: Path) -> None:
    sound = silence(50)
    junk = bytes(WINDOW_BYTES // 2 - KIB)
    chunk = b"JUNK" + len(junk).to_bytes(4, "little") + junk
    source = sound[:4] + (len(sound) + len(chunk) - 8).to_bytes(4, "little") + sound[8:12] + chunk + sound[12:]

    async with a_small_disk(tmp_path, disk_bytes=900 * KIB, converter=FfmpegConverter(FFMPEG)) as (harness, objects):
        objects.put(SOURCE, source)

        assert await harness.handle(a_body("mp3")) == Ack(), harness.record()

        assert objects.peak_bytes <= WINDOW_BYTES
