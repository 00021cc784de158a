"""What the role may do with the bus, found out without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from worker.adapters.aws.rights import TrialCall, denied_actions
from worker.adapters.eventbridge.bus import SOURCE
from worker.ports import DependencyMissingError

_PUT = "events:PutEvents"


async def denied_bus_actions(client: Any, bus: str) -> Sequence[str]:
    """The actions that a completion event needs and that the role may not do.

    EventBridge refuses an entry whose detail is no JSON, so that nothing is sent. Whether the bus exists is asked as
    well, and is left open where the role may not ask.
    Raises DependencyMissingError, DependencyUnavailableError.
    """
    entry = {"EventBusName": bus, "Source": SOURCE, "DetailType": "worker-doctor", "Detail": "no JSON"}
    attempts = [
        TrialCall(_PUT, partial(client.put_events, Entries=[entry])),
        TrialCall("events:DescribeEventBus", partial(client.describe_event_bus, Name=bus)),
    ]
    missing = {"ResourceNotFoundException": lambda: DependencyMissingError("the bus")}
    denied = await denied_actions("EventBridge", attempts, missing)
    return [action for action in denied if action == _PUT]
