"""The client from outside: the programs of docs/client.md, its types, and what it loads."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess, inherited
from worker.client.sync import Jobs
from worker.settings import ConfigurationError

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
# What only a worker or the command line needs.
MACHINERY = (
    *("prometheus_client", "imageio_ffmpeg", "structlog", "rich", "worker.metrics", "worker.logs", "worker.cli"),
    *("worker.demo", "worker.application.consuming", "worker.adapters.ffmpeg", "worker.adapters.http"),
    *("worker.adapters.sandbox", "worker.adapters.s3.store", "worker.bootstrap.assembly", "worker.bootstrap.checks"),
    *("worker.application.progress.failover", "worker.domain.containers.sniffing"),
)


def machinery_in(modules: list[str]) -> list[str]:
    return [name for name in modules if any(f"{name}.".startswith(f"{each}.") for each in MACHINERY)]


def a_python(code: str, **environment: str) -> str:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=inherited() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_programs_of_the_page_convert_a_file_each(
    stack: Stack, start_worker: Callable[..., WorkerProcess], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    exec(compile(CODE, "client.md", "exec"), names)
    source = stack.put_source("a.wav", sound("plain.wav"))
    start_worker(stack)

    assert asyncio.run(names["convert"](source, stack.target("a.mp3"))) == "completed"
    assert names["convert_and_wait"](source, stack.target("a.flac")) == "completed"

    assert stack.output("a.flac").startswith(b"fLaC")
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "completed 100 %"
    assert err == ""


def test_a_program_that_leaves_its_watch_early_prints_nothing_of_it(
    stack: Stack, start_worker: Callable[..., WorkerProcess]
) -> None:
    source = stack.put_source("a.wav", sound("plain.wav"))
    start_worker(stack)
    program = f"{CODE}\nimport asyncio\nasyncio.run(convert({source!r}, {stack.target('a.mp3')!r}))"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=inherited() | stack.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_jobs_are_cancelled_run_again_and_listed_without_a_word_on_standard_output(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [{"target": stack.target("a.mp3"), "format": "mp3"}]
    with Jobs.from_env(stack.environment()) as jobs:
        job = jobs.submit(source="s3://in-bucket/a.wav", outputs=outputs)
        same = jobs.submit_message({"job_id": job.job_id, "source": job.source, "outputs": outputs})
        cancelled = jobs.cancel(job.job_id)
        again = jobs.retry(job.job_id)
        listed = jobs.list(limit=5)
        found = jobs.get(job.job_id)
        with pytest.raises(TimeoutError):
            list(jobs.watch(job.job_id, timeout_seconds=0.5))

    assert same == job
    assert cancelled is not None
    assert cancelled.status == "cancelled"
    assert again is not None
    assert again.run == 2
    assert found == again
    assert [record.job_id for record in listed] == [job.job_id]
    assert stack.messages_in(stack.queue_url) == 3
    assert capsys.readouterr() == ("", "")


def test_a_program_that_only_reads_needs_no_queue(stack: Stack) -> None:
    environment = {name: value for name, value in stack.environment().items() if name != "WORKER_QUEUE_URL"}
    with Jobs.from_env(environment) as jobs:
        assert jobs.get("nobody") is None
        with pytest.raises(ConfigurationError, match="WORKER_QUEUE_URL: is required"):
            jobs.submit(source="s3://in-bucket/a.wav", outputs=[{"target": "s3://out-bucket/a.mp3", "format": "mp3"}])


def test_importing_the_client_loads_neither_the_sdk_nor_what_a_message_needs_nor_what_only_a_worker_needs() -> None:
    loaded = json.loads(a_python("import json, sys, worker.client.sync; print(json.dumps(list(sys.modules)))"))

    late = (
        "aioboto3",
        "botocore",
        "aiohttp",
        "redis",
        "pydantic",
        "worker.ports",
        "worker.application",
        "worker.domain.job",
    )
    unwanted = [name for name in loaded if name.startswith(late)]
    assert unwanted == []
    assert machinery_in(loaded) == []


def test_using_the_client_loads_nothing_that_only_a_worker_needs(stack: Stack) -> None:
    program = """
import json, os, sys
from worker.client.sync import Jobs
with Jobs.from_env(json.loads(os.environ["SETTINGS"])) as jobs:
    job = jobs.submit(source="s3://in-bucket/a.wav", outputs=[{"target": "s3://out-bucket/a.mp3", "format": "mp3"}])
    jobs.cancel(job.job_id), jobs.retry(job.job_id), jobs.get(job.job_id), jobs.list()
print(json.dumps(list(sys.modules)))
"""
    environment = stack.environment()
    aws = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    loaded = json.loads(a_python(program, SETTINGS=json.dumps(environment), **aws))

    assert "aioboto3" in loaded
    assert machinery_in(loaded) == []


@pytest.mark.slow
def test_a_program_of_its_own_is_typed(tmp_path: Path) -> None:
    program = CODE + "\n\nasync def misuse(jobs: Jobs) -> None:\n    await jobs.get(1)\n    jobs.no_such_call()\n"
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null", "program.py"],
        cwd=tmp_path,
        env=inherited(),
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )

    errors = [line.split("error: ")[1] for line in done.stdout.splitlines() if ": error: " in line]
    assert errors == [
        'Argument 1 to "get" of "Jobs" has incompatible type "int"; expected "str"  [arg-type]',
        '"Jobs" has no attribute "no_such_call"  [attr-defined]',
    ], done.stdout


def test_the_commands_of_a_producer_need_nothing_but_what_the_client_needs(stack: Stack) -> None:
    program = """
import sys
for name in ("prometheus_client", "imageio_ffmpeg", "structlog", "rich"):
    sys.modules[name] = None  # as if it were not installed
from worker.cli import main
outputs = ["--output", "s3://out-bucket/a.mp3"]
assert main(["submit", "s3://in-bucket/a.wav", *outputs, "--job-id", "ep-1"]) == 0
assert main(["status", "ep-1", "--json"]) == 0
assert main(["cancel", "ep-1"]) == main(["retry", "ep-1"]) == main(["jobs"]) == main(["redrive"]) == 0
"""
    lines = a_python(program, **stack.environment()).splitlines()

    assert lines[0] == "ep-1"
    assert json.loads(lines[1])["status"] == "queued"
    assert lines[2:4] == ["ep-1 is cancelled", "ep-1 is queued for run 2"]


@pytest.mark.parametrize(
    ("command", "missing", "said"),
    [
        ("doctor", "imageio_ffmpeg", "this needs imageio_ffmpeg, which is not installed"),
        ("serve", "uvicorn", "worker serve needs more packages"),
        ("demo", "moto", "the demo needs more packages"),
    ],
)
def test_a_command_that_needs_more_packages_says_how_they_are_installed_from_a_clone(
    command: str, missing: str, said: str
) -> None:
    """No index of packages has this one, or it has another one of that name."""
    program = f"""
import sys
sys.modules["{missing}"] = None  # as if it were not installed
from worker.cli import main
print(main(["{command}"]))
"""
    environment = {"WORKER_TABLE": "t", "WORKER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/q"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=inherited() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    how = {"doctor": "pip install '.[worker]'", "serve": "pip install '.[serve]'", "demo": "make demo"}
    assert done.stdout == "1\n"
    assert done.stderr == f"worker: {said}; in a clone of the repository: {how[command]}\n"
