"""An HTTP server that answers every request as the test says, for answers that no emulator gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def scripted_http(
    handler: Handler, on_expect: Callable[[web.Request], Awaitable[None]] | None = None
) -> AsyncIterator[str]:
    """The server's URL. `on_expect` is called where a client waits for "100 Continue"; without it, it gets that."""
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{tail:.*}", handler, expect_handler=on_expect)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
