"""Stacks made from the templates on an emulated AWS, and the tools that `make deploy-check` installs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from tests.support import ministack
from tests.support.emulators import Deploy, Deployed, Emulator
from tests.support.fault_proxy import FaultProxy
from tests.support.kubernetes import Rendered, rendered
from tests.support.rights import Scene
from tests.support.stack import Stack, aws_clients
from tests.support.worker_process import WorkerProcess
from worker.demo.servers import HOST

# The directory of programs. `make deploy-check` sets it, and with it no test may be left out.
_TOOLS = os.environ.get("DEPLOY_TOOLS")


@pytest.fixture
def new_emulator(request: pytest.FixtureRequest, unique: Callable[[str], str]) -> Callable[[str], Emulator]:
    """An emulator by its name. Without ministack a test that asks for it is skipped."""

    def new(name: str) -> Emulator:
        endpoint = request.getfixturevalue("aws_endpoint" if name == "moto" else "ministack_endpoint")
        return Emulator(name, endpoint, unique("env")[:18].rstrip("-"))

    return new


@pytest.fixture(scope="session")
def ministack_endpoint(aws_endpoint: str) -> Iterator[str]:
    """The second emulator. The SDK's variables, which `aws_endpoint` has set, serve for it as well."""
    python = ministack.interpreter()
    if python is None:
        assert _TOOLS is None, "make deploy-check has not installed ministack"
        pytest.skip("needs ministack: make deploy-check")
    with ministack.ministack(python) as server:
        yield f"http://{HOST}:{server.port}"


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """The path of a program. A test that needs one that is not installed is skipped."""

    def find(name: str) -> str:
        found = shutil.which(name, path=_TOOLS) if _TOOLS else None
        if found is None:
            assert _TOOLS is None, f"make deploy-check has not installed {name}"
            pytest.skip(f"needs {name}: make deploy-check")
        return found

    return find


@pytest.fixture(scope="session")
def render(tool: Callable[[str], str]) -> Callable[[str], Rendered]:
    """The resources of an overlay of deploy/k8s, by kind."""
    return cache(lambda overlay: rendered(tool("kubectl"), overlay))


@pytest.fixture
def stack_of_data(new_emulator: Callable[[str], Emulator]) -> Iterator[tuple[Stack, dict[str, str]]]:
    """What data.yaml makes on moto, for a worker without Redis, and the outputs of the stack."""
    emulator = new_emulator("moto")
    made = emulator.make("data")
    with aws_clients(emulator.endpoint) as aws:
        yield (
            Stack(
                aws,
                emulator.endpoint,
                made["QueueUrl"],
                made["DeadLetterQueueUrl"],
                made["TableName"],
                made["SourceBucketName"],
                made["TargetBucketName"],
                redis_port=None,
            ),
            made,
        )


@pytest.fixture
def deploy(new_emulator: Callable[[str], Emulator]) -> Deploy:
    return lambda **parameters: Deployed(new_emulator("ministack"), **parameters)


@pytest.fixture
def deploy_on_moto(new_emulator: Callable[[str], Emulator]) -> Deploy:
    return lambda **parameters: Deployed(new_emulator("moto"), **parameters)


@pytest.fixture
def scene(stack_of_data: tuple[Stack, dict[str, str]]) -> Iterator[Scene]:
    stack, outputs = stack_of_data
    with FaultProxy(stack.endpoint).running() as proxy:
        yield Scene(replace(stack, endpoint=proxy.url), stack, proxy, outputs)


@pytest.fixture
def start_worker() -> Iterator[Callable[..., WorkerProcess]]:
    processes: list[WorkerProcess] = []

    def start(stack: Stack, **settings: str) -> WorkerProcess:
        processes.append(WorkerProcess(stack.environment() | settings))
        return processes[-1]

    yield start
    for process in processes:
        process.close()
