"""The connections of one party to its servers, on which the faults of the schedule happen."""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.simulation.core.faults import Fault, Request
from tests.simulation.core.schedule import LinkFault
from tests.support.lean_loop import LeanLoop
from tests.support.waiting import wake
from worker.ports import StoreUnavailableError

_LATENCY_SECONDS = 0.01

Passage = tuple[float, float, Fault | None]  # seconds until the request arrives and until it is answered; its fault


class Network:
    """One party's connections. Once they are cut, nothing that it sends arrives; what is on its way does."""

    def __init__(self, loop: LeanLoop, rng: random.Random, began_at: float, faults: Iterable[LinkFault]) -> None:
        self.loop = loop
        self.is_cut = False
        self._rng = rng
        self._faults: defaultdict[str, list[tuple[float, float, LinkFault]]] = defaultdict(list)
        for each in faults:
            self._faults[each.service].append((began_at + each.start, began_at + each.end, each))

    def passage(self, service: str, *, is_write: bool = True) -> Passage:
        """When a request that is sent now arrives and is answered, and the fault that it meets."""
        rng, now = self._rng, self.loop.now
        latency = _LATENCY_SECONDS * rng.random()
        for start, end, each in self._faults[service]:
            if start <= now < end and each.hits(rng):
                fault = each.fault.met_by(rng, is_write=is_write)
                if fault is not None:
                    request = Request(latency, end - now, rng.random)
                    arrives = fault.arrives(request)
                    return arrives, arrives if fault.answered is None else fault.answered(request), fault
                break
        return latency, latency, None


class Link:
    """A connection to a store, whose answers have to come within a budget.

    A request that is on its way is a timer of the loop and does not depend on its caller: it arrives even when the
    caller has given up.
    """

    def __init__(self, network: Network, service: str, budget_seconds: float) -> None:
        self._network = network
        self._service = service
        self._budget_seconds = budget_seconds

    async def ask(self, serve: Callable[..., Any], *arguments: Any, is_write: bool = True) -> Any:
        """What `serve` returns at the server. Raises StoreUnavailableError, also when the budget is used up."""
        network = self._network
        if network.is_cut:
            raise StoreUnavailableError("cut off")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arrives, answered, fault = network.passage(self._service, is_write=is_write)
        if fault is None:
            network.loop.call_later(arrives, _serve, answer, serve, arguments)
        else:
            self._send(answer, serve, arguments, arrives, answered, fault)
        return await answer

    def _send(
        self,
        answer: asyncio.Future[Any],
        serve: Callable[..., Any],
        arguments: tuple[Any, ...],
        arrives: float,
        answered: float,
        fault: Fault,
    ) -> None:
        loop, failure, is_refusal = self._network.loop, fault.failure, fault.is_refusal
        if answered > self._budget_seconds:
            answered, failure, is_refusal = self._budget_seconds, "no answer in time", False
        if failure is not None:
            if arrives < math.inf:
                loop.call_later(arrives, serve, *arguments)
            error = StoreUnavailableError(failure, fault.severity, is_refusal=is_refusal)
            loop.call_later(answered, _fail, answer, error)
        elif answered > arrives:
            loop.call_later(arrives, _serve_slowly, loop, answer, answered - arrives, serve, arguments)
        else:
            loop.call_later(arrives, _serve, answer, serve, arguments)


async def pause(seconds: float) -> None:
    """What asyncio.sleep does, at half the cost."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, wake, waiter)
    await waiter


def _serve(answer: asyncio.Future[Any], serve: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _answer(answer, serve(*arguments))


def _serve_slowly(
    loop: LeanLoop, answer: asyncio.Future[Any], seconds: float, serve: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    loop.call_later(seconds, _answer, answer, serve(*arguments))


def _answer(answer: asyncio.Future[Any], result: object) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], failure: StoreUnavailableError) -> None:
    if not answer.done():
        answer.set_exception(failure)
