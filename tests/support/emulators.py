"""The stacks of deploy/ on two emulators of AWS, of which each knows what the other does not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]

from tests.support import cloudformation

IMAGE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/worker:1"
# What neither emulator knows. Tests read these from the templates.
UNKNOWN = frozenset({
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::Events::ApiDestination",
    "AWS::Events::Connection",
    "AWS::Logs::QueryDefinition",
})  # fmt: skip
# What an emulator refuses, or ignores in a way that keeps the rest from being made. The other one makes it.
LACKS = {
    "moto": frozenset({
        "WebhookRule",  # its target is an API destination
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::ElastiCache::User",
        "AWS::ElastiCache::UserGroup",
        "AWS::CloudWatch::Alarm",
    }),
    "ministack": frozenset({
        "WebhookRule",
        "NoWorkerAlarm",  # alarms by metric math
        "QueueOldAlarm",
        "WaitingWithoutTasks",
    }),
}  # fmt: skip


@dataclass(frozen=True)
class Emulator:
    """An emulated AWS, and the environment, of which a test has one of its own, whose stacks it makes."""

    name: str
    endpoint: str
    environment: str

    def make(self, template: str, **parameters: str) -> dict[str, str]:
        """Make the stack of a template, less what the emulator does not know; returns its outputs."""
        left = cloudformation.without(cloudformation.load(template), UNKNOWN | LACKS[self.name])
        given = {"Environment": self.environment} | parameters
        return cloudformation.make(self.endpoint, f"{self.environment}-{template}", left, given)

    def make_cache(self, **parameters: str) -> dict[str, str]:
        """Make the stack of cache.yaml; on moto, one that exports the same names with made-up values."""
        if self.name == "ministack":
            return self.make("cache", **parameters)
        is_iam = parameters["Redis"] == "iam"
        values = {"Endpoint": "cache.example", "Port": "6390", "CacheName": "audio-progress"}
        values |= {"Prefix": parameters.get("RedisPrefix", "audio:")}
        values |= {"UserName": "audio-worker", "LoginPolicyArn": "arn:aws:iam::aws:policy/X"} if is_iam else {}
        values |= {} if is_iam else {"PasswordArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:p"}
        template = cloudformation.standing_in_for(cloudformation.load("cache"), values)
        return cloudformation.make(self.endpoint, f"{self.environment}-cache", template, {})

    def client(self, service: str) -> Any:
        """A client that is closed after the `with`."""
        return closing(boto3.client(service, endpoint_url=self.endpoint))


class Deployed:
    """All stacks of one environment."""

    def __init__(self, emulator: Emulator, **parameters: str) -> None:
        self.emulator = emulator
        self.network = emulator.make("network", **parameters)
        self.data = emulator.make("data", **parameters)
        self.monitoring = emulator.make("monitoring", **({"LogGroup": f"/{emulator.environment}"} | parameters))
        has_redis = parameters.get("Redis", "off") != "off"
        self.cache = emulator.make_cache(**parameters) if has_redis else {}
        self.service = emulator.make("service", **({"Image": IMAGE} | parameters))

    def container(self) -> dict[str, Any]:
        """The definition of the service's only container."""
        with self.emulator.client("ecs") as ecs:
            task = ecs.describe_task_definition(taskDefinition=f"{self.emulator.environment}-worker")["taskDefinition"]
        (container,) = task["containerDefinitions"]
        found: dict[str, Any] = container
        return found

    def described(self) -> dict[str, Any]:
        """The description of the service."""
        names = (self.service["ClusterName"], [self.service["ServiceName"]])
        with self.emulator.client("ecs") as ecs:
            (service,) = ecs.describe_services(cluster=names[0], services=names[1])["services"]
            found: dict[str, Any] = service
            return found

    def environment(self) -> dict[str, str]:
        """What the worker sees, with the secrets that ECS puts in."""
        container = self.container()
        secrets = {each["name"]: "the secret" for each in container.get("secrets", [])}
        variables = [each for each in container["environment"] if each]  # moto keeps a None for what is left out
        return {each["name"]: each["value"] for each in variables} | secrets


Deploy = Callable[..., Deployed]
