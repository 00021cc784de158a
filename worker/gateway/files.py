"""The routes of files: forms for uploads, and the way to outputs. The bytes go between the client and S3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from worker.adapters.s3.presigning import S3Presigner
from worker.application.messages.json_text import read_object
from worker.application.messages.presets import Presets
from worker.application.progress.reader import Reader
from worker.domain.job import MAX_OUTPUTS, ObjectLocation
from worker.domain.progress import Status, timestamp
from worker.domain.redaction import REDACTED
from worker.gateway.bodies import read_json_text
from worker.gateway.documents import json_answer, json_body, problems
from worker.gateway.jobs import JobId, no_job
from worker.gateway.prefixes import Prefixes
from worker.gateway.problems import ProblemError, answered_in_time
from worker.gateway.uploads import UPLOAD, UploadedFile, location_under

_UPLOAD_SECONDS = 3600
_DOWNLOAD_SECONDS = 300
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MOST_POST_BYTES = 5 * 1024**3

_NOT_KEPT = {"cache-control": "no-store", "vary": "accept"}

_FORM = {
    "type": "object",
    "properties": {
        "source": {"type": "string", "description": "What the file is called in a job."},
        "url": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
        "expires_at": {"type": "string", "format": "date-time"},
    },
    "required": ["source", "url", "fields", "expires_at"],
}


_PLACES = {
    "type": "object",
    "properties": {
        "source": {"type": ["string", "null"], "description": "Uploads are put there; null: there are none."},
        "target": {"type": ["string", "null"], "description": "Targets must lie there; null: anywhere."},
        "max_bytes": {"type": "integer", "description": "The largest upload in parts; a form takes at most 5 GiB."},
        "presets": {"type": "object", "description": "The fields that each preset stands for, by its name."},
    },
    "required": ["source", "target", "max_bytes", "presets"],
}
_URL = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}


class FileRoutes:
    """The routes of files. An upload has at most `max_upload_bytes`."""

    def __init__(
        self,
        presigner: S3Presigner,
        reader: Reader,
        prefixes: Prefixes,
        presets: Presets,
        *,
        max_upload_bytes: int,
        max_body_bytes: int,
    ) -> None:
        self._presigner = presigner
        self._reader = reader
        self._prefixes = prefixes
        self._presets = presets
        self._max_source_bytes = max_upload_bytes
        self._max_upload_bytes = min(max_upload_bytes, _MOST_POST_BYTES)
        self._max_body_bytes = max_body_bytes

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route(
            "/uploads",
            self.upload,
            methods=["POST"],
            status_code=HTTPStatus.CREATED,
            responses={
                201: json_answer("The form to post the file with.", _FORM),
                **problems(400, 408, 413, 415, 422, 501),
            },
            openapi_extra=json_body(UPLOAD),
        )
        router.add_api_route(
            "/uploads",
            self.places,
            methods=["GET"],
            responses={200: json_answer("Where sources and targets lie here.", _PLACES), **problems()},
        )
        router.add_api_route(
            "/jobs/{job_id}/outputs/{number}",
            self.output,
            methods=["GET"],
            status_code=HTTPStatus.TEMPORARY_REDIRECT,
            response_class=Response,
            responses={
                307: {"description": "To the download, for five minutes."},
                200: json_answer("Its URL, where JSON is accepted and nothing else.", _URL),
                **problems(404, 409, 422),
            },
        )

    async def places(self) -> Response:
        """Where uploads are put and targets must lie, and the presets: for a client that makes up messages."""
        answer = {
            "source": self._prefixes.source,
            "target": self._prefixes.target,
            "max_bytes": self._max_source_bytes,
            "presets": self._presets.fields,
        }
        return JSONResponse(answer)

    async def upload(self, request: Request) -> Response:
        """A form that uploads one file of that size and type to S3, within an hour, or sooner: see `expires_at`."""
        document = read_object(await read_json_text(request, max_bytes=self._max_body_bytes))
        file = UploadedFile.read(document, max_bytes=self._max_upload_bytes)
        source = location_under(self._prefixes, file.new_key())
        now = datetime.now(UTC)
        async with answered_in_time():
            form = await self._presigner.upload(
                source, size_bytes=file.size_bytes, content_type=file.content_type, seconds=_UPLOAD_SECONDS
            )
        answer = {
            "source": str(source),
            "url": form.url,
            "fields": dict(form.fields),
            "expires_at": timestamp(now + timedelta(seconds=form.valid_seconds)),
        }
        return JSONResponse(answer, HTTPStatus.CREATED, _NOT_KEPT)

    async def output(
        self,
        request: Request,
        job_id: JobId,
        number: Annotated[int, Path(ge=0, lt=MAX_OUTPUTS, description="From 0.")],
    ) -> Response:
        """The download of an output, as a redirect to S3. Outputs are numbered from 0, in the order of the message.

        Of a stream it is the master playlist. Its URL opens that one object: what the playlist names is read only
        where the bucket, or what stands before it, lets readers have it.

        With `Accept: application/json` the URL comes as JSON: a page that sends a token can give a player no header.
        """
        async with answered_in_time():
            record = (await self._reader.read(job_id)).record
            if record is None:
                raise no_job(job_id)
            if number >= len(record.outputs):
                raise ProblemError(HTTPStatus.NOT_FOUND, f"job {job_id} has no output {number}")
            if record.status is not Status.COMPLETED:
                detail = f"job {job_id} is {record.status.value}: its outputs cannot be read"
                raise ProblemError(HTTPStatus.CONFLICT, detail, record=record.to_dict())
            output = record.outputs[number]
            target = output.playlist or output.target
            if REDACTED in target:
                raise ProblemError(HTTPStatus.NOT_FOUND, "the record does not show the whole name of the output")
            if not self._prefixes.has_target(target):
                raise ProblemError(HTTPStatus.FORBIDDEN, f"the output does not lie under {self._prefixes.target}")
            url = await self._presigner.download(ObjectLocation.parse(target), seconds=_DOWNLOAD_SECONDS)
        if _takes_json_alone(request.headers.getlist("accept")):
            return JSONResponse({"url": url}, headers=_NOT_KEPT)
        return RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, _NOT_KEPT)


def _takes_json_alone(accept: list[str]) -> bool:
    """Whether the values of `Accept` name JSON and nothing else (RFC 9110, section 12.5.1)."""
    kinds = {kind.partition(";")[0].strip().lower() for value in accept for kind in value.split(",")}
    return kinds == {"application/json"}
