"""The routes of uploads in parts, which go on after a lost connection, a reload or a closed tab.

The gateway keeps no state: what it must know of an upload stands in its id, and S3 knows which parts it has.
"""

from __future__ import annotations

import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from worker.adapters.s3.part_uploads import PartUploads, SentPart, UploadGoneError
from worker.application.messages.json_text import read_object
from worker.domain.job import ObjectLocation
from worker.domain.progress import timestamp
from worker.gateway.bodies import read_json_text
from worker.gateway.documents import json_answer, json_body, problems
from worker.gateway.prefixes import Prefixes
from worker.gateway.problems import ProblemError, answered_in_time
from worker.gateway.uploads import UPLOAD, UploadedFile, location_under

# As many as one answer of ListParts has, so that it comes in time; S3 takes ten times as many, of up to 5 GiB
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
MOST_PARTS = 1000
_PART_BYTES = 8 * 1024**2  # a lost connection costs a part; S3 takes none below 5 MiB, except as the last
_URL_SECONDS = 3600
_COMPLETION_SECONDS = 60  # S3 puts many parts together in seconds
_KEY = re.compile(r"[0-9a-f]{32}/[^/]+")  # UploadedFile.new_key
_S3_ID = re.compile(r"[!-~]+")  # what a URL can carry; S3's own have letters, digits and a few signs
_NOT_KEPT = {"cache-control": "no-store"}

UploadId = Annotated[str, Path(max_length=4096, description="`upload` of the answer that began it.")]
PartNumber = Annotated[int, Path(ge=1, le=MOST_PARTS, description="From 1.")]

_STATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "upload": {"type": "string", "description": "Its id, for the other requests."},
        "source": {"type": "string", "description": "What the file is called in a job, once it is complete."},
        "bytes": {"type": "integer"},
        "part_bytes": {"type": "integer", "description": "The size of each part; the last one may be smaller."},
        "parts": {"type": "integer", "description": "How many there are."},
        "sent": {"type": "array", "items": {"type": "integer"}, "description": "The numbers of those that S3 has."},
    },
    "required": ["upload", "source", "bytes", "part_bytes", "parts", "sent"],
}
_PART: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "Where the part is put."},
        "bytes": {"type": "integer", "description": "Its size, which is signed."},
        "expires_at": {"type": "string", "format": "date-time"},
    },
    "required": ["url", "bytes", "expires_at"],
}
_SOURCE = {"type": "object", "properties": {"source": {"type": "string"}}, "required": ["source"]}


@dataclass(frozen=True, slots=True)
class PartUpload:
    """What an id stands for: a file of that size under `key`, and S3's id of its upload."""

    key: str
    size_bytes: int
    s3_id: str

    @classmethod
    def of(cls, text: str, *, max_bytes: int) -> PartUpload:
        """Read an id. Raises ProblemError where it is not one of ours."""
        try:
            key, size_bytes, s3_id = json.loads(urlsafe_b64decode(text.encode() + b"=="))
        except (ValueError, TypeError, RecursionError):
            raise _no_upload() from None
        is_named = isinstance(key, str) and _KEY.fullmatch(key) and isinstance(s3_id, str) and _S3_ID.fullmatch(s3_id)
        if not is_named or type(size_bytes) is not int or not 1 <= size_bytes <= max_bytes:
            raise _no_upload()
        return cls(key, size_bytes, s3_id)

    def __str__(self) -> str:
        text = json.dumps([self.key, self.size_bytes, self.s3_id], separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def part_bytes(self) -> int:
        return max(_PART_BYTES, math.ceil(self.size_bytes / MOST_PARTS))

    @property
    def parts(self) -> int:
        return math.ceil(self.size_bytes / self.part_bytes)

    def size_of(self, number: int) -> int:
        """The size of a part in bytes. Raises ProblemError where there is none of that number."""
        if number > self.parts:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"the upload has {self.parts} parts")
        return min(self.part_bytes, self.size_bytes - (number - 1) * self.part_bytes)

    def whole(self, sent: Sequence[SentPart]) -> Sequence[SentPart]:
        """The parts that have the size that they must have."""
        return [part for part in sent if part.number <= self.parts and part.size_bytes == self.size_of(part.number)]


