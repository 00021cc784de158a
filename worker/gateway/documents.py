"""The parts of the OpenAPI document that come from our own declarations: messages, records and problems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from worker import __version__
from worker.application.messages.schema import message_schema, record_schema
from worker.gateway.problems import PROBLEM_JSON

_SCHEMAS = "#/components/schemas/"

RECORD = {"$ref": f"{_SCHEMAS}Record"}
MESSAGE = {"$ref": f"{_SCHEMAS}Message"}

_PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457. `field` names what is wrong in a body, `record` is that of the job in the way.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "record": RECORD,
        "missing": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["type", "title", "status", "detail"],
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that are problems, those that any route may have included."""
    content = {PROBLEM_JSON: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in (*statuses, *_ANYWHERE)}


def json_answer(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def json_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_ANYWHERE = (401, 403, 429, 503)
_MEANINGS = {
    400: "The request cannot be read.",
    401: "The bearer token is missing or wrong.",
    403: "A page of another origin, a host name of another machine, or an output outside of the gateway's targets.",
    404: "There is no such job, output, upload or part.",
    408: "The body did not come in time.",
    409: "The state of the job or of the upload does not allow it; `record` or `missing` shows that state.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "A member or parameter is wrong; `field` names it.",
    429: "Too many requests from this client.",
    501: "Not set up here; the detail says what is missing.",
    503: "AWS does not answer in time, the gateway stops, or too many streams or connections are open. Try again.",
}


def add_document(app: FastAPI) -> None:
    """Add the route of the OpenAPI document. It is written once: anybody may ask for it, without limit."""

    @cache
    def body() -> bytes:
        return json.dumps(document_of(app), ensure_ascii=False, separators=(",", ":")).encode()

    async def answer(_request: Request) -> Response:
        return Response(body(), media_type="application/json")

    app.add_route("/openapi.json", answer, methods=["GET"], include_in_schema=False)


def document_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    document = get_openapi(
        title="Audio conversion",
        version=__version__,
        description="Submit jobs, follow their progress, fetch their outputs.",
        routes=app.routes,
    )
    message = _within(message_schema())
    message["required"] = [name for name in message["required"] if name != "job_id"]
    components = document.setdefault("components", {})
    ours = {"Message": message, "Record": _within(record_schema()), "Problem": _PROBLEM}
    components["schemas"] = components.get("schemas", {}) | ours  # FastAPI's are those of parameters
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}, {}]
    return document


def _within(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "$schema"}
