"""Stacks made from the templates on an emulated AWS, and the tools that `make deploy-check` installs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from tests.support import cloudformation, ministack
from tests.support.stack import Stack, aws_clients
from worker.demo.servers import HOST

# The directory of programs. `make deploy-check` sets it, and with it no test may be left out.
_TOOLS = os.environ.get("DEPLOY_TOOLS")

# What neither emulator knows. Tests read these from the templates.
UNKNOWN = frozenset({
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::Logs::QueryDefinition",
})  # fmt: skip
# What an emulator refuses, or passes over in a way that keeps the rest from being made. The other one makes it.
LACKS = {
    "moto": frozenset({
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::ElastiCache::User",
        "AWS::ElastiCache::UserGroup",
        "AWS::CloudWatch::Alarm",
    }),
    "ministack": frozenset({
        "NoWorkerAlarm",  # alarms by metric math
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
        """The stack of cache.yaml; on moto, one that exports the same with values of no meaning."""
        if self.name == "ministack":
            return self.make("cache", **parameters)
        is_iam = parameters["Redis"] == "iam"
        values = {"Endpoint": "cache.example", "Port": "6390", "CacheName": "audio-progress"}
        values |= {"UserName": "audio-worker", "LoginPolicyArn": "arn:aws:iam::aws:policy/X"} if is_iam else {}
        values |= {} if is_iam else {"PasswordArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:p"}
        template = cloudformation.standing_in_for(cloudformation.load("cache"), values)
        return cloudformation.make(self.endpoint, f"{self.environment}-cache", template, {})

    def client(self, service: str) -> Any:
        """A client, for the length of a `with`."""
        return closing(boto3.client(service, endpoint_url=self.endpoint))


@pytest.fixture
def new_emulator(request: pytest.FixtureRequest, unique: Callable[[str], str]) -> Callable[[str], Emulator]:
    """An emulator by its name. Without ministack a test that asks for it is skipped."""

    def new(name: str) -> Emulator:
        endpoint = request.getfixturevalue("aws_endpoint" if name == "moto" else "ministack_endpoint")
        return Emulator(name, endpoint, f"e{abs(hash(unique('e'))) % 10**12}")

    return new


@pytest.fixture(scope="session")
def ministack_endpoint(aws_endpoint: str) -> Iterator[str]:
    """The second emulator. The SDK's variables, which `aws_endpoint` has set, serve for it as well."""
    python = ministack.interpreter()
    if python is None:
        assert _TOOLS is None, "make deploy-check has not installed ministack"
        pytest.skip("needs ministack: make deploy-check")
    with ministack.ministack(python) as server:
        yield f"http://{HOST}:{server.port}"


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """The path of a program. A test that needs one that is not installed is skipped."""

    def find(name: str) -> str:
        found = shutil.which(name, path=_TOOLS) if _TOOLS else None
        if found is None:
            assert _TOOLS is None, f"make deploy-check has not installed {name}"
            pytest.skip(f"needs {name}: make deploy-check")
        return found

    return find


@pytest.fixture
def stack_of_data(new_emulator: Callable[[str], Emulator]) -> Iterator[tuple[Stack, dict[str, str]]]:
    """What data.yaml makes on moto, for a worker without Redis, and the outputs of the stack."""
    emulator = new_emulator("moto")
    made = emulator.make("data")
    with aws_clients(emulator.endpoint) as aws:
        yield (
            Stack(
                aws,
                emulator.endpoint,
                made["QueueUrl"],
                made["DeadLetterQueueUrl"],
                made["TableName"],
                made["SourceBucketName"],
                made["TargetBucketName"],
                redis_port=None,
            ),
            made,
        )