class PartUploadRoutes:
    """The routes of uploads in parts, of at most `max_bytes`."""

    def __init__(self, uploads: PartUploads, prefixes: Prefixes, *, max_bytes: int, max_body_bytes: int) -> None:
        self._uploads = uploads
        self._prefixes = prefixes
        self._max_bytes = max_bytes
        self._max_body_bytes = max_body_bytes

    def add_to(self, router: APIRouter) -> None:
        path = "/uploads/multipart"
        state = json_answer("The upload, and which of its parts S3 has.", _STATE)
        router.add_api_route(
            path,
            self.begin,
            methods=["POST"],
            status_code=HTTPStatus.CREATED,
            responses={201: state, **problems(400, 408, 413, 415, 422, 501)},
            openapi_extra=json_body(UPLOAD),
        )
        of_upload = f"{path}/{{upload}}"
        router.add_api_route(of_upload, self.show, methods=["GET"], responses={200: state, **problems(404, 422, 501)})
        router.add_api_route(
            f"{of_upload}/parts/{{number}}",
            self.part,
            methods=["GET"],
            responses={
                200: json_answer("Where the part is put, until `expires_at`.", _PART),
                **problems(404, 422, 501),
            },
        )
        router.add_api_route(
            f"{of_upload}/complete",
            self.complete,
            methods=["POST"],
            responses={200: json_answer("The file is there.", _SOURCE), **problems(404, 409, 422, 501)},
        )
        router.add_api_route(
            of_upload,
            self.abort,
            methods=["DELETE"],
            status_code=HTTPStatus.NO_CONTENT,
            response_class=Response,
            responses={204: {"description": "S3 keeps nothing of it."}, **problems(404, 422, 501)},
        )

    async def begin(self, request: Request) -> Response:
        """Begin the upload of one file of that size and type in parts, each of which is sent once."""
        document = read_object(await read_json_text(request, max_bytes=self._max_body_bytes))
        file = UploadedFile.read(document, max_bytes=self._max_bytes)
        key = file.new_key()
        target = location_under(self._prefixes, key)
        async with answered_in_time():
            upload = PartUpload(key, file.size_bytes, await self._uploads.begin(target, file.content_type))
        where = {"location": f"/uploads/multipart/{upload}"}
        return JSONResponse(_state(upload, target, ()), HTTPStatus.CREATED, {**_NOT_KEPT, **where})

    async def show(self, upload: UploadId) -> Response:
        """The upload, with the parts that need not be sent again."""
        known, target = self._known(upload)
        async with answered_in_time():
            sent = await self._sent(known, target)
        return JSONResponse(_state(known, target, sent), headers=_NOT_KEPT)

    async def part(self, upload: UploadId, number: PartNumber) -> Response:
        """A URL to which one part is put, with `PUT`. S3 refuses another length."""
        known, target = self._known(upload)
        size_bytes = known.size_of(number)
        now = datetime.now(UTC)
        async with answered_in_time():
            signed = await self._uploads.url(target, known.s3_id, number, size_bytes=size_bytes, seconds=_URL_SECONDS)
        expires_at = now + timedelta(seconds=signed.valid_seconds)
        answer = {"url": signed.url, "bytes": size_bytes, "expires_at": timestamp(expires_at)}
        return JSONResponse(answer, headers=_NOT_KEPT)

    async def complete(self, upload: UploadId) -> Response:
        """Make the file of its parts. It may be asked for again: the answer is the same. 409 where parts are missing.

        S3 is asked for the parts and their ETags, so a page need not read that header.
        """
        known, target = self._known(upload)
        async with answered_in_time(seconds=_COMPLETION_SECONDS):
            try:
                sent = await self._sent(known, target)
                missing = sorted(set(range(1, known.parts + 1)) - {part.number for part in sent})
                if missing:
                    detail = f"{len(missing)} of {known.parts} parts are missing"
                    raise ProblemError(HTTPStatus.CONFLICT, detail, missing=missing)
                await self._uploads.complete(target, known.s3_id, sent)
            except UploadGoneError:
                if not await self._uploads.is_there(target, known.size_bytes):
                    raise
        return JSONResponse({"source": str(target)}, headers=_NOT_KEPT)

    async def abort(self, upload: UploadId) -> Response:
        """Give the upload up: S3 deletes its parts."""
        known, target = self._known(upload)
        async with answered_in_time():
            await self._uploads.abort(target, known.s3_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _sent(self, known: PartUpload, target: ObjectLocation) -> Sequence[SentPart]:
        return known.whole(await self._uploads.sent(target, known.s3_id))

    def _known(self, upload: str) -> tuple[PartUpload, ObjectLocation]:
        known = PartUpload.of(upload, max_bytes=self._max_bytes)
        return known, location_under(self._prefixes, known.key)


def _state(upload: PartUpload, target: ObjectLocation, sent: Sequence[SentPart]) -> dict[str, Any]:
    return {
        "upload": str(upload),
        "source": str(target),
        "bytes": upload.size_bytes,
        "part_bytes": upload.part_bytes,
        "parts": upload.parts,
        "sent": [part.number for part in sent],
    }


def _no_upload() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "there is no such upload")
