"""Works out once a process what is read from a message, and what is written of it to be kept.

The messages of all schedules are few, and these functions depend on nothing but their arguments, which do not change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from worker.application.jobs import claims, delivery_handler, job_runs
from worker.application.messages.envelope import open_envelope
from worker.application.messages.message import message_to_keep

_MESSAGES = 256
_open_envelope = lru_cache(_MESSAGES)(open_envelope)
_message_to_keep = lru_cache(_MESSAGES)(message_to_keep)
_CACHED = (
    (delivery_handler, "open_envelope", _open_envelope),
    (claims, "message_to_keep", _message_to_keep),
    (job_runs, "message_to_keep", _message_to_keep),
)


@contextmanager
def messages_read_once() -> Iterator[None]:
    """Let the worker's code call these functions by way of a cache inside the `with`."""
    for module, name, cached in _CACHED:
        setattr(module, name, cached)
    try:
        yield
    finally:
        for module, name, cached in _CACHED:
            setattr(module, name, cached.__wrapped__)
