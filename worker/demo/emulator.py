"""moto's server with two things put right: a conditional write to DynamoDB is one step, and nothing stops it.

moto looks at the condition, then changes the item attribute by attribute, while each request has a thread of its own:
of two workers that claim a job at the same moment, both may win, and a reader may see half an item.
A full garbage collection of its many objects holds all answers up for 50 to 90 ms, once in some hundred requests.
"""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.server import main

_LOCK = threading.RLock()


def _in_one_step(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def locked(*arguments: Any, **options: Any) -> Any:
        with _LOCK:
            return copy.deepcopy(call(*arguments, **options))

    return locked


if __name__ == "__main__":
    for name in ("get_item", "put_item", "update_item", "delete_item"):
        setattr(DynamoDBBackend, name, _in_one_step(getattr(DynamoDBBackend, name)))
    gc.set_threshold(700, 10, 1_000_000)  # young objects are collected as ever
    main()
