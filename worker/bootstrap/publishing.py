"""The topic and the bus to which ends of jobs are published, where the settings name them."""

from __future__ import annotations

import random
from typing import Any

from worker.adapters.aws.client import ClientLimits
from worker.adapters.eventbridge.bus import EventBridgeBus
from worker.adapters.sns.topic import SnsTopic
from worker.application.jobs.completion_events import PUBLISH_SECONDS, CompletionEvents
from worker.bootstrap.parts import Clients, utc_now
from worker.ports import EventPublisher
from worker.settings import Settings

_LIMITS = ClientLimits(connect_seconds=1, read_seconds=2, attempts=2, connections=16)


async def completion_events(
    settings: Settings, clients: Clients, *, publish_seconds: float = PUBLISH_SECONDS
) -> CompletionEvents:
    """What publishes the ends of jobs. Raises ConfigurationError."""
    publishers: list[EventPublisher] = []
    if settings.event_topic_arn is not None:
        publishers.append(SnsTopic(await open_sns(clients, settings.event_topic_arn), settings.event_topic_arn))
    if settings.event_bus is not None:
        publishers.append(EventBridgeBus(await open_events(clients, settings.event_bus), settings.event_bus))
    return CompletionEvents(publishers, now=utc_now, random=random.random, publish_seconds=publish_seconds)


async def open_sns(clients: Clients, topic_arn: str) -> Any:
    """A client in the topic's region: SNS takes messages nowhere else."""
    return await clients.open("sns", _LIMITS, region=_region_of(topic_arn))


async def open_events(clients: Clients, bus: str) -> Any:
    """A client in the bus's region, where an ARN says one."""
    return await clients.open("events", _LIMITS, region=_region_of(bus))


def _region_of(name: str) -> str | None:
    return name.split(":")[3] if name.startswith("arn:") else None
