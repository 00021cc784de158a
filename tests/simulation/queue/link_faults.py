"""The faults of connections in the queue simulation: which there are, and how they are drawn."""

from __future__ import annotations

import random

from tests.simulation.core.faults import (
    FORBIDDEN,
    LATE,
    OVERDUE,
    REFUSED,
    SILENT,
    SLOW,
    THROTTLED,
    UNACKNOWLEDGED,
    UNANSWERED,
    Fault,
    Request,
)
from tests.simulation.core.schedule import LinkFault
from tests.simulation.core.stores import REDIS, TABLE

SOMEBODY = "somebody"  # who asks for cancellations
QUEUE, S3 = "queue", "s3"  # services
_SPAN_SECONDS = 25.0  # in which faults and incidents begin
_DELAY_SECONDS = 4.0


def _delayed(_: Request) -> float:
    return _DELAY_SECONDS


DELAYED = Fault("DELAYED", arrives=_delayed)
PARTIAL = Fault("PARTIAL")  # of a batch, the second half fails


def worker_at(place: int) -> str:
    """The name by which the faults of a schedule know the workers of this place, one after the other."""
    return f"w{place}"


def place_of(worker: str) -> int:
    """The place of a worker by its own name, which has its number behind that of its place."""
    return int(worker[1:].partition(".")[0])


_SERVICES = (QUEUE, QUEUE, TABLE, REDIS)
_FAULTS: dict[str, tuple[Fault, ...]] = {
    QUEUE: (REFUSED, UNACKNOWLEDGED, SILENT, DELAYED, PARTIAL),
    TABLE: (REFUSED, UNACKNOWLEDGED, SILENT, LATE, OVERDUE, UNANSWERED, THROTTLED),
    REDIS: (REFUSED, UNACKNOWLEDGED, SILENT),
}
_FAULTS_OF_S3 = (REFUSED, UNACKNOWLEDGED, SILENT, SLOW, UNANSWERED)
_OUTAGES = (REFUSED, SILENT, THROTTLED, FORBIDDEN)


def is_outage_of_the_table(each: LinkFault, workers: int) -> bool:
    """Whether no worker reaches the job table while the fault lasts."""
    is_whole = each.service == TABLE and each.fault in _OUTAGES and each.probability >= 1.0
    return is_whole and {*map(worker_at, range(workers))} <= {*each.who}


def link_fault(dice: random.Random, workers: int) -> LinkFault:
    """Some of the requests of a worker, or of all, to a service go wrong for seconds."""
    service = dice.choice(_SERVICES)
    start = moment(dice)
    end = start + dice.choice((1.0, 8.0, 20.0)) * dice.uniform(0.2, 1.2)
    fault = dice.choice(_FAULTS[service])
    everybody = (*map(worker_at, range(workers)), SOMEBODY)
    who = dice.choice((everybody, *((worker_at(place),) for place in range(workers))))
    return LinkFault(start, round(end, 2), who, service, fault, dice.choice((0.3, 1.0)))


def outage_of_the_table(dice: random.Random, workers: int) -> LinkFault:
    """No party reaches the job table, for minutes, or seldom for hours, which take as long as a hundred other runs."""
    start = moment(dice)
    (longest,) = dice.choices((120.0, 900.0, 4000.0, 8000.0), (16, 8, 1, 1))
    end = start + longest * dice.uniform(0.5, 1.0)
    who = (*map(worker_at, range(workers)), SOMEBODY)
    return LinkFault(start, round(end, 2), who, TABLE, dice.choice(_OUTAGES))


def fault_of_a_claim(dice: random.Random, workers: int, arrives_at: float) -> LinkFault:
    """Around the first claim of a job, all that is asked of DynamoDB is done, and its answers fail."""
    end = round(arrives_at + dice.choice((0.5, 2.0, 6.0)) * dice.uniform(0.5, 1.5), 2)
    who = (*map(worker_at, range(workers)), SOMEBODY)
    return LinkFault(arrives_at, end, who, TABLE, dice.choice((UNANSWERED, UNACKNOWLEDGED, OVERDUE)))


def fault_of_s3(dice: random.Random, workers: int) -> LinkFault:
    """Calls to S3 go wrong for seconds. None arrives late: nothing fences S3, and no worker could call it back."""
    start = moment(dice)
    end = round(start + dice.choice((1.0, 8.0, 20.0)) * dice.uniform(0.2, 1.2), 2)
    who = (worker_at(dice.randrange(workers)),) if dice.random() < 0.5 else (*map(worker_at, range(workers)),)
    return LinkFault(start, end, who, S3, dice.choice(_FAULTS_OF_S3), dice.choice((0.3, 1.0)))


def moment(dice: random.Random) -> float:
    """When a fault or an incident begins."""
    return round(dice.uniform(0, _SPAN_SECONDS), 2)
