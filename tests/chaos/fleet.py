"""Workers that are killed, frozen, stopped and started again, with faults of Redis and of the connection to AWS."""

from __future__ import annotations

import heapq
import itertools
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.chaos.plan import WORKERS, Disturbance
from tests.support.fault_proxy import FaultProxy
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.demo.servers import Server

_SLOW_SECONDS = 0.05


@dataclass
class Fleet:
    """Three workers, each started again as soon as it has ended. `step` does what is due."""

    stack: Stack
    settings: dict[str, str]
    redis: Server
    aws: FaultProxy
    workers: list[WorkerProcess] = field(default_factory=list)
    ended: list[WorkerProcess] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # what no worker may do
    _stopped: set[int] = field(default_factory=set)  # the ids of processes that were asked to stop
    _killed: set[int] = field(default_factory=set)
    _frozen: set[int] = field(default_factory=set)
    _redis_outages: int = 0  # at once
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _processes: ExitStack = field(default_factory=ExitStack)

    def start(self, disturbances: tuple[Disturbance, ...]) -> None:
        began = time.monotonic()
        for each in disturbances:
            self._at(began + each.at, partial(self._disturb, each))
        self.workers = [self._start() for _ in range(WORKERS)]

    @property
    def is_calm(self) -> bool:
        """Whether the plan is done and every worker that it ended has been replaced."""
        return not self._due and all(self._is_well(worker) for worker in self.workers)

    def step(self) -> None:
        """Do what is due, and replace workers that have ended."""
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
        for place, worker in enumerate(self.workers):
            if worker.exit_code is not None:
                self._record_end(worker)
                self.workers[place] = self._start()

    def stop(self) -> None:
        """Stop all workers as a deployment does, and wait until they have ended."""
        for worker in self.workers:
            self._stopped.add(worker.pid)
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait()
            self._record_end(worker)
        self.workers.clear()

    def close(self) -> None:
        """Kill what is left."""
        for worker in self.workers:
            worker.signal(signal.SIGKILL)
        self._processes.close()

    def summary(self) -> str:
        """How often each event was logged."""
        events = Counter(line["event"] for worker in [*self.ended, *self.workers] for line in worker.lines)
        return f"{len(self.ended)} workers: " + ", ".join(f"{count} {name}" for name, count in sorted(events.items()))

    def keep_logs(self, directory: Path) -> None:
        for number, worker in enumerate([*self.ended, *self.workers]):
            (directory / f"worker-{number}.log").write_text(worker.transcript())

    # --- disturbances -----------------------------------------------------------------------------------------------

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, next(self._order), action))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._at(time.monotonic() + seconds, action)

    def _disturb(self, each: Disturbance) -> None:
        match each.kind:
            case "redis":
                self.redis.kill()
                self._redis_outages += 1
                self._later(each.seconds, self._end_redis_outage)
            case "cut":
                self.aws.cut()
                self._later(each.seconds, self.aws.restore)
            case "slow":
                self.aws.slow(_SLOW_SECONDS)
                self._later(each.seconds, self.aws.restore)
            case _ if each.worker is not None:
                self._disturb_worker(self.workers[each.worker], each)

    def _end_redis_outage(self) -> None:
        """Outages may overlap: a second start beside the first would leave that one behind."""
        self._redis_outages -= 1
        if not self._redis_outages:
            self.redis.start()

    def _disturb_worker(self, worker: WorkerProcess, each: Disturbance) -> None:
        if worker.exit_code is not None:
            return
        if each.kind == "kill":
            self._frozen.discard(worker.pid)
            self._killed.add(worker.pid)
            worker.signal(signal.SIGKILL)
        elif each.kind == "stop":
            self._stopped.add(worker.pid)
            worker.signal(signal.SIGTERM)
        elif worker.pid not in self._frozen:
            self._frozen.add(worker.pid)
            worker.signal(signal.SIGSTOP)
            self._later(each.seconds, partial(self._thaw, worker))

    def _thaw(self, worker: WorkerProcess) -> None:
        self._frozen.discard(worker.pid)
        if worker.exit_code is None:
            worker.signal(signal.SIGCONT)

    def _is_well(self, worker: WorkerProcess) -> bool:
        """One that was killed just now may not have ended yet."""
        is_to_end = worker.pid in self._stopped | self._killed
        return not is_to_end and worker.find("worker.ready") is not None

    def _start(self) -> WorkerProcess:
        worker = WorkerProcess(self.stack.environment() | self.settings)
        self._processes.callback(worker.close)
        return worker

    def _record_end(self, worker: WorkerProcess) -> None:
        self.ended.append(worker)
        code = worker.exit_code
        allowed = {-signal.SIGKILL}
        if worker.pid in self._stopped:
            allowed.add(0)
            if not worker.lines:  # the interpreter itself was still starting
                allowed.add(-signal.SIGTERM)
        if code not in allowed:
            self.faults.append(f"worker {worker.pid} ended with {code}")
        self.faults += [f"worker {worker.pid} wrote {line}" for line in worker.lines if line["level"] == "error"]
        if worker.errors:
            self.faults.append(f"worker {worker.pid} wrote on standard error: {worker.errors}")
