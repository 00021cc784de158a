"""How long a worker's probes take beside thousands of slow clients and floods of connections: `make bench-probes`.

One `worker run` on an emulated AWS, its clients and its prober on this machine. Without clients first, so that one
sees what the machine itself adds.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing

from tests.support.aws import aws_environment
from tests.support.http_clients import SLOW_CLIENTS, flood, probe_seconds, slow_clients
from tests.support.stack import Stack, aws_clients, make_stack
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

_PATHS = ("/livez", "/readyz", "/health", "/metrics")
_ROUNDS = 250

_Clients = Callable[[int], AbstractContextManager[None]]
_SITUATIONS: Sequence[tuple[str, Sequence[_Clients]]] = (
    ("no other client", ()),
    (f"{SLOW_CLIENTS} slow clients", (slow_clients,)),
    ("a flood", (flood,)),
    ("both", (slow_clients, flood)),
)


def _measure(stack: Stack) -> None:
    with closing(WorkerProcess(stack.environment())) as worker:
        worker.wait_for("worker.ready")
        port = int(worker.wait_for("worker.started")["http_address"].rpartition(":")[2])
        print(f"{'probes beside':<20} {'median':>9} {'99 %':>9} {'worst':>9}")
        for name, clients in _SITUATIONS:
            with ExitStack() as running:
                for each in clients:
                    running.enter_context(each(port))
                seconds = sorted(probe_seconds(port, path) for _ in range(_ROUNDS) for path in _PATHS)
            shown = (statistics.median(seconds), seconds[len(seconds) * 99 // 100], seconds[-1])
            print(f"{name:<20} " + " ".join(f"{each * 1000:6.1f} ms" for each in shown))


def main() -> None:
    with ExitStack() as opened:
        aws_server = opened.enter_context(servers.aws())
        endpoint = f"http://{servers.HOST}:{aws_server.port}"
        os.environ.update(aws_environment(endpoint))  # before any client is made
        _measure(make_stack(opened.enter_context(aws_clients(endpoint)), "bench", endpoint=endpoint, redis_port=None))


if __name__ == "__main__":
    main()
