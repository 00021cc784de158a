"""CPUs and memory of the process: of the machine, of its control groups, and of its task on ECS."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from worker.adapters.machine import machine_limits, memory_of_workspace

MIB = 1 << 20


@contextmanager
def an_ecs_agent(task: object) -> Iterator[dict[str, str]]:
    """A metadata endpoint that says this of the task; yields the variables by which it is found."""

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v4/abc/task" else 404)
            self.end_headers()
            self.wfile.write(task if isinstance(task, bytes) else json.dumps(task).encode())

        def log_message(self, *_arguments: object) -> None:
            """Nothing is written."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Agent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{server.server_port}/v4/abc"}
        finally:
            server.shutdown()
            thread.join()


def machine(root: Path, files: dict[str, str], *, version: int = 2) -> Path:
    """A machine whose process is in the group /task/container, with these files in /sys/fs/cgroup."""
    kinds = {
        1: ("3:cpu,memory:/task/container\n", "1 0 0:1 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu,memory\n"),
        2: ("0::/task/container\n", "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"),
    }
    membership, mounts = kinds[version]
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(membership)
    (root / "proc/self/mountinfo").write_text(mounts)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def machine_with_64_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: range(64))


@pytest.mark.parametrize(
    ("version", "files", "cpus", "memory"),
    [
        (2, {}, 64, None),
        (2, {"task/container/cpu.max": "200000 100000\n"}, 2, None),
        (2, {"task/container/cpu.max": "max 100000\n", "task/cpu.max": "150000 100000\n"}, 2, None),
        (2, {"task/container/cpu.max": "50000 100000\n", "task/cpu.max": "400000 100000\n"}, 1, None),
        (2, {"task/container/memory.max": "max\n", "task/memory.max": f"{512 * MIB}\n"}, 64, 512 * MIB),
        (1, {"task/cpu.cfs_quota_us": "300000\n", "task/cpu.cfs_period_us": "100000\n"}, 3, None),
        (1, {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, 64, None),
        (1, {"task/container/memory.limit_in_bytes": f"{256 * MIB}\n"}, 64, 256 * MIB),
    ],
)
def test_the_tightest_group_is_the_limit_be_it_the_own_one_or_one_above(
    version: int, files: dict[str, str], cpus: int, memory: int | None, tmp_path: Path
) -> None:
    limits = machine_limits({}, root=machine(tmp_path, files, version=version))

    assert (limits.cpus, limits.memory_bytes) == (cpus, memory)


def test_a_group_and_a_mount_point_with_any_name_are_found(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_bytes(b"0::/a b/\xff\n")
    mounts = b"1 0 0:1 / /a\\040\xffb rw - ext4 x rw\n2 0 0:2 / /sys/fs/control\\040groups rw - cgroup2 c rw\n"
    (tmp_path / "proc/self/mountinfo").write_bytes(mounts)
    group = tmp_path / os.fsdecode(b"sys/fs/control groups/a b/\xff")
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("200000 100000\n")

    assert machine_limits({}, root=tmp_path).cpus == 2


def test_the_task_of_ecs_is_a_limit_of_its_own(tmp_path: Path) -> None:
    root = machine(tmp_path, {"task/container/cpu.max": "400000 100000\n"})
    with an_ecs_agent({"Limits": {"CPU": 1.5, "Memory": 3072}}) as environ:
        limits = machine_limits(environ, root=root)

    assert (limits.cpus, limits.memory_bytes) == (2, 3072 * MIB)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ({"TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c"}, "158d1c80"),
        ({"TaskARN": None}, None),
        ({}, None),
    ],
)
def test_the_task_is_named_by_the_last_part_of_its_arn(task: object, name: str | None, tmp_path: Path) -> None:
    with an_ecs_agent(task) as environ:
        found = machine_limits(environ, root=tmp_path).task

    assert (found and found[:8]) == name


@pytest.mark.parametrize("task", [{}, {"Limits": None}, {"Limits": {"CPU": "1"}}, [], b"<html>"])
def test_an_endpoint_that_says_nothing_of_limits_changes_none(task: object, tmp_path: Path) -> None:
    with an_ecs_agent(task) as environ:
        assert machine_limits(environ, root=tmp_path).cpus == 64


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/v4", "file:///etc/passwd", "nonsense"])
def test_an_endpoint_that_cannot_be_asked_changes_none(uri: str, tmp_path: Path) -> None:
    assert machine_limits({"ECS_CONTAINER_METADATA_URI_V4": uri}, root=tmp_path).cpus == 64


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this machine has no file system in memory there")
def test_a_workspace_in_memory_takes_as_much_as_its_file_system_holds() -> None:
    assert memory_of_workspace(Path("/dev/shm/audio")) > 0
    assert memory_of_workspace(Path("/proc")) == 0
