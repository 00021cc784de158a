"""Requests to the HTTP port of a worker or a gateway, as a platform's probes make them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from worker.domain.errors import DependencyUnavailableError

_MAX_BYTES = 1 << 20


class Probe:
    """Asks for paths beneath one base URL, each with a connection of its own, as probes do."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def get(self, path: str) -> tuple[int, bytes]:
        """The status and the body of the answer, which may be a redirect. The caller bounds the time.

        Raises DependencyUnavailableError where there is no answer in HTTP.
        """
        try:
            async with self._session.get(self._base_url + path, allow_redirects=False) as response:
                body = bytearray()
                async for part in response.content.iter_any():  # one read gives what has come, not all of it
                    body += part
                    if len(body) >= _MAX_BYTES:
                        break
                return response.status, bytes(body[:_MAX_BYTES])
        except (aiohttp.ClientError, ValueError, OSError) as exc:
            raise DependencyUnavailableError("The server", f"did not answer ({_reason(exc)})") from exc


@asynccontextmanager
async def open_probe(base_url: str) -> AsyncIterator[Probe]:
    """A probe of the base URL. Its connections are closed after the `with`."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield Probe(session, base_url)


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its TLS certificate is refused"
        case aiohttp.ClientConnectorSSLError():
            return "TLS handshake failed"
        case aiohttp.ClientConnectorDNSError():
            return "name not resolved"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError):
            return "connection refused"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return "connection lost"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return "not HTTP"
        case _:
            return type(error).__name__
