"""The gateway as a process, and a client for it that reads problems and events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from tests.support.stack import Stack
from tests.support.worker_process import STARTED_ANEW, WorkerProcess

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """The answer to a request. `seconds` is the time from the request to the end of the answer's body."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> Any:
        assert self.headers["content-type"] == PROBLEM, (self.status, self.text)
        document = self.json
        assert document["status"] == self.status
        return document


@dataclass(frozen=True)
class SeenEvent:
    """One server-sent event, or a comment."""

    fields: Mapping[str, str]

    @property
    def id(self) -> str:
        return self.fields["id"]

    @property
    def record(self) -> Any:
        return json.loads(self.fields["data"])


class GatewayClient:
    """Requests to one gateway."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def ask(self, method: str, path: str, **arguments: Any) -> Answer:
        time = asyncio.get_running_loop().time
        began_at = time()
        async with self.session.request(method, self.url + path, allow_redirects=False, **arguments) as answer:
            text = await answer.text()
        return Answer(answer.status, answer.headers, text, time() - began_at)

    async def get(self, path: str, **arguments: Any) -> Answer:
        return await self.ask("GET", path, **arguments)

    async def post(self, path: str, document: Any = None, **arguments: Any) -> Answer:
        return await self.ask("POST", path, json=document, **arguments)

    async def submit(self, stack: Stack, job_id: str, **more: Any) -> Answer:
        return await self.post("/jobs", a_message(stack, job_id) | more)

    async def until_open_streams_are(self, count: int) -> None:
        """Ask until so many streams are open."""

        async def are() -> bool:
            health = (await self.get("/health")).json
            return bool(health["streams"]["open"] == count)

        async with asyncio.timeout(30):
            while not await are():  # noqa: ASYNC110 - the streams are in another process
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def events(self, job_id: str, last_event_id: str | None = None) -> AsyncIterator[AsyncIterator[SeenEvent]]:
        headers = {} if last_event_id is None else {"last-event-id": last_event_id}
        async with self.session.get(f"{self.url}/jobs/{job_id}/events", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield _events_in(answer.content)


async def _events_in(lines: aiohttp.StreamReader) -> AsyncIterator[SeenEvent]:
    """The events, read by the HTML standard, section 9.2.6, for streams whose fields have one line each."""
    fields: dict[str, str] = {}
    async for line in lines:
        text = line.decode().removesuffix("\n")
        name, _, value = text.partition(": ")
        if text:
            fields[name] = value
        else:
            if "data" in fields:
                yield SeenEvent(fields)
            fields = {}


def a_message(stack: Stack, job_id: str | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "source": f"s3://{stack.sources}/in.wav",
        "outputs": [{"target": stack.target(f"{job_id}.mp3"), "format": "mp3"}],
    }
    return message if job_id is None else {"job_id": job_id, **message}


class GatewayProcess:
    """`worker serve` on a stack, on a port of its own. It may have so many `open_files`."""

    def __init__(self, stack: Stack, open_files: int | None = None, /, **settings: str) -> None:
        environment = stack.environment() | {"WORKER_SERVE_PORT": "0"} | settings
        program = None
        if open_files is not None:
            program = ["bash", "-c", f'ulimit -n {open_files}; exec "$@"', "bash", *STARTED_ANEW]
        self.process = WorkerProcess(environment, command="serve", program=program)
        try:
            address: str = self.process.wait_for("gateway.started")["http_address"]
        except BaseException:
            self.process.close()
            raise
        self.url = f"http://{address}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.close()

    @asynccontextmanager
    async def client(self, *, token: str | None = None) -> AsyncIterator[GatewayClient]:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            yield GatewayClient(self.url, session)
