"""The routes of events: the records of one job, or of several, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from worker.application.progress.reader import Reading
from worker.domain.job import JOB_ID
from worker.domain.progress import Version
from worker.gateway.documents import problems
from worker.gateway.event_stream import COMMENT, EventStream
from worker.gateway.feeds import Feed, Feeds, version_in
from worker.gateway.jobs import JobId, no_job
from worker.gateway.problems import ProblemError, answered_in_time, unavailable
from worker.waiting import wait_for_event

_COMMENT_SECONDS = 15.0  # proxies close what is silent for a minute
_MOST_JOBS = 50  # of one stream: each is read at once when it begins, within a second

JobIds = Annotated[
    list[Annotated[str, Query(pattern=f"^{JOB_ID.regex}$")]],
    Query(alias="job_id", min_length=1, max_length=_MOST_JOBS, description="The ids of the jobs."),
]


class StreamRoutes:
    """The routes of streams, of which at most `max_streams` are open at once."""

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
            response_class=Response,  # without it the document says that JSON comes, too
            responses={200: events, 204: over, **problems(404, 422)},
        )
        router.add_api_route(
            "/events",
            self.watch_several,
            methods=["GET"],
            response_class=Response,
            responses={200: events, **problems(404, 422)},
        )

    async def watch(
        self,
        job_id: JobId,
        last_event_id: Annotated[str | None, Header(description="The `id` of the last event that was seen.")] = None,
    ) -> Response:
        """Follow a job: each newer record at once, a comment every 15 seconds, the end after the final record."""
        with self._place() as place:
            async with answered_in_time():
                reading = await self._feeds.newest(job_id)
            record, seen = reading.record, version_in(last_event_id or "")
            if record is None:
                raise no_job(job_id)
            if record.is_final and reading.fresh and record.version == seen:
                return Response(status_code=HTTPStatus.NO_CONTENT)
            last_seen = {} if seen is None else {job_id: seen}
            return EventStream(_events(self._feeds, {job_id: reading}, last_seen), place.pop_all())

    async def watch_several(self, job_ids: JobIds) -> Response:
        """Follow several jobs with one connection, of which browsers have six to a server over HTTP/1.1.

        The newest record of each comes first. The stream ends after the final records of all. Jobs that do not exist
        are left out; 404 where none exists. It does not resume: the id of an event tells nothing of the other jobs.
        """
        wanted = list(dict.fromkeys(job_ids))
        with self._place(len(wanted)) as place:
            async with answered_in_time():
                readings = await asyncio.gather(*(self._feeds.newest(job_id) for job_id in wanted))
            found = {job_id: each for job_id, each in zip(wanted, readings, strict=True) if each.record is not None}
            if not found:
                raise ProblemError(HTTPStatus.NOT_FOUND, "there is none of these jobs")
            return EventStream(_events(self._feeds, found, {}), place.pop_all())

    @contextmanager
    def _place(self, jobs: int = 1) -> Iterator[ExitStack]:
        """Places among the streams, which are given up at the end unless they were taken over. Raises ProblemError."""
        if self._feeds.is_closed or self._feeds.streams + jobs > self._max_streams:
            raise unavailable("this gateway stops" if self._feeds.is_closed else "too many streams are open")
        with ExitStack() as place:
            place.enter_context(self._feeds.counted(jobs))
            yield place


async def _events(
    feeds: Feeds, firsts: Mapping[str, Reading], last_seen: dict[str, Version]
) -> AsyncGenerator[bytes, None]:
    """Events that the client has not seen, until all feeds have ended. Slow clients skip records: nothing piles up."""
    news = asyncio.Event()
    async with AsyncExitStack() as stack:
        following = {
            job_id: await stack.enter_async_context(feeds.of(job_id, first, news)) for job_id, first in firsts.items()
        }
        while following:
            news.clear()
            has_sent = False
            for job_id, feed in list(following.items()):
                if _is_news(feed, last_seen.get(job_id)):
                    assert feed.record is not None
                    last_seen[job_id] = feed.record.version
                    has_sent = True
                    yield feed.event
                elif feed.has_ended:
                    del following[job_id]
            if following and not has_sent and not await wait_for_event(news, _COMMENT_SECONDS):
                yield COMMENT


def _is_news(feed: Feed, seen: Version | None) -> bool:
    """Whether the client has not seen this. An end is sent even to a client that has seen a higher version."""
    if feed.record is None or feed.record.version == seen:
        return False
    return seen is None or feed.record.version > seen or feed.record.is_final
