"""The pages of a list of jobs: which one a request asks for, and the link to the next (RFC 8288)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from pydantic import StringConstraints

from worker.application.operations.listing import Positions
from worker.domain.job import JOB_ID
from worker.domain.progress import Status
from worker.ports import ListPosition

_STATUSES = "|".join(status.value for status in Status)
# Fourteen digits of milliseconds are before the year 9999, where Python's times end.
_POSITION = rf"^({_STATUSES}):[0-9]{{1,14}}:{JOB_ID.regex}$"

After = Annotated[
    list[Annotated[str, StringConstraints(pattern=_POSITION)]] | None,
    Query(description="Where a page begins, as in the `Link` of the page before it.", max_length=len(Status)),
]


def positions_of(after: Sequence[str]) -> Positions:
    """The positions in the parameters of a request, each of which is `status:milliseconds:job_id`."""
    positions = {}
    for text in after:
        status, milliseconds, job_id = text.split(":")
        positions[Status(status)] = ListPosition(datetime.fromtimestamp(int(milliseconds) / 1000, UTC), job_id)
    return positions


def link_to_next(status: Status | None, limit: int, positions: Positions) -> str:
    """The value of a `Link` header. Its target is relative, as that of `Location` is."""
    query = [("limit", str(limit)), *((("status", status.value),) if status else ())]
    query += [("after", _text_of(each, position)) for each, position in positions.items()]
    return f'</jobs?{urlencode(query, safe=":")}>; rel="next"'


def _text_of(status: Status, position: ListPosition) -> str:
    return f"{status.value}:{round(position.status_at.timestamp() * 1000)}:{position.job_id}"
