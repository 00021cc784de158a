"""The worker as a process, with a queue, a table, two buckets and a Redis. No test here calls its code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.gateway import GatewayClient, GatewayProcess
from tests.support.stack import Deployment, Stack, aws_clients, make_stack
from tests.support.worker_process import WorkerProcess


@pytest.fixture(scope="session")
def aws(aws_endpoint: str) -> Iterator[dict[str, Any]]:
    with aws_clients(aws_endpoint) as clients:
        yield clients


@pytest.fixture(scope="session")
def new_stack(aws: dict[str, Any], aws_endpoint: str, redis_server: Any) -> Callable[[str], Stack]:
    """Makes a queue with its dead-letter queue, a table and two buckets, under the name that it is given."""
    return lambda name: make_stack(aws, name, endpoint=aws_endpoint, redis_port=redis_server.port)


@pytest.fixture
def stack(new_stack: Callable[[str], Stack], unique: Callable[[str], str]) -> Stack:
    return new_stack(unique("system"))


@pytest.fixture
def start_worker() -> Iterator[Callable[..., WorkerProcess]]:
    """Starts `worker run` on a stack; every process that a test leaves running is ended."""
    with ExitStack() as processes:

        def start(
            stack: Stack,
            *arguments: str,
            limit_file_kib: int | None = None,
            tmpfs: str | None = None,
            program: Sequence[str] | None = None,
            **settings: str,
        ) -> WorkerProcess:
            environment = stack.environment() | settings
            process = WorkerProcess(
                environment, *arguments, limit_file_kib=limit_file_kib, tmpfs=tmpfs, program=program
            )
            processes.callback(process.close)
            return process

        yield start


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., GatewayProcess]]:
    """Starts `worker serve` on a stack, as GatewayProcess does; every process that a test leaves running is ended."""
    with ExitStack() as processes:
        yield lambda stack, *limits, **settings: processes.enter_context(GatewayProcess(stack, *limits, **settings))


@pytest.fixture(scope="module")
def shared(new_stack: Callable[[str], Stack], request: pytest.FixtureRequest) -> Stack:
    """One stack for a whole module."""
    return new_stack(request.module.__name__.rpartition(".")[2].replace("_", "-"))


@pytest.fixture(scope="module")
def gateway(shared: Stack) -> Iterator[GatewayProcess]:
    """One running gateway for a whole module."""
    with GatewayProcess(shared) as process:
        yield process


@pytest.fixture
async def client(gateway: GatewayProcess) -> AsyncIterator[GatewayClient]:
    async with gateway.client() as client:
        yield client


@pytest.fixture(scope="module")
def deployment(new_stack: Callable[[str], Stack], request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """One stack and one running worker for a whole module."""
    stack = new_stack(f"shared-{request.module.__name__.rpartition('.')[2].replace('_', '-')}")
    process = WorkerProcess(
        stack.environment() | {"WORKER_MAX_SOURCE_BYTES": "2000000", "WORKER_MAX_DURATION_SECONDS": "600"}
    )
    try:
        process.wait_for("worker.ready")
        yield Deployment(stack, process)
    finally:
        process.close()
