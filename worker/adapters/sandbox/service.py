"""The launcher's process: it has one thread, no environment and no secret, and starts the converters of one worker."""

from __future__ import annotations

import errno
import gc
import os
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from worker.adapters.sandbox import kernel, landlock, seccomp
from worker.adapters.sandbox.child import become
from worker.adapters.sandbox.protocol import FACTS, RECORD, Kind, Order, receive_order

_OOM_SCORE = b"500"  # of 1000: where memory is short, the kernel ends a converter, and not the worker
_RSS_UNIT = 1024 if kernel.IS_LINUX else 1  # of ru_maxrss


class Service:
    """Serves the worker at the other end of `orders` until that end is closed. Then nothing of it is left running.

    One descriptor is kept spare, in whose place the socket of an order can always be taken: where no other is left,
    the worker has to be told so. By a socket that is closed without a word it would take this process for dead.
    """

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._spare = orders.dup()
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, socket.socket] = {}  # the socket of the order, by process
        self._rules: dict[tuple[object, ...], int] = {}
        self._is_wanted = True
        self._has_strays = False

    def run(self) -> None:
        ends, wakeup = socket.socketpair()
        for end in (ends, wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _do_nothing)
        self._selector.register(ends, selectors.EVENT_READ, partial(self._reap, ends))
        self._selector.register(self._orders, selectors.EVENT_READ, self._obey)
        while self._is_wanted or self._running or self._has_strays:
            for key, _ in self._selector.select():
                key.data()

    def _obey(self) -> None:
        self._spare.close()
        try:
            self._take_order()
        finally:
            with suppress(OSError):  # it has been given fewer descriptors meanwhile
                self._spare = self._orders.dup()

    def _take_order(self) -> None:
        try:
            received = receive_order(self._orders)
        except (OSError, EOFError):
            received = None
        if received is None:
            self._is_wanted = False
            self._selector.unregister(self._orders)
            return
        order, own_and_descriptors = received
        if not own_and_descriptors:  # not even the order's socket: the worker sees that it is closed
            return
        own, *descriptors = own_and_descriptors
        answers = socket.socket(fileno=own)
        try:
            self._start(order, answers, descriptors)
        except OSError as exc:
            _answer(answers, Kind.FAILED, exc.errno or 0)
            answers.close()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _start(self, order: Order, answers: socket.socket, descriptors: Sequence[int]) -> None:
        if len(descriptors) < len(order.numbers):  # the kernel passes on as many as this process may have
            raise OSError(errno.EMFILE, "no descriptor is left")
        rules = self._rules_of(order)
        pid = os.fork()
        if pid == 0:
            become(order, answers.fileno(), descriptors, rules)
        answers.setblocking(False)
        self._running[pid] = answers
        self._selector.register(answers, selectors.EVENT_READ, partial(self._kill, pid, answers))

    def _rules_of(self, order: Order) -> int | None:
        """The rules for an order's files. They are made once for each program: it costs as much as a fork."""
        if not order.landlock_abi:
            return None
        key = (order.landlock_abi, order.executables, order.readable)
        if key not in self._rules:
            self._rules[key] = landlock.ruleset(*key)
        return self._rules[key]

    def _kill(self, pid: int, answers: socket.socket) -> None:
        """Kill the process: the worker does not want it any more, or has ended."""
        if self._running.get(pid) is not answers:  # the same `select` has reported its end, which was handled first
            return
        self._selector.unregister(answers)
        # The second call is for a process that has no group of its own yet.
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)

    def _reap(self, ends: socket.socket) -> None:
        with suppress(BlockingIOError):
            ends.recv(4096)
        with suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid in self._running:
                    self._ended(pid, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT)
        self._kill_strays()

    def _ended(self, pid: int, status: int, cpu_seconds: float, peak_bytes: int) -> None:
        answers = self._running.pop(pid)
        # A group keeps its number as long as it has members (POSIX, fork), so nobody else's is meant.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(KeyError):
            self._selector.unregister(answers)
        _answer(answers, Kind.ENDED, status, cpu_seconds, peak_bytes)
        answers.close()

    def _kill_strays(self) -> None:
        """Kill what converters that have ended had started: their orphans are children of this process (Linux)."""
        self._has_strays = False
        with suppress(OSError):
            for pid in map(int, kernel.file_of_proc(f"/proc/self/task/{os.getpid()}/children").split()):
                if pid not in self._running:
                    os.kill(pid, signal.SIGKILL)
                    self._has_strays = True


def _answer(answers: socket.socket, kind: Kind, number: int, cpu_seconds: float = 0.0, peak_bytes: int = 0) -> None:
    with suppress(OSError):  # the worker has ended
        answers.send(RECORD.pack(kind, number, cpu_seconds, peak_bytes))


def _do_nothing(*_: object) -> None:
    """Ignore the signal by a handler: a converter would inherit SIG_IGN."""


def _facts() -> tuple[bool, int]:
    """Whether there is seccomp, and which version of Landlock. Both are tried, because a container may refuse them."""
    abi, machine = landlock.kernel_abi(), os.uname().machine
    has_filter = False
    if seccomp.machine_has_filter():
        seccomp.template(machine)  # before the forks, which share it
        has_filter = _works(lambda: seccomp.install(seccomp.filter_for(machine, os.getpid())))
    has_landlock = abi > 0 and _works(lambda: landlock.restrict(landlock.ruleset(abi, (), ())))
    return has_filter, abi if has_landlock else 0


def _works(step: Callable[[], None]) -> bool:
    """Whether a process can take the step, tried in a process of its own: it cannot be undone."""
    pid = os.fork()
    if pid == 0:
        with suppress(OSError):
            kernel.gain_no_privileges()
            step()
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def main(descriptor: int) -> None:
    """Run the launcher of the worker that holds the other end of the socket `descriptor`."""
    gc.disable()  # no cycles are made, and a collection would copy the pages that forks share
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the worker decides when it ends
        signal.signal(number, _do_nothing)
    if kernel.IS_LINUX:
        with suppress(OSError):
            file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(file, _OOM_SCORE)
            os.close(file)
        kernel.adopt_orphans()
        kernel.hide_from_others()
    orders = socket.socket(fileno=descriptor)
    orders.set_inheritable(False)  # with it a converter could have any program started
    orders.send(FACTS.pack(*_facts()))
    Service(orders).run()
