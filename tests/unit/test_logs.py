"""What a line looks like, and what it never holds."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.support.waiting import wait_until
from worker import logs
from worker.adapters.stdout import MAX_WAITING, LineWriter
from worker.domain.redaction import redact
from worker.events import Event, emit


class Output(io.BytesIO):
    """The lines so far. Reading them closes the log."""

    writer: LineWriter

    def speak(self, **how: Any) -> None:
        self.writer = logs.configure(stream=self, **how)

    def getvalue(self) -> bytes:
        self.writer.close()
        return super().getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture(name="output")
def output_fixture() -> Iterator[Output]:
    root = logging.getLogger()
    kept = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    output = Output()
    output.speak(log_format="json")
    yield output
    output.writer.close()
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers, root.level, sys.excepthook, threading.excepthook = kept


def test_a_line_has_the_common_fields_first_and_the_jobs_own(output: Output) -> None:
    with structlog.contextvars.bound_contextvars(attempt=2, message_id="m-1", job_id="ep-1"):
        emit(Event.JOB_STARTED, source="s3://in/ä.wav", outputs=2)
    (line,) = output.lines()
    assert list(line) == [
        *("timestamp", "level", "event", "service", "version", "job_id", "message_id", "attempt", "source", "outputs")
    ]
    assert line["timestamp"].endswith("Z")
    assert len(line["timestamp"]) == len("2026-11-22T20:01:02.123Z")
    assert (line["level"], line["event"], line["source"]) == ("info", "job.started", "s3://in/ä.wav")
    assert line["service"] == "audio-conversion-worker"


def test_every_line_names_the_process_that_wrote_it(output: Output) -> None:
    output.speak(log_format="json", identity={"worker": "ip-10-0-1-7:1-9f3c", "task": "158d1c8083dd49d6"})

    with structlog.contextvars.bound_contextvars(job_id="ep-1"):
        emit(Event.JOB_STARTED)
    logging.getLogger("library").warning("a warning")

    for line in output.lines():
        assert (line["worker"], line["task"]) == ("ip-10-0-1-7:1-9f3c", "158d1c8083dd49d6")
        assert list(line)[5:7] == ["worker", "task"]


def test_a_line_for_people_does_not_repeat_who_wrote_it(output: Output) -> None:
    output.speak(log_format="console", identity={"worker": "ip-10-0-1-7:1-9f3c"})

    emit(Event.WORKER_READY)

    assert b"9f3c" not in output.getvalue()


def test_an_exception_is_one_field(output: Output) -> None:
    try:
        int("https://s3/x?X-Amz-Signature=abcdef&x=1")
    except ValueError as exc:
        emit(Event.JOB_FAILED, exception=exc, error=exc)
        emit(Event.JOB_FAILED, exc_info=True)
    line, other = output.lines()
    assert other["exception"] == line["exception"]
    assert line["exception"].startswith("Traceback")
    assert line["error"].endswith("https://s3/x?X-Amz-Signature=[redacted]&x=1'")
    assert "abcdef" not in output.getvalue().decode()


@given(secret=st.from_regex(r"[A-Za-z0-9%+/-]{12,40}", fullmatch=True))
def test_a_secret_in_a_text_is_masked(secret: str) -> None:
    for text in (
        f"GET https://b.s3/k?X-Amz-Algorithm=x&X-Amz-Security-Token={secret}&X-Amz-Expires=3",
        f"redis://worker:{secret}@cache:6379/0 refused",
        f"https://user:{secret.replace('/', '')}@host/path",
        f"Authorization: AWS4-HMAC-SHA256 Credential={secret}/x, Signature={secret}",
        f'{{"password": "{secret}"}}',
    ):
        assert secret not in redact(text)


@pytest.mark.parametrize("text", ["s3://bucket/a:b@c.wav", "s3://bucket/take 1@home.wav", "plain", ""])
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_field_that_is_named_like_a_secret_is_masked(output: Output) -> None:
    emit(Event.WORKER_STARTED, settings={"REDIS_PASSWORD": "hunter2", "REDIS_USERNAME": None}, receipt_handle="AQEB")
    (line,) = output.lines()
    assert line["settings"] == {"REDIS_PASSWORD": "[redacted]", "REDIS_USERNAME": None}
    assert line["receipt_handle"] == "[redacted]"


def test_a_line_is_never_too_long(output: Output) -> None:
    emit(Event.JOB_FAILED, error="\x01" * 1_000_000, stage_seconds={str(i): "x" * 10_000 for i in range(1000)})
    emit(Event.JOB_FAILED, **{f"field_{i}": "x" * 100_000 for i in range(20)})
    assert all(len(line) <= logs.MAX_LINE_BYTES for line in output.getvalue().splitlines())
    assert [line["event"] for line in output.lines()] == ["job.failed", "job.failed"]
    assert output.lines()[1]["truncated"] is True


def test_any_value_makes_a_line_of_json(output: Output) -> None:
    loop: list[object] = []
    loop.append(loop)
    emit(Event.JOB_FAILED, error="\ud800\u2028\n", stage_seconds={1: float("nan")}, source=loop, stage=object())
    assert len(output.getvalue().splitlines()) == 1
    assert output.lines()[0]["stage_seconds"] == {"1": "nan"}


def test_lines_of_libraries_have_the_same_form(output: Output) -> None:
    output.speak(log_format="json")  # anew: pytest adds handlers of its own to each test
    logging.getLogger("botocore.auth").debug("signature %s", "s")
    logging.getLogger("botocore").error("answered %d", 500)
    logging.getLogger("asyncio").warning("%d %d", 1)  # noqa: PLE1206 - what a faulty library does
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    lines = output.lines()
    assert [line["event"] for line in lines] == ["library.logged"] * 3
    assert [line["logger"] for line in lines] == ["botocore", "asyncio", "py.warnings"]
    assert lines[0]["message"] == "answered 500"


def test_a_crash_is_one_line(output: Output) -> None:
    error = RuntimeError("boom")
    sys.excepthook(RuntimeError, error, None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    thread = threading.Thread(target=lambda: 1 / 0, name="http")
    thread.start()
    thread.join()
    lines = output.lines()
    assert [line["event"] for line in lines] == ["worker.crashed", "bug.caught"]
    assert "boom" in lines[0]["exception"]
    assert lines[1]["place"] == "thread http"
    assert "ZeroDivisionError" in lines[1]["exception"]


def test_a_level_hides_what_is_below_it(output: Output) -> None:
    output.speak(level="error", log_format="json")
    emit(Event.WORKER_READY)
    emit(Event.WORKER_CRASHED)
    assert [line["event"] for line in output.lines()] == ["worker.crashed"]


def test_people_get_a_readable_line_without_secrets(output: Output) -> None:
    output.speak(log_format="console")
    emit(Event.WORKER_READY, startup_seconds=0.5, password="hunter2")
    text = output.getvalue().decode()
    assert "worker.ready" in text
    assert "startup_seconds" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(("is_terminal", "wants_colors"), [(True, True), (True, False), (False, True)])
def test_a_terminal_gets_colors_where_they_are_wanted(
    is_terminal: bool, wants_colors: bool, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "isatty", lambda: is_terminal)

    output.speak(log_format="console", wants_colors=wants_colors)
    emit(Event.WORKER_READY)

    assert (b"\x1b[" in output.getvalue()) is (is_terminal and wants_colors)
    assert b"worker.ready" in output.getvalue()


# --- where the lines go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_blocking", [True, False])
@pytest.mark.usefixtures("output")
def test_lines_that_are_dropped_because_a_reader_hangs_are_counted(is_blocking: bool) -> None:
    reader, end = os.pipe()
    os.set_blocking(end, is_blocking)
    lines: list[dict[str, Any]] = []
    with os.fdopen(reader, "rb") as log:
        with os.fdopen(end, "wb", buffering=0) as pipe:
            writer = logs.configure(log_format="json", stream=pipe)
            for n in range(3 * MAX_WAITING):
                emit(Event.JOB_STARTED, source=n)
            reading = threading.Thread(target=lambda: lines.extend(map(json.loads, log)))
            reading.start()
            writer.close()
        reading.join()

    (loss,) = (line for line in lines if line["event"] == "log.dropped")
    kept = [line["source"] for line in lines if line is not loss]
    assert kept == list(range(len(kept)))
    assert loss["lines"] == 3 * MAX_WAITING - len(kept)


class FullDisk(Output):
    """Takes nothing until there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.is_full = True

    def write(self, data: Any) -> int:
        if self.is_full:
            self.refusals += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.usefixtures("output")
async def test_lines_that_found_the_disk_full_are_counted_when_there_is_room_again() -> None:
    disk = FullDisk()
    disk.speak(log_format="json")
    emit(Event.WORKER_STARTED)
    await wait_until(lambda: disk.refusals)
    disk.is_full = False
    emit(Event.WORKER_READY)
    await wait_until(disk.tell)
    emit(Event.WORKER_STOPPED)

    *_, loss = lines = disk.lines()
    assert [line["event"] for line in lines] == ["worker.ready", "worker.stopped", "log.dropped"]
    assert loss["lines"] == 1


@pytest.mark.usefixtures("output")
def test_where_standard_output_was_closed_before_the_start_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    writer = logs.configure()
    emit(Event.WORKER_STARTED)
    writer.close()


def test_the_log_can_be_silenced_for_commands(output: Output, capfd: pytest.CaptureFixture[str]) -> None:
    logs.silence()
    emit(Event.WORKER_CRASHED)
    logging.getLogger("botocore").error("loud")
    assert output.getvalue() == b""
    assert capfd.readouterr() == ("", "")
