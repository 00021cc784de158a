"""The servers that the workers of a chaos run use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.stack import Stack, aws_clients, make_stack
from worker.demo import servers


@dataclass(frozen=True)
class ChaosStack:
    """A stack whose workers reach AWS through a proxy, and a Redis that may be killed."""

    stack: Stack
    redis: servers.Server
    proxy: FaultProxy


@pytest.fixture
def chaos_stack(aws_endpoint: str, unique: Callable[[str], str]) -> Iterator[ChaosStack]:
    with ExitStack() as parts:
        clients = parts.enter_context(aws_clients(aws_endpoint))
        redis = parts.enter_context(servers.redis())
        proxy = parts.enter_context(FaultProxy(aws_endpoint).running())
        stack = make_stack(clients, unique("chaos"), endpoint=aws_endpoint, redis_port=redis.port)
        yield ChaosStack(replace(stack, endpoint=proxy.url), redis, proxy)
