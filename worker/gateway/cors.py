"""Pages of other origins that may use the gateway (the Fetch standard, "CORS protocol")."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from worker.gateway.problems import ProblemError

_HEADERS_OF_PAGES = ["authorization", "content-type", "last-event-id", "traceparent"]


class Cors(CORSMiddleware):
    """Answers what a browser asks before a request, and lets pages of these origins read answers, errors included."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=tuple(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=_HEADERS_OF_PAGES,
            expose_headers=["link", "location", "retry-after"],
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer what a browser asks first. A refusal is a problem document, as every error is."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return answer
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return ProblemError(HTTPStatus.BAD_REQUEST, bytes(answer.body).decode(), headers=headers).response()
