"""The command line: its arguments, exit codes and error messages."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import a_process
from tests.support.records import NOW
from worker import cli
from worker.cli.arguments import parse
from worker.cli.console import duration_text, printable, size_text, wants_colors
from worker.cli.exits import ExitCode, UsageError
from worker.domain.errors import DependencyUnavailableError
from worker.domain.progress import first_record
from worker.domain.refusals import JobExistsError
from worker.ports import StoreUnavailableError, UnreadableRecordError
from worker.settings import ConfigurationError, Fault


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKER_QUEUE_URL", "WORKER_TABLE", "REDIS_ENDPOINT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fly"],
        ["run", "now"],
        ["status"],
        ["status", "a/b"],
        ["cancel"],
        ["status", "ep-1", "--yaml"],
        ["watch", ""],
        ["submit"],
        ["submit", "s3://in-bucket/a.wav"],
        ["submit", "a.wav", "--output", "s3://out/a.mp3"],
        ["submit", "s3://in-bucket/a.wav", "--format", "mp3", "--output", "s3://out/a.mp3"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a", "--format", "mp4"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a", "--format", "mp3", "--format", "aac"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a.mp3", "--channels", "two"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a.flac", "--bitrate-kbps", "128"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://in-bucket/a.wav"],
        ["submit", "/no/such/file.wav", "--upload-to", "s3://in-bucket", "--output", "s3://out/a.mp3"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a.mp3", "--channels", "2.0"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a.mp3", "--loudness", "[" * 20_000],
        ["schema"],
        ["schema", "progress"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out-bucket/a.mp3", "--timeout", "5"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out-bucket/a.mp3", "--wait", "--timeout", "0"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out-bucket/a.mp3", "--group", "a b"],
        ["watch", "ep-1", "--timeout", "inf"],
        ["status", "ep-1", "--timeout", "soon"],
        ["status", "ep-1", "--timeout", "٥"],
        ["run", "--max-jobs", "٥"],
        ["jobs", "--since", "٥h"],
        ["validate", "http://["],
        ["demo", "/no/such/file.wav"],
    ],
)
def test_wrong_usage_ends_with_64_and_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = cli.main(argv)
    except SystemExit as exit_:
        code = exit_.code
    out, err = capsys.readouterr()
    assert code == 64
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("worker")
    assert "--help" in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["redrive", "--code", "broken"], "choose from 'invalid_message', 'source_not_found', "),
        (["jobs", "--status", "broken"], "must be one of queued, running, completed, failed, cancelled "),
        (["validate", "http://["], "must be a URL such as http://127.0.0.1:8080 "),
    ],
)
def test_wrong_usage_shows_what_can_be_typed(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(argv)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["run"],
        ["status", "ep-1"],
        ["status", "ep-1", "--json"],
        ["cancel", "ep-1"],
        ["watch", "ep-1"],
        ["submit", "s3://in-bucket/a.wav", "--output", "s3://out/a.mp3"],
        ["doctor", "--json"],
    ],
)
def test_a_bad_environment_ends_with_78_and_a_line_for_each_fault(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert "worker: WORKER_TABLE: is required: the name of the DynamoDB table" in err.splitlines()
    assert "worker: AWS_REGION: is required" in err


def raising(error: BaseException) -> Callable[[Namespace], int]:
    def command(_arguments: Namespace) -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigurationError(Fault(("REDIS_PORT",), "is wrong")), 78, "worker: REDIS_PORT: is wrong"),
        (UsageError("no"), 64, "worker: no (see worker status --help)"),
        (DependencyUnavailableError("SQS"), 1, "worker: SQS did not answer"),
        (
            JobExistsError(first_record("ep-1", None, (), NOW)),
            1,
            "worker: job ep-1 exists already (queued)",
        ),
        (
            UnreadableRecordError("DynamoDB", "record"),
            1,
            (
                "worker: the job table holds what cannot be read (attribute record of the job's item): "
                "update this program where a newer one has written it, else mend or delete that item"
            ),
        ),
        (
            StoreUnavailableError("timeout"),
            1,
            "worker: the job table could not be used (timeout)",
        ),
        (FileNotFoundError(2, "No such file or directory", "a.wav"), 1, "worker: a.wav: No such file or directory"),
        (
            RuntimeError("redis://u:hunter2@h\nmore"),
            1,
            "worker: an unexpected error, a bug of ours: RuntimeError: redis://[redacted]@h more",
        ),
        (KeyboardInterrupt(), 130, None),
    ],
)
def test_an_error_is_one_plain_line(
    error: BaseException,
    code: int,
    line: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "parse", lambda _argv: Namespace(command=raising(error), name="status"))
    assert cli.main(["status", "ep-1"]) == code
    assert capsys.readouterr().err.splitlines() == ([] if line is None else [line])


def test_help_loads_nothing_that_is_heavy() -> None:
    code = (
        "import contextlib, sys\n"
        "from worker.cli import main\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        "heavy = {'pydantic', 'structlog', 'asyncio', 'aioboto3', 'redis', 'rich', 'prometheus_client'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(
        name in done.stdout for name in ("run", "submit", "status", "watch", "cancel", "doctor", "schema", "demo")
    )


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker", "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("worker ")


@pytest.mark.parametrize(
    ("environment", "colors"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colors_are_for_terminals_that_show_them_and_users_who_do_not_refuse_them(
    environment: dict[str, str], colors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert wants_colors() is colors


def test_a_reader_of_the_output_that_goes_away_is_no_error() -> None:
    code = "import sys; from worker import cli; from worker.cli.console import say\n"
    code += "def many(_):\n    while True: say('x' * 1000)\n"
    code += "from argparse import Namespace; cli.parse = lambda _: Namespace(command=many, name='x')\n"
    code += "sys.exit(cli.main([]))"
    with a_process([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 1


def test_outputs_are_read_in_groups() -> None:
    mp3 = ["--output", "s3://out/a.mp3", "--bitrate-kbps", "192"]
    opus = ["--output", "s3://out/a", "--format", "opus", "--channels", "1", "--sample-rate-hz", "16000"]
    arguments = parse(["submit", "s3://in-bucket/a.wav", *mp3, *opus])
    assert arguments.outputs == [
        {"target": "s3://out/a.mp3", "bitrate_kbps": 192},
        {"target": "s3://out/a", "format": "opus", "channels": 1, "sample_rate_hz": 16_000},
    ]


def test_a_hostile_key_cannot_control_the_terminal() -> None:
    assert printable("s3://b/\x1b[31mü\n") == "s3://b/\\x1b[31mü\n"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (4_801_234, "4.8 MB"), (5 * 10**13, "50.0 TB")]
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (12.0, "0:12"), (200, "3:20"), (3723.4, "1:02:03")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize("variable", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_directory_for_metrics_of_several_processes_is_not_used(command: str, variable: str, tmp_path: Path) -> None:
    """prometheus_client would keep files there that nobody removes, or end the process where it cannot."""
    for directory in (tmp_path, tmp_path / "missing"):
        done = subprocess.run(
            [sys.executable, "-m", "worker", command],
            env={"PATH": os.environ["PATH"], variable: str(directory)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == ExitCode.CONFIGURATION, done.stderr
    assert list(tmp_path.iterdir()) == []
