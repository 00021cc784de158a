"""A long WAV is converted while it is downloaded, and what happens to the download meanwhile changes no output."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_calls import Call
from tests.support.fault_proxy import FaultProxy
from tests.support.sounds import listen
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

_MIB = 1 << 20
_RATE_HZ = 44_100
_SECONDS = 110  # 19 MB: a source of 16 MiB and more is converted early


@dataclass
class EarlyConversion:
    """A worker that converts a source of which 8 MiB have come; its next request for the rest is held."""

    stack: Stack
    job_id: str
    process: WorkerProcess
    proxy: FaultProxy

    def record(self) -> dict[str, Any]:
        return self.stack.final_record(self.job_id)

    def output_seconds(self, directory: Path) -> float:
        path = directory / "output"
        path.write_bytes(self.stack.output(self.job_id))
        return listen(path).seconds


def _is_for_the_rest(call: Call) -> bool:
    return call.action == "GetObject" and "range" in call.headers


def a_wav(seconds: int) -> bytes:
    """A square wave of two channels."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(_RATE_HZ)
        sound.writeframes((b"\x00\x10\x00\x10" * 49 + b"\x00\xf0\x00\xf0" * 49) * (seconds * _RATE_HZ // 98))
    return file.getvalue()


@pytest.fixture
def proxy(stack: Stack) -> Iterator[FaultProxy]:
    with FaultProxy(stack.endpoint).running() as proxy:
        yield proxy


@pytest.fixture
def early(
    stack: Stack, proxy: FaultProxy, start_worker: Callable[..., WorkerProcess], unique: Callable[[str], str]
) -> EarlyConversion:
    job_id = unique("job")
    proxy.cut_answers(lambda call: call.action == "GetObject" and "range" not in call.headers, after_bytes=8 * _MIB)
    proxy.hold(_is_for_the_rest)
    source = stack.put_source("long.wav", a_wav(_SECONDS))
    stack.send_job(job_id, source, {"target": stack.target(job_id), "format": "wav"})
    process = start_worker(replace(stack, endpoint=proxy.url))
    proxy.wait_held(60)
    wait_for(lambda: (stack.record(job_id) or {}).get("stage") == "converting" or None, "a record of the conversion")
    return EarlyConversion(stack, job_id, process, proxy)


def test_a_source_that_breaks_off_during_an_early_conversion_is_converted_whole(
    early: EarlyConversion, tmp_path: Path
) -> None:
    early.proxy.release()

    record = early.record()
    assert record["status"] == "completed"
    assert record["source_audio"]["duration_seconds"] == pytest.approx(_SECONDS, abs=0.01)
    assert early.output_seconds(tmp_path) == pytest.approx(_SECONDS, abs=0.01)
    assert early.process.find("conversion.early_failed") is None


def test_a_source_that_is_replaced_during_an_early_conversion_is_converted_as_it_is_then(
    early: EarlyConversion, tmp_path: Path
) -> None:
    early.stack.put_source("long.wav", a_wav(2))
    early.proxy.release()

    record = early.record()
    assert record["status"] == "completed"
    assert record["attempt"] == 2
    assert record["source_audio"]["duration_seconds"] == pytest.approx(2, abs=0.01)
    assert early.output_seconds(tmp_path) == pytest.approx(2, abs=0.01)
