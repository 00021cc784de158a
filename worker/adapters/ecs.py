"""Scale-in protection of this task, through the ECS agent of its host.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from worker.domain.errors import DependencyUnavailableError

_PATH = "/task-protection/v1/state"
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_MAX_REASON_CHARACTERS = 300


class EcsProtection:
    """Scale-in protection of the task that this process runs in."""

    def __init__(self, session: aiohttp.ClientSession, agent_uri: str) -> None:
        self._session = session
        self._url = agent_uri.rstrip("/") + _PATH

    async def protect(self, minutes: int) -> None:
        await self._put({"ProtectionEnabled": True, "ExpiresInMinutes": minutes})

    async def release(self) -> None:
        await self._put({"ProtectionEnabled": False})

    async def _put(self, state: Mapping[str, Any]) -> None:
        try:
            async with self._session.put(self._url, json=state) as response:
                text = await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as exc:
            raise DependencyUnavailableError("ECS", f"did not answer ({type(exc).__name__})") from exc
        _require_protection(response.status, text, wanted=state["ProtectionEnabled"])


@asynccontextmanager
async def open_protection(agent_uri: str) -> AsyncIterator[EcsProtection]:
    """Protection through the agent at `agent_uri` (ECS_AGENT_URI). Its connections are closed after the `with`."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        yield EcsProtection(session, agent_uri)


def _require_protection(status: int, text: str, *, wanted: bool) -> None:
    """Raise DependencyUnavailableError unless the answer shows the wanted state."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    parts = answer if isinstance(answer, dict) else {}
    protection = parts.get("protection")
    if isinstance(protection, dict) and protection.get("ProtectionEnabled") is wanted:
        return
    refusal = parts.get("failure") or parts.get("error")
    if not isinstance(refusal, dict):
        raise DependencyUnavailableError("ECS", f"answered {status}")
    words = (refusal.get("Reason"), refusal.get("Code"), refusal.get("Detail"), refusal.get("Message"))
    reason = ": ".join(str(word) for word in words if word)[:_MAX_REASON_CHARACTERS]
    raise DependencyUnavailableError("ECS", f"refused: {reason}")
