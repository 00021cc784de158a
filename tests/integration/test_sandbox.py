"""What holds of every converter, whatever the kernel has: its limits, its end, and the end of what it has started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_ffmpeg_process import start_long_conversion
from tests.support.conversions import an_output, converted
from tests.support.processes import a_process, descendants_of, is_alive, parent_of
from tests.support.sandboxes import LIMITS, PYTHON, run_python
from tests.support.sounds import sound
from tests.support.waiting import wait_until
from worker.adapters.ffmpeg.process import CpuLimitError, run
from worker.adapters.sandbox import kernel
from worker.adapters.sandbox.choice import available_sandbox
from worker.adapters.sandbox.launcher import Launcher, shared_launcher
from worker.adapters.sandbox.policy import CORE_BYTES, STACK_BYTES, Sandbox
from worker.adapters.sandbox.programs import program_of
from worker.domain.audio import AudioFormat
from worker.domain.errors import ConverterCrashedError

pytestmark = pytest.mark.skipif(not kernel.IS_LINUX, reason="sandboxes are Linux's")

_STATUS = """
import json, os
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({name: lines[name].strip() for name in ("NoNewPrivs", "CapPrm", "CapEff", "Seccomp")}))
print(json.dumps(sorted(os.listdir("/proc/self/fd"))))
print(open("/proc/self/oom_score_adj").read().strip())
"""


async def test_a_converter_has_no_right_to_gain_and_no_descriptor_but_its_own(tmp_path: Path) -> None:
    read, write = os.pipe()
    ran = await run_python(_STATUS, cwd=tmp_path, sandbox=Sandbox(), fds=(read,))
    for descriptor in (read, write):
        os.close(descriptor)

    status, descriptors, oom_score = ran.output.splitlines()
    assert json.loads(status) == {"NoNewPrivs": "1", "CapPrm": "0" * 16, "CapEff": "0" * 16, "Seccomp": "0"}
    listing = 1  # of the directory itself
    assert len(json.loads(descriptors)) == len({0, 1, 2, read}) + listing
    assert str(read) in json.loads(descriptors)
    assert int(oom_score) >= 500, "where memory is short, it ends before the worker"


async def test_a_converter_interrupts_no_other_program(tmp_path: Path) -> None:
    """Nor its own threads: with all cores busy, it takes less CPU."""
    code = "import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH)"

    ran = await run_python(code, cwd=tmp_path, sandbox=Sandbox())

    assert ran.output == "True\n"


async def test_a_policy_that_the_operator_has_chosen_stays(tmp_path: Path) -> None:
    code = "import os; print(os.sched_getscheduler(0) == os.SCHED_IDLE)"
    launcher = shared_launcher()
    launcher.facts()
    assert launcher.pid is not None
    os.sched_setscheduler(launcher.pid, os.SCHED_IDLE, os.sched_param(0))
    try:
        ran = await run_python(code, cwd=tmp_path, sandbox=Sandbox())
    finally:
        launcher.close()  # only root may take the policy back

    assert ran.output == "True\n"


async def test_the_limits_hold_from_the_first_instruction(tmp_path: Path) -> None:
    code = (
        "import resource as r; "
        "print(*(r.getrlimit(n)[1] for n in (r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_CORE, r.RLIMIT_STACK)))"
    )
    for _ in range(10):
        ran = await run_python(code, cwd=tmp_path, sandbox=Sandbox())
        assert ran.output == f"{LIMITS.memory_bytes} {LIMITS.file_bytes} {CORE_BYTES} {STACK_BYTES}\n"


async def test_nothing_starts_with_more_memory_than_the_filter_of_system_calls_was_made_for(tmp_path: Path) -> None:
    if not shared_launcher().facts().seccomp:
        pytest.skip("needs seccomp")
    too_much = replace(LIMITS, memory_bytes=LIMITS.memory_bytes + 1)

    with pytest.raises(ConverterCrashedError, match="could not be started"):
        await run_python("print('ran')", cwd=tmp_path, sandbox=Sandbox(seccomp=True), limits=too_much)


async def test_cpu_time_ends_it(tmp_path: Path) -> None:
    with pytest.raises(CpuLimitError, match="the converter was ended after 1 s of CPU time"):
        await run_python("while True: pass", cwd=tmp_path, sandbox=Sandbox(), limits=replace(LIMITS, cpu_seconds=1))


async def test_a_file_grows_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "output"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    code = f"""
import os
os.truncate({descriptor}, 1000)
try:
    os.truncate({descriptor}, 1_000_000_000)
except OSError as exc:
    print(exc.errno)
while True:
    os.write({descriptor}, bytes(1000))
"""
    ran = await run_python(
        code, cwd=tmp_path, sandbox=Sandbox(), limits=replace(LIMITS, file_bytes=5000), fds=(descriptor,)
    )
    os.close(descriptor)

    assert ran.code != 0
    assert "File too large" in ran.errors
    assert path.stat().st_size == 5000


@pytest.mark.skipif(os.getuid() == 0, reason="RLIMIT_NPROC does not count for root")
async def test_threads_are_bounded_for_the_whole_user(tmp_path: Path) -> None:
    code = """
import threading
threading.stack_size(65_536)
try:
    for _ in range(100_000):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
except RuntimeError:
    print(threading.active_count(), flush=True)
