"""The body of a request as text, within limits of size and time."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from worker.gateway.problems import ProblemError

_BODY_SECONDS = 10.0  # for the whole body: a client that sends it slowly holds nothing longer than that
_JSON = "application/json"
_AS_IT_IS = "identity"  # the content coding that stands for none (RFC 9110, section 12.5.3)


async def read_json_text(request: Request, *, max_bytes: int) -> str:
    """The body. Raises ProblemError: 415 where it is no JSON or compressed, 413, 408, 400 if cut off, 422 if no UTF-8.

    A page of another origin can post only texts and forms without asking first (the Fetch standard, "CORS-safelisted
    request-header"), so the type is required.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content type must be {_JSON}")
    if request.headers.get("content-encoding", _AS_IT_IS).strip().lower() != _AS_IT_IS:
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed (Content-Encoding)")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _read(request, max_bytes)
    except TimeoutError:
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {_BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the client left before the end of the body") from None
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "body: must be UTF-8", field="body") from None


async def _read(request: Request, max_bytes: int) -> bytes:
    too_large = ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {max_bytes} bytes")
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)
