"""Starts Python programs by forking a process that has imported them: half a second of CPU less for each.

It is `python -m tests.support.fork_server SOCKET MODULE...`, with the number of a socket on which requests come, and
the modules to import. `tests/support/forking.py` is the other side. A forked process is like one that was started
anew: it has the streams, the directory and the environment of its request, a session of its own, nothing else open,
and runs the module as `python -m` does. It has one thread, as this process has, which does nothing but fork.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

import botocore.session

STREAMS = 3
NUMBER = struct.Struct("i")
_MAX_REQUEST_BYTES = 1 << 17
_SERVICES = ("sqs", "s3", "dynamodb")


@dataclass(frozen=True)
class Request:
    """What to run: `python -m module *arguments` in a directory, with an environment."""

    module: str
    arguments: Sequence[str]
    directory: str
    environment: Mapping[str, str]

    def to_bytes(self) -> bytes:
        return json.dumps(vars(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Request:
        return cls(**json.loads(data))


class _Child:
    """A forked process. Its id, and its exit code at its end, are written to `report`."""

    def __init__(self, pid: int, report: int) -> None:
        self.ends = os.pidfd_open(pid)  # can be read then
        self._pid = pid
        self._report = report
        self._tell(pid)

    def reap(self) -> None:
        _, status = os.waitpid(self._pid, 0)
        self._tell(os.waitstatus_to_exitcode(status))
        os.close(self.ends)
        os.close(self._report)

    def _tell(self, number: int) -> None:
        with suppress(BrokenPipeError):  # nobody waits for it
            os.write(self._report, NUMBER.pack(number))


def _serve(requests: socket.socket) -> Request | None:
    """Fork for each request. Returns the request in the forked process, and None at the end of the requests."""
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not requests:
                selector.unregister(key.fileobj)
                key.data.reap()
                continue
            data, descriptors, *_ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, STREAMS + 1)
            if not data:
                return None
            request = Request.from_bytes(data)
            *streams, report = descriptors
            pid = os.fork()
            if not pid:
                selector.close()
                requests.close()
                _become(request, streams)
                return request
            for stream in streams:
                os.close(stream)
            child = _Child(pid, report)
            selector.register(child.ends, selectors.EVENT_READ, child)


def _become(request: Request, streams: Sequence[int]) -> None:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(STREAMS, os.sysconf("SC_OPEN_MAX"))
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        reopened = _reopened(getattr(sys, name), number)
        setattr(sys, name, reopened)
        setattr(sys, f"__{name}__", reopened)
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    tempfile.tempdir = None  # it depends on TMPDIR


def _reopened(stream: TextIO, number: int) -> TextIO:
    """The stream, opened as Python opens standard streams: how depends on whether it is a file, pipe or terminal."""
    return open(
        number,
        "r" if number == 0 else "w",
        buffering=1 if number == 2 else -1,
        encoding=stream.encoding,
        errors=stream.errors,
        newline=None if number == 0 else "\n",
        closefd=False,
    )


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    # The SDK's descriptions of the services are data files, which each process would parse anew.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    session = botocore.session.Session()
    for service in _SERVICES:
        session.create_client(service, region_name="eu-central-1", aws_access_key_id="-", aws_secret_access_key="-")


def main() -> None:
    _, requests, *modules = sys.argv
    _import(modules)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()  # a collection in a forked process leaves the pages that it shares alone
    request = _serve(socket.socket(fileno=int(requests)))
    if request is not None:
        sys.argv = [sys.argv[0], *request.arguments]
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
