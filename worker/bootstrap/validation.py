"""The checks of `worker validate`: what a running worker or gateway answers on its HTTP port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from operator import itemgetter

from worker.adapters.http.probing import Probe, open_probe
from worker.application.operations.diagnosis import Verdict
from worker.application.operations.doctor import Check, Subject
from worker.application.operations.validation import (
    judge_health,
    judge_live,
    judge_progress,
    judge_queue_side,
    judge_ready,
)
from worker.domain.redaction import redact

_ADVICE = "check the URL, WORKER_HTTP_HOST and WORKER_HTTP_PORT, and the network in between"
_TIMES = 5  # a server that hangs after its first answer is noticed


@asynccontextmanager
async def open_validation(base_url: str) -> AsyncIterator[Sequence[Check]]:
    """Five checks, in the order in which an operator would look."""
    async with open_probe(base_url) as probe:
        yield _checks(probe, base_url)


def _checks(probe: Probe, base_url: str) -> Sequence[Check]:
    async def livez() -> Verdict:
        return judge_live((await probe.get("/livez"))[0])

    async def readyz() -> Verdict:
        return judge_ready((await probe.get("/readyz"))[0])

    async def health() -> Verdict:
        answers = await asyncio.gather(*(probe.get("/health") for _ in range(_TIMES)))
        return judge_health(*max(answers, key=itemgetter(0)))

    async def progress() -> Verdict:
        return judge_progress(*await probe.get("/health"))

    async def queue() -> Verdict:
        return judge_queue_side(*await probe.get("/health"))

    tries = {
        "livez": ("/livez", livez),
        "readyz": ("/readyz", readyz),
        "health": ("/health", health),
        "progress": ("/health", progress),
        "queue": ("/health", queue),
    }
    return [Check(name, Subject("URL", redact(base_url + path)), run, _ADVICE) for name, (path, run) in tries.items()]
