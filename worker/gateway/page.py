"""The routes of the page: its files, which are data of this package, and what a browser may do with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from worker.adapters.s3.presigning import S3Presigner
from worker.domain.errors import DependencyUnavailableError
from worker.domain.job import ObjectLocation
from worker.gateway.guards import FILES_OF_PAGE
from worker.gateway.prefixes import Prefixes

_READ = ["GET"]  # HEAD comes with it
_FIRST = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "cache-control": "no-cache",  # asked for again each time, and answered with 304
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_ANY_HOST = "https:"
_ASKED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    content_type: str
    etag: str


class PageRoutes:
    """Serves the page from memory, with a policy (CSP, level 3) of what it may load and reach.

    That is this gateway and the buckets; where targets may lie anywhere, also any HTTPS host for sound and pictures.
    """

    def __init__(self, presigner: S3Presigner, prefixes: Prefixes) -> None:
        self._presigner = presigner
        self._prefixes = prefixes
        self._policy: str | None = None

    def add_to(self, app: FastAPI) -> None:
        """Add the routes. The OpenAPI document does not have them: they are for browsers."""
        for name, file in _files().items():
            path = "/" if name == _FIRST else f"{FILES_OF_PAGE}{name}"
            app.add_route(path, partial(self._answer, file), methods=_READ, include_in_schema=False)

    async def _answer(self, file: _File, request: Request) -> Response:
        headers = {**_HEADERS, "etag": file.etag, "content-security-policy": await self._content_policy()}
        if _has_tag(request.headers.getlist("if-none-match"), file.etag):
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers={**headers, "content-type": file.content_type})

    async def _content_policy(self) -> str:
        if self._policy is None:
            try:
                self._policy = await self._policy_of_buckets()
            except DependencyUnavailableError:  # no credentials yet: nothing can be signed either
                return _policy_with((), ())
        return self._policy

    async def _policy_of_buckets(self) -> str:
        source, target = self._prefixes.source, self._prefixes.target
        uploads = () if source is None else await self._origins_of(source)
        downloads = (_ANY_HOST,) if target is None else await self._origins_of(target)
        return _policy_with(uploads, downloads)

    async def _origins_of(self, prefix: str) -> tuple[str, ...]:
        """The origins of presigned requests, which depend on region, endpoint and bucket."""
        probe = ObjectLocation.parse(f"{prefix}probe")
        download = await self._presigner.download(probe, seconds=_ASKED_SECONDS)
        form = await self._presigner.upload(
            probe, size_bytes=1, content_type="application/octet-stream", seconds=_ASKED_SECONDS
        )
        return tuple(sorted({f"{url.scheme}://{url.netloc}" for url in map(urlsplit, (download, form.url))}))


def _has_tag(if_none_match: list[str], etag: str) -> bool:
    """Whether one of the values has the tag (RFC 9110, section 13.1.2). Proxies that compress make tags weak."""
    tags = {tag.strip().removeprefix("W/") for value in if_none_match for tag in value.split(",")}
    return not tags.isdisjoint({etag, "*"})


def _policy_with(uploads: tuple[str, ...], downloads: tuple[str, ...]) -> str:
    allowed: Mapping[str, tuple[str, ...]] = {
        "default-src": ("'none'",),
        "script-src": ("'self'",),
        "style-src": ("'self'",),
        "connect-src": ("'self'", *uploads),
        "img-src": ("'self'", *downloads),
        "media-src": ("'self'", *downloads),
        "form-action": ("'none'",),
        "base-uri": ("'none'",),
        "frame-ancestors": ("'none'",),
        "require-trusted-types-for": ("'script'",),  # no text ever becomes markup
        "trusted-types": ("'none'",),
    }
    return "; ".join(" ".join((name, *values)) for name, values in allowed.items())


def _files() -> dict[str, _File]:
    folder = resources.files("worker.gateway").joinpath("page_files")
    files = {}
    for entry in folder.iterdir():
        body = entry.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        files[entry.name] = _File(body, _TYPES["." + entry.name.rpartition(".")[2]], etag)
    return files
