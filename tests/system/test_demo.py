"""The demo in its short form, and that it leaves nothing behind when it is interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.sounds import listen, sound

_SECONDS = 100


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo as a process, which works in `directory` and keeps its temporary files in `directory/tmp`."""
    (directory / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "demo", "--short", *arguments],
        cwd=directory,
        # Every child inherits TMPDIR, whatever its session and parent, so that `processes_of` finds all of them.
        env={**os.environ, "TMPDIR": str(directory / "tmp"), "PYTHONPATH": str(Path.cwd())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        for pid in processes_of(directory):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def processes_of(directory: Path) -> list[int]:
    """The processes whose environment names the directory or that have a file of it open; the demo included."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _uses(entry, str(directory))]


def _uses(process: Path, directory: str) -> bool:
    with suppress(OSError):  # it ended meanwhile, or is another user's
        if directory.encode() in (process / "environ").read_bytes():
            return True
        return any(str(file.readlink()).startswith(directory) for file in (process / "fd").iterdir())
    return False


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Its output up to and including the line with that text. Raises AssertionError if there is none."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if text in line:
            return output
    raise AssertionError(f"the demo never wrote {text!r}:\n{output}")


def check_nothing_is_left(directory: Path) -> None:
    deadline = time.monotonic() + 10
    while processes := processes_of(directory):
        assert time.monotonic() < deadline, f"still running: {processes}"
        time.sleep(0.05)
    assert list((directory / "tmp").iterdir()) == []


@pytest.mark.slow
def test_the_demo_converts_its_batch_through_an_outage_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        output, _ = process.communicate(timeout=_SECONDS)

        assert process.returncode == 0, output
        check_nothing_is_left(tmp_path)
    for sentence in (
        "Redis is killed now",
        "then went to DynamoDB",
        "Redis is started again",
        "Back on Redis",
        "ended with exit code 0",
    ):
        assert sentence in output, output
    picture = tmp_path / "demo-output" / "interview.png"
    assert f"A picture of the waveform: {picture}" in output
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert re.search(r"interview\.ogg .* interview\.mp3 .* -16\.\d ", output), output
    sounds = [file for file in (tmp_path / "demo-output").iterdir() if file != picture]
    converted = {file.name: listen(file).seconds for file in sounds}
    assert converted == pytest.approx(
        {
            "night-train.mp3": 60,
            "night-train.ogg": 60,
            "old-mill.ogg": 90,
            "old-mill.m4a": 90,
            "interview.mp3": 5,
        },
        abs=0.1,
    )


@pytest.mark.slow
def test_the_demo_converts_a_file_that_the_user_names(tmp_path: Path) -> None:
    mine = tmp_path / "Mein Stück (1).WAV"
    mine.write_bytes(sound("plain.wav").read_bytes())

    with demo(tmp_path, str(mine)) as process:
        output, _ = process.communicate(timeout=_SECONDS)

    assert process.returncode == 0, output
    assert {file.suffix for file in (tmp_path / "demo-output").iterdir()} == {".mp3", ".opus", ".m4a", ".flac", ".png"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "stop"),
    [
        ("Starting", signal.SIGINT),
        ("Redis is killed now", signal.SIGINT),
        ("Redis is started again", signal.SIGTERM),
    ],
)
def test_an_interrupted_demo_leaves_nothing_behind(moment: str, stop: signal.Signals, tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        read_until(process, moment)

        process.send_signal(stop)
        process.send_signal(stop)

        assert process.wait(timeout=_SECONDS) == 1
        check_nothing_is_left(tmp_path)
    assert not (tmp_path / "demo-output").exists()


@pytest.mark.slow
def test_the_demos_page_lists_its_jobs_and_stays_up_until_ctrl_c_where_that_is_asked_for(tmp_path: Path) -> None:
    with demo(tmp_path, "--keep", str(sound("plain.wav"))) as process:
        output = read_until(process, "stays up for files of your own")
        address = re.findall(r"http://127\.0\.0\.1:[0-9]+/", output)[-1]
        with urlopen(address, timeout=10) as page, urlopen(f"{address}jobs?limit=10", timeout=10) as jobs:
            title, records = page.read().decode(), json.load(jobs)

        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=_SECONDS) == 0
        check_nothing_is_left(tmp_path)
    assert "<title>Audio conversion</title>" in title
    assert [(record["job_id"], record["status"]) for record in records] == [("plain", "completed")]
