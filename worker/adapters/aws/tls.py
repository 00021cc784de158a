"""TLS on the way to AWS: a certificate is taken if an authority has signed it, and for the name of its server only.

The SDK sees to both with urllib3. With aiohttp it does not compare the name, and behind a proxy it looks at nothing.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.httpsession import create_urllib3_context, get_cert_path


class CheckedHttp(AIOHTTPSession):
    """The HTTP of one client of the SDK. A proxy that is spoken to by TLS is checked as the endpoint is."""

    _verify: Any  # True, or the path of other authorities' certificates: empty where a variable for it is
    _max_pool_connections: int
    _connector_args: Mapping[str, Any]

    def _create_connector(self, _proxy_url: str | None) -> aiohttp.TCPConnector:
        trust = trust_in(get_cert_path(self._verify or True))  # the SDK would not check where the path is empty
        return _Connector(limit=self._max_pool_connections, ssl=trust, **self._connector_args)


class _Connector(aiohttp.TCPConnector):
    """A proxy has as long to let a call through as an endpoint has to be reached and to answer.

    aiohttp waits for a proxy's answer to CONNECT without end, and says of no other delay that it is the proxy's.
    """

    async def _create_connection(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> Any:
        if not req.proxy:
            return await super()._create_connection(req, traces, timeout)
        try:
            async with asyncio.timeout(((timeout.sock_connect or 0) + (timeout.sock_read or 0)) or None):
                return await super()._create_connection(req, traces, timeout)
        except TimeoutError as exc:
            late = OSError(errno.ETIMEDOUT, "the proxy does not answer in time")
            raise aiohttp.ClientProxyConnectionError(req.connection_key, late) from exc


class CheckedSession(AioSession):
    """A session whose clients have it, those as well with which credentials are asked for: of STS, and of SSO."""

    def create_client(self, *arguments: Any, config: Any = None, **options: Any) -> Any:
        if not issubclass(getattr(config, "http_session_cls", AIOHTTPSession), CheckedHttp):
            config = AioConfig().merge(config or AioConfig())  # also one of botocore's
            config.http_session_cls = CheckedHttp
        return super().create_client(*arguments, config=config, **options)  # type: ignore[call-overload]


@cache
def trust_in(authorities: str) -> ssl.SSLContext:
    """The TLS context for servers with certificates of these authorities, whose own are at that path.

    It is a file, or a directory with names by hashes, as `openssl rehash` makes.

    A process makes each context once: to read the certificates takes 40 ms.
    """
    context: ssl.SSLContext = create_urllib3_context()
    context.check_hostname = True
    context.load_verify_locations(**{"capath" if Path(authorities).is_dir() else "cafile": authorities})
    return context
