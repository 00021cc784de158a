"""Jobs with several sources through a whole worker, with real ffmpeg."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import worker
from tests.support.pcm import read_wav
from tests.support.processes import descendants_of
from tests.support.samples import RATE_HZ, a_wav, tones
from tests.support.sounds import half_of, listen, run_ffmpeg, sound
from tests.support.stack import Deployment, Stack, wait_for
from tests.support.worker_process import WorkerProcess

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"


def a_message(stack: Stack, job_id: str, *sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    outputs = [{"target": stack.target(f"{job_id}.wav"), "format": "wav"}]
    return {"job_id": job_id, "source": list(sources), "outputs": outputs} | more


def test_the_example_of_the_page_is_converted(
    deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    stack, job_id = deployment.stack, unique("job")
    section = PAGE.read_text(encoding="utf-8").partition("## Several sources\n")[2]
    example = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert example is not None
    message = json.loads(
        example[1]
        .replace("podcasts-in", stack.sources)
        .replace("podcasts-out", stack.targets)
        .replace("ep-0142.mp3", f"{job_id}.mp3")
    )
    message["job_id"] = job_id
    for key, name in (("intro.wav", "plain.wav"), (f"{job_id}.mp3", "plain.mp3"), ("outro.flac", "plain.flac")):
        stack.put_source(key, sound(name))

    stack.send(message)
    record = stack.final_record(job_id)

    assert (record["status"], record["error"]) == ("completed", None)
    assert record["source"] == [part["source"] for part in message["source"]]
    assert record["source_audio"]["container"] == "wav"
    seconds = 2.3 + 1.25 + 2.3 - 2 * 0.25
    assert record["source_audio"]["duration_seconds"] == pytest.approx(seconds, abs=0.001)
    (output,) = record["outputs"]
    assert output["duration_seconds"] == pytest.approx(seconds, abs=0.001)
    assert output["loudness"]["after_lufs"] == pytest.approx(-16, abs=0.5)
    (tmp_path / "output").write_bytes(stack.output(f"{job_id}.mp3"))
    assert listen(tmp_path / "output").seconds == pytest.approx(seconds, abs=0.05)


def test_two_sources_become_their_samples_one_behind_the_other(
    deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    stack, job_id = deployment.stack, unique("job")
    sounds = [tones([440, 1000], seconds=0.5), tones([1300, 330], seconds=0.25)]
    sources = [
        {"source": stack.put_source(f"{job_id}-{number}", a_wav(tmp_path / str(number), samples, 2))}
        for number, samples in enumerate(sounds)
    ]

    stack.send(a_message(stack, job_id, *sources, {**sources[0], "start_seconds": 0.4}))
    record = stack.final_record(job_id)

    assert record["status"] == "completed"
    heard = array("h", read_wav(stack.output(f"{job_id}.wav")).frames)
    assert heard == sounds[0] + sounds[1] + sounds[0][2 * round(0.4 * RATE_HZ) :]
    assert record["outputs"][0]["duration_seconds"] == 0.85


def test_the_progress_of_joined_sources_never_falls_and_is_100_only_where_the_job_is_completed(
    deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    stack, job_id, long = deployment.stack, unique("job"), tmp_path / "long.mp3"
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=240:sample_rate=48000", "-b:a", "32k", str(long))
    source = {"source": stack.put_source(f"{job_id}.mp3", long)}
    seen: list[tuple[float, bool]] = []

    def ended() -> bool | None:
        record = stack.record(job_id)
        if record is not None:
            seen.append((record["percent"], record["status"] == "completed"))
        return True if record is not None and record["status"] in {"completed", "failed"} else None

    outputs = [{"target": stack.target(f"{job_id}.{name}"), "format": name} for name in ("mp3", "opus")]
    stack.send(a_message(stack, job_id, source, source, crossfade_seconds=20, outputs=outputs))
    wait_for(ended, "the end of the job")

    percents = [percent for percent, _ in seen]
    assert percents == sorted(percents), percents
    assert any(0 < percent < 100 for percent in percents), set(seen)
    assert all((percent == 100) == is_completed for percent, is_completed in seen)


def test_what_is_wrong_with_one_source_is_said_with_its_address(
    deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    stack = deployment.stack
    good = stack.put_source("good.wav", sound("plain.wav"))
    half = stack.put_source("half.flac", half_of("plain.flac", tmp_path))
    missing = f"s3://{stack.sources}/missing.wav"
    ends: dict[str, tuple[dict[str, Any], str, str]] = {
        "half": ({"source": half}, "unsupported_audio", f"{half}: the source is cut off"),
        "missing": ({"source": missing}, "source_not_found", f"{missing} does not exist"),
        "beyond": (
            {"source": good, "end_seconds": 2.31},
            "invalid_message",
            "source[1].end_seconds: is beyond the end of the source, which has 2.300 s",
        ),
    }
    jobs = {name: unique("job") for name in ends}
    for name, (source, _, _) in ends.items():
        stack.send(a_message(stack, jobs[name], {"source": good}, source))

    for name, (_, code, words) in ends.items():
        error = stack.final_record(jobs[name])["error"]
        assert error["code"] == code
        assert error["message"].startswith(words)


def test_a_join_that_is_cancelled_stops_and_leaves_nothing(
    stack: Stack, start_worker: Callable[..., WorkerProcess], unique: Callable[[str], str], tmp_path: Path
) -> None:
    long = tmp_path / "long.flac"
    run_ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=3600:sample_rate=8000", "-compression_level", "0", str(long))
    job_id, workspace = unique("job"), tmp_path / "workspace"
    workspace.mkdir()
    process = start_worker(stack, WORKER_WORKSPACE=str(workspace))
    source = {"source": stack.put_source(f"{job_id}.flac", long)}
    wide = {"source": stack.put_source("high.wav", sound("high.wav"))}

    stack.send(a_message(stack, job_id, source, source, wide))
    wait_for(lambda: next(workspace.rglob("source"), None), "the joined samples")
    done = worker(stack, "cancel", job_id)

    assert done.returncode == 0
    process.wait_for("job.cancelled", job_id=job_id)
    assert descendants_of(process.pid, named="ffmpeg") == []
    assert stack.final_record(job_id)["status"] == "cancelled"
    assert [path.name for path in workspace.rglob("*") if path.is_file()] == ["lock"]  # of the workspace itself


def test_sources_are_submitted_and_shown_by_the_command_line(
    deployment: Deployment, unique: Callable[[str], str], tmp_path: Path
) -> None:
    stack, job_id = deployment.stack, unique("job")
    first = stack.put_source(f"{job_id}.wav", sound("plain.wav"))
    words = [str(sound("plain.mp3")), "--upload-to", f"s3://{stack.sources}/raw", "--crossfade-seconds", "0.5"]

    done = worker(
        stack, "submit", first, *words, "--output", stack.target(f"{job_id}.flac"), "--job-id", job_id, "--wait"
    )

    assert (done.returncode, done.stdout) == (0, f"{job_id}\n")
    record = stack.final_record(job_id)
    assert record["source"] == [first, f"s3://{stack.sources}/raw/{job_id}/plain.mp3"]
    assert record["outputs"][0]["duration_seconds"] == pytest.approx(4.1, abs=0.002)
    shown = worker(stack, "status", job_id).stdout.splitlines()
    assert [line for line in shown if line.startswith("source")] == [f"source   {each}" for each in record["source"]]
