"""The clients of several queues: what a queue that does not answer costs the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.support.consuming import a_passed_credentials_check
from tests.support.virtual_time import virtual_time
from worker.adapters.aws.client import ClientLimits
from worker.application.consuming.pause import Pauses
from worker.application.consuming.poller import Poller
from worker.bootstrap.parts import Clients
from worker.bootstrap.queues import open_queue, poll_seconds_for
from worker.settings import Settings


@dataclass
class _Sqs:
    """A client by its limits: a queue named `hung` takes a request and never answers, the others are empty."""

    limits: ClientLimits
    ends: Counter[str]

    async def receive_message(self, **call: Any) -> dict[str, Any]:
        try:
            if call["QueueUrl"].endswith("hung"):
                await asyncio.sleep(self.limits.connect_seconds + self.limits.read_seconds)
                raise ReadTimeoutError(endpoint_url="")
            await asyncio.sleep(call["WaitTimeSeconds"])
        except asyncio.CancelledError:
            self.ends["cancelled"] += 1
            raise
        self.ends["answered long" if call["WaitTimeSeconds"] else "answered short"] += 1
        return {}


@dataclass
class _Clients:
    ends: Counter[str] = field(default_factory=Counter)
    opened: list[ClientLimits] = field(default_factory=list)

    async def open(self, _: str, limits: ClientLimits) -> _Sqs:
        self.opened.append(limits)
        return _Sqs(limits, self.ends)


@pytest.mark.parametrize("names", [("hung", "b"), ("hung", "also-hung", "c"), ("a", "hung", "also-hung")])
@virtual_time
async def test_queues_that_hang_make_no_receive_fail_and_cut_no_long_poll_off(names: tuple[str, ...]) -> None:
    clients, settings = _Clients(), Settings(queue_url=",".join(f"http://sqs/1/{name}" for name in names))
    queue = await open_queue(settings, cast("Clients", clients), None)
    poller = Poller(
        queue,
        Pauses([], asyncio.Event(), random=lambda: 0.5),
        a_passed_credentials_check(),
        poll_seconds=poll_seconds_for(settings),
        random=lambda: 0.5,
    )

    for _ in range(10):
        await poller.receive(4)
        assert poller.failures == 0

    assert clients.ends == {"answered short": 10, "answered long": 9}  # the first poll is short


@virtual_time
async def test_a_single_queue_has_one_client_for_all_its_polls() -> None:
    clients = _Clients()

    await open_queue(Settings(queue_url="http://sqs/1/a"), cast("Clients", clients), None)

    assert len(clients.opened) == 1
