"""What tests ask of the credentials that requests are signed with."""

from __future__ import annotations

import asyncio

from worker.adapters.aws.session import ChainCredentials


async def key_of(credentials: ChainCredentials) -> str:
    """The id of the key that the next request would be signed with."""
    return str((await credentials.get_frozen_credentials()).access_key)


async def until_key_is(credentials: ChainCredentials, key: str) -> None:
    async with asyncio.timeout(10):
        seen = await key_of(credentials)
        while seen != key:
            await asyncio.sleep(0.01)
            seen = await key_of(credentials)
