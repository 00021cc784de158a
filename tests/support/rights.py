"""Calls of a role on the wire, beside what its policy allows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]

from tests.support.aws import REGION
from tests.support.fault_proxy import FaultProxy
from tests.support.iam import Grant, Right, grants_of, rights_of
from tests.support.stack import Stack

ACCOUNT = "123456789012"  # moto's


@dataclass
class Scene:
    """A stack of data.yaml behind a proxy that records each call, and another way to it that is not recorded."""

    stack: Stack
    behind: Stack
    proxy: FaultProxy
    outputs: dict[str, str]

    def policy(self, role: str) -> dict[str, Any]:
        """The policy that the template has made for the role."""
        arn = self.outputs[f"{role.capitalize()}PolicyArn"]
        with closing(boto3.client("iam", endpoint_url=self.behind.endpoint)) as client:
            version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document: dict[str, Any] = client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
                "Document"
            ]
            return document

    def judge(self, role: str, *more: Right) -> tuple[set[Right], set[tuple[str, str]]]:
        """The rights that were needed and are not allowed, and the actions that are allowed and were not needed.

        `more` are needed beside those that the calls show.
        """
        return self.judge_grants(grants_of(self.policy(role)), *more)

    def judge_grants(self, grants: Sequence[Grant], *more: Right) -> tuple[set[Right], set[tuple[str, str]]]:
        """Judge rights that are given in another way, as `judge` does."""
        needed = {right for call in self.proxy.calls for right in rights_of(call, ACCOUNT, REGION)} | set(more)
        denied = {right for right in needed if not any(grant.allows(right) for grant in grants)}
        unused = {(grant.sid, grant.action) for grant in grants if not any(grant.allows(right) for right in needed)}
        return denied, unused
