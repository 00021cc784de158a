"""What every ScaleInProtection does: the one in memory, and ECS's agent as its documentation shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.protection import FakeProtection
from tests.support.scripted_http import scripted_http
from worker.adapters.ecs import open_protection
from worker.domain.errors import DependencyUnavailableError
from worker.ports import ScaleInProtection

ARN = "arn:aws:ecs:eu-central-1:111122223333:task/audio/b8487927ac2f4b1299c2d9a4d7a3d6f1"


@dataclass
class Agent:
    """The agent's side: the requests that it got, and whether it refuses."""

    is_protected: bool = False
    is_refusing: bool = False
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        state = await request.json()
        self.requests.append((request.method, request.path, state))
        if self.is_refusing:
            reason = {"Arn": ARN, "Detail": None, "Reason": "TASK_NOT_VALID"}
            return web.json_response({"requestID": "1", "failure": reason}, status=400)
        self.is_protected = state["ProtectionEnabled"]
        return web.json_response({"protection": {**state, "TaskArn": ARN}})


@dataclass
class Subject:
    """What is tested, and the platform's own view of it."""

    protection: ScaleInProtection
    is_protected: Callable[[], bool]
    refuse: Callable[[], None]


@pytest.fixture(params=["fake", "ecs"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        fake = FakeProtection()
        yield Subject(fake, lambda: fake.is_protected, lambda: setattr(fake, "is_refusing", True))
        return
    agent = Agent()
    async with scripted_http(agent.answer) as url, open_protection(f"{url}/api/task") as protection:
        yield Subject(protection, lambda: agent.is_protected, lambda: setattr(agent, "is_refusing", True))


async def test_protection_is_on_from_protect_to_release(subject: Subject) -> None:
    assert not subject.is_protected()
    await subject.protection.protect(60)
    await subject.protection.protect(60)
    assert subject.is_protected()
    await subject.protection.release()
    assert not subject.is_protected()


async def test_a_refusal_says_why_and_changes_nothing(subject: Subject) -> None:
    await subject.protection.protect(60)
    subject.refuse()
    with pytest.raises(DependencyUnavailableError, match=r"ECS refused: [A-Z_]+$"):
        await subject.protection.release()
    assert subject.is_protected()


# --- ECS alone -----------------------------------------------------------------------------------------------------


async def test_ecs_is_asked_as_its_documentation_says() -> None:
    agent = Agent()
    async with scripted_http(agent.answer) as url, open_protection(f"{url}/api/task/") as protection:
        await protection.protect(60)
        await protection.release()
    assert agent.requests == [
        ("PUT", "/api/task/task-protection/v1/state", {"ProtectionEnabled": True, "ExpiresInMinutes": 60}),
        ("PUT", "/api/task/task-protection/v1/state", {"ProtectionEnabled": False}),
    ]


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (500, "oops", "ECS answered 500"),
        (200, "[]", "ECS answered 200"),
        (200, "{}", "ECS answered 200"),
        (200, '{"protection": {"ProtectionEnabled": false}}', "ECS answered 200"),
        (200, '{"failure": {"Arn": "x", "Reason": "DEPLOYMENT_BLOCKED", "Detail": null}}', "DEPLOYMENT_BLOCKED"),
        (
            403,
            '{"error": {"Arn": "x", "Code": "AccessDeniedException", "Message": "no ecs:UpdateTaskProtection"}}',
            "ECS refused: AccessDeniedException: no ecs:UpdateTaskProtection",
        ),
    ],
)
async def test_any_answer_of_ecs_but_the_state_that_was_asked_for_is_a_failure(
    status: int, text: str, problem: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    async with scripted_http(answer) as url, open_protection(url) as protection:
        with pytest.raises(DependencyUnavailableError, match=problem):
            await protection.protect(60)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/api", "not a uri", "http://[::1", "ftp://x/y"])
async def test_an_agent_that_is_not_there_is_a_failure(uri: str) -> None:
    async with open_protection(uri) as protection:
        with pytest.raises(DependencyUnavailableError, match="ECS did not answer"):
            await protection.protect(60)
