"""What the worker reads of the machine that it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import wait_for
from worker.adapters.resources import MachineResources

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the accounts are Linux's")
_PARENT = """
import subprocess, sys
held = "import time; held = bytes(range(256)) * 131072; time.sleep(60)"
subprocess.Popen([sys.executable, "-c", held]).wait()
"""


def resources(path: Path, launcher: int | None = None) -> MachineResources:
    return MachineResources(lambda: path, lambda: launcher)


def test_memory_and_free_space_are_positive(tmp_path: Path) -> None:
    read = resources(tmp_path)

    assert (read.worker_memory_bytes() or 0) > 1 << 20
    assert (read.workspace_free_bytes() or 0) > 0
    assert read.converters_memory_bytes() == 0


def test_space_is_not_known_where_the_workspace_is_gone(tmp_path: Path) -> None:
    assert resources(tmp_path / "gone").workspace_free_bytes() is None


def test_the_memory_of_converters_is_that_of_what_the_launcher_has_started(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], start_new_session=True) as launcher:
        try:
            read = resources(tmp_path, launcher.pid)
            wait_for(lambda: (read.converters_memory_bytes() or 0) > 32 << 20 or None, "the child's memory")
        finally:
            os.killpg(launcher.pid, 9)


def test_a_launcher_that_has_ended_is_not_known(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()

    assert resources(tmp_path, ended.pid).converters_memory_bytes() is None
