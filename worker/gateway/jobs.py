"""The routes of jobs: submit, show, list, cancel, retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from worker.application.messages.json_text import read_object
from worker.application.messages.message import job_from
from worker.application.operations.listing import positions_after
from worker.bootstrap.gateway import GatewayParts
from worker.client.jobs import new_job_id
from worker.domain.job import JOB_ID, Job
from worker.domain.progress import Record, Status
from worker.gateway.bodies import read_json_text
from worker.gateway.documents import MESSAGE, RECORD, json_answer, json_body, problems
from worker.gateway.pages_of_jobs import After, link_to_next, positions_of
from worker.gateway.prefixes import Prefixes
from worker.gateway.problems import ProblemError, answered_in_time

JobId = Annotated[str, Path(pattern=f"^{JOB_ID.regex}$", description="The job's id.")]
_DEFAULT_JOBS = 50
_MOST_JOBS = 1000

_FRESH = {
    "allOf": [RECORD],
    "properties": {"fresh": {"type": "boolean", "description": "False where a store could not be asked."}},
    "required": ["fresh"],
}


def _a_page(records: Mapping[str, Any]) -> dict[str, Any]:
    link = {"description": "The next page, where there may be one (RFC 8288).", "schema": {"type": "string"}}
    return json_answer("The jobs, the newest first.", records) | {"headers": {"Link": link}}


def no_job(job_id: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"there is no job {job_id}")


def shown(record: Record, *, fresh: bool) -> dict[str, Any]:
    """The record (docs/progress.md), and `fresh`: false where a store could not be asked."""
    return record.to_dict() | {"fresh": fresh}


class JobRoutes:
    """The routes of jobs. They use what the commands use, and answer within a second."""

    def __init__(self, parts: GatewayParts, prefixes: Prefixes, *, max_body_bytes: int) -> None:
        self._jobs = parts.jobs
        self._prefixes = prefixes
        self._max_body_bytes = max_body_bytes

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route(
            "/jobs",
            self.submit,
            methods=["POST"],
            status_code=HTTPStatus.ACCEPTED,
            responses={202: json_answer("The queued record.", RECORD), **problems(400, 408, 409, 413, 415, 422)},
            openapi_extra=json_body(MESSAGE),
        )
        records = {"type": "array", "items": RECORD}
        router.add_api_route(
            "/jobs",
            self.list,
            methods=["GET"],
            responses={200: _a_page(records), **problems(422, 501)},
        )
        router.add_api_route(
            "/jobs/{job_id}",
            self.show,
            methods=["GET"],
            responses={200: json_answer("The newest record.", _FRESH), **problems(404, 422)},
        )
        router.add_api_route(
            "/jobs/{job_id}",
            self.cancel,
            methods=["DELETE"],
            status_code=HTTPStatus.ACCEPTED,
            responses={202: json_answer("The record as it is now.", RECORD), **problems(404, 409, 422)},
        )
        router.add_api_route(
            "/jobs/{job_id}/retry",
            self.retry,
            methods=["POST"],
            status_code=HTTPStatus.ACCEPTED,
            responses={202: json_answer("The first record of the next run.", RECORD), **problems(404, 409, 422)},
        )

    async def submit(self, request: Request) -> Response:
        """Put a job on the queue. Without a `job_id` it gets one; with one, the request may be sent again."""
        job = self._job(await read_json_text(request, max_bytes=self._max_body_bytes))
        async with answered_in_time(job_id=job.job_id):
            record = await self._jobs.submission().submit(job, traceparent=request.headers.get("traceparent"))
        return JSONResponse(record.to_dict(), HTTPStatus.ACCEPTED, {"location": f"/jobs/{job.job_id}"})

    async def show(self, job_id: JobId) -> Response:
        """The newest record of a job."""
        async with answered_in_time():
            reading = await self._jobs.reader.read(job_id)
        if reading.record is None:
            raise no_job(job_id)
        return JSONResponse(shown(reading.record, fresh=reading.fresh))

    async def list(
        self,
        status: Status | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_JOBS)] = _DEFAULT_JOBS,
        after: After = None,
    ) -> Response:
        """The jobs that came to a status, or to any: the last first. `Link` names the next page."""
        before = positions_of(after or ())
        statuses: Sequence[Status] = tuple(Status) if status is None else (status,)
        async with answered_in_time():
            jobs = await self._jobs.newest_jobs(statuses, since=None, limit=limit, after=before)
        is_full = len(jobs) == limit
        headers = {"link": link_to_next(status, limit, positions_after(jobs, before))} if is_full else None
        return JSONResponse([job.record.to_dict() for job in jobs], headers=headers)

    async def cancel(self, job_id: JobId) -> Response:
        """Ask for the end of a job. One that runs ends within seconds; a queued one is cancelled at once."""
        async with answered_in_time():
            record = await self._jobs.cancellation.cancel(job_id)
        if record is None:
            raise no_job(job_id)
        if record.status in {Status.COMPLETED, Status.FAILED}:
            detail = f"job {job_id} is {record.status.value} already"
            raise ProblemError(HTTPStatus.CONFLICT, detail, record=record.to_dict())
        return JSONResponse(record.to_dict(), HTTPStatus.ACCEPTED)

    async def retry(self, job_id: JobId) -> Response:
        """Begin the next run of a job that failed or was cancelled."""
        async with answered_in_time():
            record = await self._jobs.retry().retry(job_id)
        if record is None:
            raise no_job(job_id)
        return JSONResponse(record.to_dict(), HTTPStatus.ACCEPTED, {"location": f"/jobs/{job_id}"})

    def _job(self, text: str) -> Job:
        """The job in a body, which gets an id if it has none. Raises InvalidMessageError."""
        document = read_object(text)
        if document.get("job_id") is None:
            document["job_id"] = new_job_id(document.get("source"))
        job = job_from(document, self._jobs.presets)
        self._prefixes.check(job)
        return job
