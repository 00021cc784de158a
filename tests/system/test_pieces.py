"""A long source through a whole worker, whose free slot helps to encode it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.processes import descendants_of
from tests.support.sounds import FFMPEG, run_ffmpeg
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess

_SECONDS = 190  # more than three seconds' work for an encoder of stereo; less is not split


def test_a_long_source_is_encoded_by_two_converters_side_by_side_and_its_outputs_are_whole(
    stack: Stack, start_worker: Callable[..., WorkerProcess], unique: Callable[[str], str], tmp_path: Path
) -> None:
    job_id, source = unique("job"), tmp_path / "long.wav"
    noise = f"anoisesrc=duration={_SECONDS}:sample_rate=44100:color=pink:amplitude=0.1:seed=1"
    run_ffmpeg("-f", "lavfi", "-i", noise, "-c:a", "pcm_s16le", "-metadata", "title=Änne", str(source))
    process = start_worker(stack, WORKER_CONCURRENCY="2")
    formats = ("alac", "mp3")
    outputs: list[dict[str, Any]] = [{"target": stack.target(f"{job_id}.{name}"), "format": name} for name in formats]
    percents: list[float] = []
    most = 0

    def ended() -> bool | None:
        nonlocal most
        most = max(most, len(descendants_of(process.pid, named="ffmpeg")))
        record = stack.record(job_id)
        if record is not None:
            percents.append(record["percent"])
        return True if record is not None and record["status"] in {"completed", "failed"} else None

    stack.send_job(job_id, stack.put_source(f"{job_id}.wav", source), *outputs)
    wait_for(ended, "the end of the job")
    record = stack.final_record(job_id)

    assert (record["status"], record["error"]) == ("completed", None)
    assert [output["duration_seconds"] for output in record["outputs"]] == [_SECONDS, _SECONDS]
    assert most == 2
    assert percents == sorted(percents)
    assert [line["error"] for line in process.lines if line["event"] == "conversion.split_failed"] == []
    for name in formats:
        (tmp_path / name).write_bytes(stack.output(f"{job_id}.{name}"))
    expected = samples_of(source)
    assert samples_of(tmp_path / "alac") == expected
    assert len(samples_of(tmp_path / "mp3")) == len(expected)
    assert "Änne".encode() in (tmp_path / "mp3").read_bytes()


def samples_of(path: Path) -> bytes:
    command = [FFMPEG, "-v", "error", "-i", str(path), "-f", "s16le", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout
