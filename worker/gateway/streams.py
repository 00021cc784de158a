"""The route of events: the records of a job as server-sent events (the HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from worker.application.progress.reader import Reading
from worker.domain.progress import Version
from worker.gateway.documents import problems
from worker.gateway.feeds import Feed, Feeds, version_in
from worker.gateway.jobs import JobId, no_job
from worker.gateway.problems import answered_in_time, unavailable

_COMMENT_SECONDS = 15.0  # proxies close what is silent for a minute
_SEND_SECONDS = 60.0  # a client that takes nothing for so long is dropped
_FIRST = b"retry: 2000\n\n"  # milliseconds after which a browser connects again
_COMMENT = b": still here\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
]


class StreamRoutes:
    """At most `max_streams` are open at once."""

    def __init__(self, feeds: Feeds, *, max_streams: int) -> None:
        self._feeds = feeds
        self._max_streams = max_streams

    def add_to(self, router: APIRouter) -> None:
        events = {"description": "Records, up to the final one.", "content": {"text/event-stream": {}}}
        over = {"description": "The client has had the final record: a browser does not connect again."}
        router.add_api_route(
            "/jobs/{job_id}/events",
            self.watch,
            methods=["GET"],
            responses={200: events, 204: over, **problems(404, 422)},
        )

    async def watch(
        self,
        job_id: JobId,
        last_event_id: Annotated[str | None, Header(description="The `id` of the last event that was seen.")] = None,
    ) -> Response:
        """Follow a job: each newer record at once, a comment every 15 seconds, the end after the final record."""
        if self._feeds.is_closed or self._feeds.streams >= self._max_streams:
            raise unavailable("this gateway stops" if self._feeds.is_closed else "too many streams are open")
        with ExitStack() as place:
            place.enter_context(self._feeds.counted())
            async with answered_in_time():
                reading = await self._feeds.newest(job_id)
            record, seen = reading.record, version_in(last_event_id or "")
            if record is None:
                raise no_job(job_id)
            if record.is_final and reading.fresh and record.version == seen:
                return Response(status_code=HTTPStatus.NO_CONTENT)
            return _Stream(self._feeds, job_id, reading, seen, place.pop_all())


class _Stream(Response):
    """Sends what its feed has, as fast as the client takes it. One that is slow skips records, so nothing piles up.

    It is counted among the streams until `place` is closed, which it does at its end.
    """

    def __init__(self, feeds: Feeds, job_id: str, first: Reading, seen: Version | None, place: ExitStack) -> None:
        super().__init__()
        self._feeds = feeds
        self._job_id = job_id
        self._first = first
        self._seen = seen
        self._place = place

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await self._answer(receive, send)

    async def _answer(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": _HEADERS})
        sending = asyncio.ensure_future(self._send_until_refused(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    async def _send_until_refused(self, send: Send) -> None:
        with suppress(TimeoutError):
            await self._send_all(send)

    async def _send_all(self, send: Send) -> None:
        await _send(send, _FIRST)
        async with self._feeds.of(self._job_id, self._first) as feed:
            while True:
                turned, is_over = feed.turned, feed.is_over
                if self._is_news(feed):
                    assert feed.record is not None
                    self._seen = feed.record.version
                    await _send(send, feed.event)
                elif is_over:
                    break
                elif not await _happens(turned, _COMMENT_SECONDS):
                    await _send(send, _COMMENT)
        await _send(send, b"", more=False)

    def _is_news(self, feed: Feed) -> bool:
        """Whether the client has not seen this. An end is sent even to a client that has seen a higher version."""
        if feed.record is None or feed.record.version == self._seen:
            return False
        return self._seen is None or feed.record.version > self._seen or feed.record.is_final


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the client takes nothing."""
    async with asyncio.timeout(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
