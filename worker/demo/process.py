"""The worker and the gateway as processes of their own, whose log lines can be waited for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

_MAX_LINE_BYTES = 1 << 20
_STOP_SECONDS = 15.0
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class WorkerEndedError(Exception):
    """The process ended by itself. The text is its last output that is no log line."""


class WorkerProcess:
    """A running worker or gateway. `lines` are those of its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[dict[str, Any]] = []
        self._process = process
        self._last_output = ""
        self._grown = asyncio.Condition()
        self._reader = asyncio.create_task(self._read(), name="worker log")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for text in self._process.stdout:
            try:
                line = json.loads(text)
            except ValueError:
                self._last_output = text.decode(errors="replace").strip()
                continue
            async with self._grown:
                self.lines.append(line)
                self._grown.notify_all()
        async with self._grown:
            self._grown.notify_all()

    def find(self, event: str, **fields: object) -> dict[str, Any] | None:
        """The first line of that event with those fields."""
        for line in self.lines:
            if line.get("event") == event and all(line.get(name) == value for name, value in fields.items()):
                return line
        return None

    async def wait_for(self, event: str) -> dict[str, Any]:
        """Wait for a line of that event, and return the first. Raises WorkerEndedError."""
        async with self._grown:
            while (found := self.find(event)) is None:
                if self._reader.done() or self._process.stdout is None or self._process.stdout.at_eof():
                    raise WorkerEndedError(self._last_output or "it printed nothing")
                await self._grown.wait()
        return found

    async def stop(self, *, at_once: bool = False) -> int:
        """Drain and return the exit code. `at_once` gives running jobs back instead of finishing them."""
        with suppress(ProcessLookupError):
            self._process.terminate()
            if at_once:
                await asyncio.sleep(0.1)  # two signals of a kind would be delivered as one
                self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        code = await self._process.wait()
        await self._reader
        return code


@asynccontextmanager
async def running_worker(environment: Mapping[str, str]) -> AsyncIterator[WorkerProcess]:
    """Run `worker run` with that environment, ready to work. It is stopped after the `with`."""
    async with _running("run", environment) as worker:
        await worker.wait_for("worker.ready")
        yield worker


@asynccontextmanager
async def running_gateway(environment: Mapping[str, str]) -> AsyncIterator[str]:
    """Run `worker serve` on a free port, and yield the URL of its page. It is stopped after the `with`."""
    async with _running("serve", {**environment, "WORKER_SERVE_PORT": "0"}) as gateway:
        started = await gateway.wait_for("gateway.started")
        yield f"http://{started['http_address']}/"


@asynccontextmanager
async def _running(command: str, environment: Mapping[str, str]) -> AsyncIterator[WorkerProcess]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker", command),
        env={**inherited, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is the demo's, which then stops the process in order
        limit=_MAX_LINE_BYTES,
    )
    worker = WorkerProcess(process)
    try:
        yield worker
    finally:
        await worker.stop(at_once=True)