import os
os._exit(0)
"""
    running = len(list(Path("/proc").glob("[0-9]*/task/[0-9]*")))

    ran = await run_python(code, cwd=tmp_path, sandbox=available_sandbox(PYTHON))

    assert 0 < int(ran.output) < running + 1000


_LEAVES_A_STRAY = """
import os, sys, time
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
print("left")
"""


async def test_what_it_has_started_ends_with_it_and_delays_nothing(tmp_path: Path) -> None:
    """Without a filter, which forbids it to start anything: they have left its group, and keep its pipes open."""
    launcher = shared_launcher()
    launcher.start()
    began_at = time.monotonic()

    ran = await run_python(_LEAVES_A_STRAY, cwd=tmp_path, sandbox=Sandbox())

    assert (ran.code, ran.output) == (0, "left\n")
    assert time.monotonic() - began_at < 30
    assert descendants_of(os.getpid(), named=PYTHON) == []


async def test_a_cancelled_one_takes_all_that_it_has_started_along(tmp_path: Path) -> None:
    began = tmp_path / "began"
    code = f"{_LEAVES_A_STRAY}\nopen({str(began)!r}, 'w').close()\ntime.sleep(600)"
    task = asyncio.create_task(run_python(code, cwd=tmp_path, sandbox=Sandbox()))
    await wait_until(began.exists, timeout=30)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await wait_until(lambda: descendants_of(os.getpid(), named=PYTHON) == [])


async def test_a_stopped_process_can_be_killed(tmp_path: Path) -> None:
    task = await start_long_conversion(tmp_path)
    (pid,) = descendants_of(os.getpid(), named="ffmpeg")
    os.kill(pid, signal.SIGSTOP)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not is_alive(pid)


async def test_the_launchers_death_ends_its_converters_and_the_next_one_gets_a_new_launcher(tmp_path: Path) -> None:
    task = await start_long_conversion(tmp_path)
    (pid,) = descendants_of(os.getpid(), named="ffmpeg")

    os.kill(parent_of(pid), signal.SIGKILL)

    with pytest.raises(ConverterCrashedError, match="with its launcher"):
        await task
    await wait_until(lambda: not is_alive(pid))
    await converted(sound("plain.wav"), tmp_path, an_output(AudioFormat.MP3))


def test_a_worker_that_is_killed_leaves_no_launcher_and_nothing_that_a_converter_has_started(tmp_path: Path) -> None:
    script = f"""
import asyncio, pathlib
from tests.integration.test_sandbox import _LEAVES_A_STRAY
from tests.support.sandboxes import run_python
from worker.adapters.sandbox.policy import STACK_BYTES, Sandbox
asyncio.run(run_python(_LEAVES_A_STRAY + "time.sleep(600)", cwd=pathlib.Path({str(tmp_path)!r}), sandbox=Sandbox()))
"""
    with a_process([sys.executable, "-c", script]) as worker:
        asyncio.run(wait_until(lambda: len(descendants_of(worker.pid, named=PYTHON)) > 20, timeout=60))
        pids = descendants_of(worker.pid)
        worker.kill()

        asyncio.run(wait_until(lambda: not any(map(is_alive, pids)), timeout=30))


async def test_exit_codes_signals_and_use_are_known(tmp_path: Path) -> None:
    launcher = Launcher()
    child = launcher.launch(
        [PYTHON, "-I", "-S", "-c", "x = b'x' * 100_000_000\nfor _ in range(10**7): pass\nraise SystemExit(7)"],
        fds=(),
        cwd=tmp_path,
        environment={},
        limits=LIMITS,
        sandbox=Sandbox(),
    )
    end = await child.ended()
    child.close()
    launcher.close()

    assert end.code == 7
    assert end.cpu_seconds > 0.05
    assert 100_000_000 < end.peak_bytes < 200_000_000


async def test_a_program_that_cannot_be_started_is_named_by_its_errno(tmp_path: Path) -> None:
    with pytest.raises(ConverterCrashedError, match="could not be started") as crash:
        await run(
            [str(tmp_path / "absent")],
            fds=(),
            cwd=tmp_path,
            limits=LIMITS,
            on_output=lambda _: None,
            on_log=lambda _: None,
            sandbox=Sandbox(seccomp=shared_launcher().facts().seccomp),
        )
    assert isinstance(crash.value.__cause__, FileNotFoundError)


def test_a_script_has_no_sandbox_because_it_starts_other_programs(tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\n")

    assert available_sandbox(str(script)) == Sandbox()


def test_a_programs_files_are_itself_its_loader_and_its_libraries() -> None:
    program = program_of(PYTHON)

    assert program.executables[0] == PYTHON
    assert Path(program.executables[1]).name.startswith("ld-")
    assert any(Path(name).name.startswith("libc.") for name in program.libraries)
    assert all(Path(name).is_absolute() for name in program.libraries)


def test_a_worker_that_hides_itself_still_reads_what_it_needs_of_proc() -> None:
    code = """
import os
from worker.adapters.machine import machine_limits
from worker.adapters.sandbox.kernel import hide_from_others
before = machine_limits({})
hide_from_others()
assert machine_limits({}) == before
assert os.listdir("/proc/self/fd")
"""
    with a_process([sys.executable, "-c", code]) as process:
        assert process.wait(60) == 0
