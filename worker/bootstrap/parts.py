"""What the worker and the commands have in common: clients and the clock."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from worker.adapters.aws import client as aws
from worker.adapters.aws.client import ClientLimits
from worker.adapters.aws.session import AwsSession, SdkConfigurationError
from worker.adapters.s3.options import S3Options
from worker.settings import ConfigurationError, Fault, Settings


def utc_now() -> datetime:
    """The wall-clock time in whole milliseconds, as records show it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Clients:
    """Opens AWS clients on one session. The stack closes them."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        try:
            self.session = AwsSession(settings.profile_variable)
        except SdkConfigurationError as exc:
            raise _refused(exc) from exc
        self._region = settings.region
        self._stack = stack

    async def open(self, service: str, limits: ClientLimits, *, region: str | None = None) -> Any:
        """A client for that region, by default the one of the settings. Raises ConfigurationError."""
        try:
            await self.session.check_files()
            return await self._stack.enter_async_context(
                aws.open_client(self.session.session, service, limits, region=region or self._region)
            )
        except SdkConfigurationError as exc:
            raise _refused(exc) from exc


def _refused(error: SdkConfigurationError) -> ConfigurationError:
    return ConfigurationError(Fault((error.variable,), error.problem))


def s3_limits(*, jobs: int) -> ClientLimits:
    """The limits of a client for so many jobs at once: each has a download, or an upload with two parts in flight."""
    return ClientLimits(connect_seconds=3, read_seconds=30, attempts=4, connections=2 * jobs + 4)


def s3_options(settings: Settings) -> S3Options:
    """What the settings add to the calls to S3."""
    return S3Options(
        request_payer=settings.s3_request_payer,
        sse=settings.s3_sse,
        kms_key_id=settings.s3_kms_key_id,
        acl=settings.s3_acl,
        storage_class=settings.s3_storage_class,
    )
