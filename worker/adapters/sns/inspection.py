"""What the role may do with the topic, found out without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from worker.adapters.aws.rights import TrialCall, denied_actions
from worker.ports import DependencyMissingError


async def denied_topic_actions(client: Any, topic_arn: str) -> Sequence[str]:
    """The actions that a completion event needs and that the role may not do.

    SNS refuses a message without text, so that nothing is sent.
    Raises DependencyMissingError, DependencyUnavailableError.
    """
    publish = partial(client.publish, TopicArn=topic_arn, Message="")
    missing = {"NotFound": lambda: DependencyMissingError("the topic")}
    return await denied_actions("SNS", [TrialCall("sns:Publish", publish)], missing)
