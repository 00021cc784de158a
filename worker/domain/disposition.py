"""What the queue does with a message whose handling is over.

The handler returns a disposition; only the consumer settles it, at most once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from worker.domain.backoff import Backoff
from worker.domain.errors import JobError
from worker.domain.progress import FIRST_RUN

# From seconds up to a quarter of an hour. With its floor, five attempts take longer than five minutes, and ten
# receives of a message longer than an hour: queues that move a message to the dead-letter queue after ten are common.
RETRY_BACKOFF = Backoff(first_seconds=5, factor=4, cap_seconds=900, floor=0.75)
_MOST_REFUSED = 100


@dataclass(frozen=True, slots=True)
class Ack:
    """Done: delete the message."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Make the message visible again after `delay_seconds`: an attempt failed, or the job runs elsewhere."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Reject:
    """Move the message to the dead-letter queue, with the reason. `attempt` and `run` are of the job.

    It is not retried in this run. `attempt` is None for a body that is no job. `refused_too` are the other records of
    a notification that are no jobs, of which nothing else says why.
    """

    error: JobError
    job_id: str | None = None
    attempt: int | None = None
    run: int = FIRST_RUN
    refused_too: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """Make the message visible again at once, because we stop. The start does not count as an attempt."""


@dataclass(frozen=True, slots=True)
class Forfeit:
    """Touch nothing: the delivery is no longer ours."""


Disposition = Ack | Retry | Reject | Release | Forfeit


def combined(ends: Sequence[Disposition]) -> Disposition:
    """How a delivery of several jobs ends, such that none of them is lost.

    A delivery that is not ours, or is given back, ends so, and the other jobs do not matter. As long as one job has to
    be tried again the message comes back for it, after the longest of the delays: a shorter one would cut another
    job's back-off and use up its attempts. The jobs that are final by then are not done again, and one that failed is
    rejected then. The dead letter names the first that failed. The log names also those of the others that are no
    jobs, up to a hundred: S3 puts few records into a notification, and another producer could fill the log.
    """
    for kind in (Forfeit, Release):
        if any(isinstance(end, kind) for end in ends):
            return kind()
    delays = [end.delay_seconds for end in ends if isinstance(end, Retry)]
    if delays:
        return Retry(max(delays))
    rejections = [end for end in ends if isinstance(end, Reject)]
    if not rejections:
        return Ack()
    refused = (each for each in rejections[1:] if each.attempt is None)
    return replace(rejections[0], refused_too=tuple(islice(refused, _MOST_REFUSED - 1)))
