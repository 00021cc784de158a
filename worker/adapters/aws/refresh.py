"""Refreshes credentials that expire beside the requests, once for all of them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from typing import Any

# So long before their end, in seconds, requests wait for new keys: the SDK's own limit, its "mandatory" refresh.
_LAST_SECONDS = 600


class SharedRefresh:
    """Credentials of the SDK, whose refresh is one task for all requests and outlives each of them.

    The SDK refreshes them within the request that finds them near their end. A request that has less time than the
    refresh takes would cut it off, and so would each request after it.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._frozen: Any = None  # the keys that were used last
        self._refresh: asyncio.Task[None] | None = None

    @property
    def method(self) -> str | None:
        """The name of the provider that found them."""
        return getattr(self._credentials, "method", None)

    async def get_frozen_credentials(self) -> Any:
        """The keys to sign a request with. Raises what the provider raises, which may be anything."""
        if not self._end_within():
            await self._take()
            return self._frozen
        refresh = self._begun()
        if self._frozen is None or self._end_within(_LAST_SECONDS):
            await asyncio.wait({refresh})
            refresh.result()
        return self._frozen

    def valid_seconds(self, most: int) -> int:
        """For how many seconds the keys are valid, at most `most`."""
        # The SDK tells the end of keys no other way.
        return bisect_left(range(1, most + 1), True, key=self._end_within)

    async def _take(self) -> None:
        self._frozen = await self._credentials.get_frozen_credentials()

    def _end_within(self, seconds: int | None = None) -> bool:
        """Whether the keys end in less than so many seconds, by default those in which the SDK refreshes them."""
        refresh_needed = getattr(self._credentials, "refresh_needed", None)  # keys of some kinds never end
        return refresh_needed is not None and refresh_needed(seconds)

    def _begun(self) -> asyncio.Task[None]:
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._take(), name="credentials")
            self._refresh.add_done_callback(_retrieve)
        return self._refresh


def _retrieve(refresh: asyncio.Task[None]) -> None:
    """Take the error, which the SDK has logged: the requests that waited for the refresh may have given up."""
    if not refresh.cancelled():
        refresh.exception()
