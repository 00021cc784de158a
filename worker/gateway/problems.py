"""Errors as `application/problem+json` (RFC 9457): every answer from 400 up has this form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from worker.adapters.s3.part_uploads import UploadGoneError
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    InvalidMessageError,
    TargetRefusedError,
)
from worker.domain.refusals import JobExistsError, NotRetriedError
from worker.ports import NoIndexError, NotAllowedError, StoreUnavailableError

PROBLEM_JSON = "application/problem+json"
_OPERATION_SECONDS = 0.75  # the rest of the second is for what is around the call
_RETRY_SECONDS = 2


class ProblemError(Exception):
    """An answer that says what is wrong. `members` are added to the document (RFC 9457, section 3.2)."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members

    def response(self) -> Response:
        document = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        body = json.dumps({**document, "detail": self.detail, **self.members})
        return Response(body, self.status.value, self.headers, PROBLEM_JSON)


def unavailable(detail: str, **members: object) -> ProblemError:
    """503, with the time after which the client may try again."""
    headers = {"retry-after": str(_RETRY_SECONDS)}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers, **members)


@asynccontextmanager
async def answered_in_time(*, seconds: float = _OPERATION_SECONDS, **members: object) -> AsyncIterator[None]:
    """Bound what the request waits for, so that its answer comes within a second. Raises ProblemError with 503.

    `members` are added to the problem. With `seconds`, it may take longer.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise unavailable(f"AWS did not answer within {seconds:g} s; try again", **members) from error
    except StoreUnavailableError as error:
        raise unavailable(f"the job table {error.problem}", **members) from error
    except DependencyUnavailableError as error:
        raise unavailable(str(error), **members) from error


def add_handlers(app: FastAPI) -> None:
    """Have every exception answered by a problem."""
    for kind, of in _PROBLEMS.items():
        app.add_exception_handler(kind, _handler_with(of))

    async def refuse_method(request: Request, _error: Exception) -> Response:
        allowed = ", ".join(_methods_at(app, request.scope))
        detail = f"{request.method} is not among the methods here: {allowed}"
        return ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"allow": allowed}).response()

    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED.value, refuse_method)


def _methods_at(app: FastAPI, scope: Scope) -> list[str]:
    """The methods that are allowed at the path of a request, over all routes that have it. HEAD comes with GET."""
    found = (route for route in app.routes if isinstance(route, Route) and route.path_regex.match(scope["path"]))
    methods = {method for route in found for method in route.methods or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _handler_with(of: Any) -> Any:
    async def handle(_request: Request, error: Exception) -> Response:
        problem: ProblemError = of(error)
        return problem.response()

    return handle


def _of_validation(error: RequestValidationError) -> ProblemError:
    """The problem of the first parameter that is wrong; `errors` lists all that are."""
    faults = [{"field": _field_in(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()]
    first = faults[0]
    detail = f"{first['field']}: {first['detail']}"
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field=first["field"], errors=faults)


def _field_in(location: Sequence[str | int]) -> str:
    """The last name in the location: behind it may be the position in a list."""
    return next(name for name in reversed(location) if isinstance(name, str))


def _of_message(error: InvalidMessageError) -> ProblemError:
    code = error.code.value
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field=error.field, code=code)


def _of_http(error: HTTPException) -> ProblemError:
    return ProblemError(HTTPStatus(error.status_code), str(error.detail), headers=error.headers)


def _of_refusal(error: JobExistsError | NotRetriedError) -> ProblemError:
    return ProblemError(HTTPStatus.CONFLICT, str(error), record=error.record.to_dict())


_PROBLEMS: Mapping[type[Exception], Any] = {
    ProblemError: lambda problem: problem,
    RequestValidationError: _of_validation,
    InvalidMessageError: _of_message,
    HTTPException: _of_http,
    JobExistsError: _of_refusal,
    NotRetriedError: _of_refusal,
    NoIndexError: lambda error: ProblemError(HTTPStatus.NOT_IMPLEMENTED, str(error)),
    NotAllowedError: lambda error: unavailable(str(error)),
    AccessDeniedError: lambda error: unavailable(str(error)),
    TargetRefusedError: lambda error: unavailable(str(error)),
    UploadGoneError: lambda _: ProblemError(HTTPStatus.NOT_FOUND, "there is no such upload"),
    Exception: lambda _: ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; the log has it"),
}
