"""The process itself: it is killed when its job is stopped, keeps its limits, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.processes import a_process, descendants_of, is_alive
from tests.support.sounds import FFMPEG, SOUND_FORMATS, sound
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.process import ProcessLimits, run
from worker.domain.audio import AudioFormat
from worker.domain.errors import ConverterCrashedError, DurationTooLongError, UnsupportedAudioError, WorkspaceFullError
from worker.domain.job import ObjectLocation, OutputSpec
from worker.ports import ConversionProgress

_LIMITS = ProcessLimits(memory_bytes=2 * 1024**3, cpu_seconds=60, file_bytes=1024**3)
_SPEC = OutputSpec(ObjectLocation("bucket", "out"), AudioFormat.OGG)


def nothing(_chunk: bytes) -> None:
    """What is printed does not matter."""


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


async def start_long_conversion(directory: Path) -> asyncio.Task[object]:
    """Three hours of silence to Vorbis: far more work than any test waits for. Returns once the converter runs."""
    converter = FfmpegConverter(FFMPEG)
    source = sound("long-silence.flac")
    audio = await converter.probe(source)
    progress = ConversionProgress()
    task: asyncio.Task[object] = asyncio.create_task(
        converter.convert(
            source, audio, [(_SPEC, directory / "out.ogg")], max_duration_seconds=50_000, progress=progress
        )
    )
    await wait_until(lambda: progress.seconds_done > 0, timeout=30)
    return task


async def test_cancelling_kills_the_group_and_leaves_nothing(tmp_path: Path) -> None:
    task = await start_long_conversion(tmp_path)
    pids = descendants_of(os.getpid(), named="ffmpeg")
    assert len(pids) == 1

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not is_alive(pids[0])
    assert not Path(f"/proc/{pids[0]}").exists(), "reaped, no zombie"


async def test_cancelling_twice_still_waits_for_the_end(tmp_path: Path) -> None:
    task = await start_long_conversion(tmp_path)
    (pid,) = descendants_of(os.getpid(), named="ffmpeg")

    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not Path(f"/proc/{pid}").exists()


async def test_cancelling_at_any_moment_leaves_no_process(tmp_path: Path) -> None:
    converter = FfmpegConverter(FFMPEG)
    source = sound("long-silence.flac")
    audio = await converter.probe(source)
    before = open_descriptors()

    for moments in range(30):
        outputs = [(_SPEC, tmp_path / "out.ogg")]
        task = asyncio.create_task(
            converter.convert(source, audio, outputs, max_duration_seconds=50_000, progress=ConversionProgress())
        )
        for _ in range(moments):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert descendants_of(os.getpid(), named="ffmpeg") == []

    await wait_until(lambda: open_descriptors() <= before)


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    await _cancelled(tmp_path)
    before = open_descriptors()

    for _ in range(3):
        await _cancelled(tmp_path)
        with pytest.raises(UnsupportedAudioError):
            await FfmpegConverter(FFMPEG).probe(_text(tmp_path))

    await wait_until(lambda: open_descriptors() <= before)


async def _cancelled(directory: Path) -> None:
    task = await start_long_conversion(directory)
    task.cancel()
    await asyncio.wait([task])


def _text(directory: Path) -> Path:
    path = directory / "text.mp3"
    path.write_text("no sound")
    return path


async def test_a_converter_killed_from_outside_is_a_crash(tmp_path: Path) -> None:
    task = await start_long_conversion(tmp_path)
    (pid,) = descendants_of(os.getpid(), named="ffmpeg")

    os.kill(pid, signal.SIGKILL)

    with pytest.raises(ConverterCrashedError, match="SIGKILL"):
        await task


async def test_a_converter_that_was_asked_to_end_leaves_no_success(tmp_path: Path) -> None:
    task = await start_long_conversion(tmp_path)
    (pid,) = descendants_of(os.getpid(), named="ffmpeg")

    os.kill(pid, signal.SIGTERM)  # ffmpeg then finishes a short file that looks whole

    with pytest.raises(ConverterCrashedError):
        await task


async def test_an_error_of_the_reader_of_its_output_ends_the_process_too(tmp_path: Path) -> None:
    def complain(chunk: bytes) -> None:
        raise DurationTooLongError(None, 1)

    command = ["/bin/sh", "-c", "echo; exec sleep 60"]
    with pytest.raises(DurationTooLongError):
        await run(command, fds=[], cwd=tmp_path, limits=_LIMITS, on_output=complain, on_log=nothing)

    assert descendants_of(os.getpid(), named="sleep") == []


# MP4 asks for a file that can be seeked, and /dev/full is none.
@pytest.mark.parametrize("audio_format", sorted(set(SOUND_FORMATS) - {AudioFormat.M4A, AudioFormat.ALAC}))
async def test_a_full_disk_is_a_full_workspace(audio_format: AudioFormat) -> None:
    converter = FfmpegConverter(FFMPEG)
    audio = await converter.probe(sound("plain.wav"))
    spec = OutputSpec(ObjectLocation("bucket", "out"), audio_format)

    with pytest.raises(WorkspaceFullError):
        await converter.convert(
            sound("plain.wav"),
            audio,
            [(spec, Path("/dev/full"))],
            max_duration_seconds=60,
            progress=ConversionProgress(),
        )


async def test_bytes_read_are_reported_where_the_length_is_not_known(tmp_path: Path) -> None:
    converter = FfmpegConverter(FFMPEG)
    audio = await converter.probe(sound("video.ts"))
    progress = ConversionProgress()

    await converter.convert(
        sound("video.ts"),
        audio,
        [(_SPEC, tmp_path / "out.ogg")],
        max_duration_seconds=60,
        progress=progress,
    )

    assert audio.duration_seconds is None
    assert progress.bytes_read == audio.size_bytes


async def test_the_kernel_holds_the_process_to_its_limits(tmp_path: Path) -> None:
    printed = bytearray()
    code = """
