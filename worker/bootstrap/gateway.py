"""What the gateway is made from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from worker.adapters.aws.client import ClientLimits
from worker.adapters.s3.part_uploads import PartUploads
from worker.adapters.s3.presigning import S3Presigner
from worker.application.operations.store_watch import StoreWatch
from worker.bootstrap.commands import ClientParts, open_client
from worker.bootstrap.parts import Clients, s3_options, utc_now
from worker.bootstrap.stores import open_stores
from worker.settings import Settings

_PUBLISH_SECONDS = 0.3  # of the second in which a request is answered


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """The objects behind the routes of the gateway."""

    jobs: ClientParts
    presigner: S3Presigner
    uploads: PartUploads
    stores: StoreWatch


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[GatewayParts]:
    """The parts for these settings, with connections until the `with` ends. Raises ConfigurationError."""
    async with AsyncExitStack() as stack:
        jobs = await stack.enter_async_context(open_client(settings, publish_seconds=_PUBLISH_SECONDS))
        await jobs.index()  # opened now: to make its client would delay the first list
        clients = Clients(settings, stack)
        limits = ClientLimits(
            connect_seconds=1,
            read_seconds=60,  # of the completion of an upload; what else is asked has less by the gateway's own limits
            attempts=1,
            connections=20,
            presigns=True,
        )
        client, options = await clients.open("s3", limits), s3_options(settings)
        stores = StoreWatch(*await open_stores(settings, clients, stack), now=utc_now)
        valid_seconds = clients.session.valid_seconds
        presigner = S3Presigner(client, options, valid_seconds)
        yield GatewayParts(jobs, presigner, PartUploads(client, options, valid_seconds), stores)