import os, resource
print(*(resource.getrlimit(name)[0] for name in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)))
print(dict(os.environ))
print(os.getsid(0) == os.getpid())
"""

    returncode = await run(
        [sys.executable, "-I", "-S", "-c", code],
        fds=[],
        cwd=tmp_path,
        limits=_LIMITS,
        on_output=printed.extend,
        on_log=nothing,
    )

    limits, environment, is_own_session = printed.decode().splitlines()
    assert returncode == 0
    assert limits == f"{_LIMITS.memory_bytes} {_LIMITS.cpu_seconds} {_LIMITS.file_bytes}"
    assert "AWS" not in environment
    assert "PATH" not in environment
    assert is_own_session == "True"


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancel_as_the_process_ends_leaves_no_descriptor_open(turns: int, tmp_path: Path) -> None:
    before = open_descriptors()
    code = "import time; print('first', flush=True); time.sleep(0.05); print('the rest')"
    loop = asyncio.get_running_loop()

    def hold_up(_chunk: bytes) -> None:
        time.sleep(0.3)  # so that the loop learns of the rest and of the end at once
        loop.call_later(0, cancel, turns)

    def cancel(turns: int) -> None:
        if turns:
            loop.call_soon(cancel, turns - 1)
        else:
            task.cancel()

    task = asyncio.create_task(
        run(
            [sys.executable, "-I", "-S", "-c", code],
            fds=[],
            cwd=tmp_path,
            limits=_LIMITS,
            on_output=hold_up,
            on_log=nothing,
        )
    )
    with suppress(asyncio.CancelledError):
        await task

    # In later turns the end may come first: it depends on when the process has begun.
    assert task.cancelled() or turns > 0
    assert open_descriptors() <= before


async def test_a_process_that_only_complains_can_be_stopped(tmp_path: Path) -> None:
    before = open_descriptors()
    began = tmp_path / "began"
    code = f"""
import os, pathlib
os.close(1)
pathlib.Path({str(began)!r}).touch()
while True:
    os.write(2, b"x" * 60_000)
"""
    task = asyncio.create_task(
        run(
            [sys.executable, "-I", "-S", "-c", code],
            fds=[],
            cwd=tmp_path,
            limits=_LIMITS,
            on_output=nothing,
            on_log=nothing,
        )
    )
    await wait_until(began.exists)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)

    assert open_descriptors() <= before


def test_a_worker_that_is_killed_takes_its_converter_along(tmp_path: Path) -> None:
    script = f"""
import asyncio, pathlib
from tests.integration.test_ffmpeg_process import start_long_conversion
async def main():
    task = await start_long_conversion(pathlib.Path({str(tmp_path)!r}))
    print("running", flush=True)
    await task
asyncio.run(main())
"""
    with a_process([sys.executable, "-c", script]) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "running\n"
        (pid,) = descendants_of(worker.pid, named="ffmpeg")
        worker.kill()

    asyncio.run(wait_until(lambda: not is_alive(pid)))
