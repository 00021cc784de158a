"""Schedules that once failed, with what they found.

They are kept as values and not as seeds: a seed stands for another schedule as soon as the generator changes.
"""

from __future__ import annotations

from tests.simulation.core.faults import REFUSED, SILENT, UNACKNOWLEDGED, UNANSWERED
from tests.simulation.core.schedule import LinkFault
from tests.simulation.queue.incidents import (
    CancelRequest,
    ClockJump,
    Drain,
    Freeze,
    Redelivery,
    RetryRequest,
    SendAgain,
    Starvation,
)
from tests.simulation.queue.link_faults import DELAYED
from tests.simulation.queue.schedule import Schedule, Script

REGRESSIONS = {
    "a job stalled over its end, which had arrived without an answer: the next end was refused, rightly": Schedule(
        seed=6206,
        workers=2,
        scripts=(
            Script(arrives_at=6.14, seconds=0.41, group="a"),
            Script(arrives_at=2.24, seconds=4.77, group="b"),
            Script(arrives_at=9.8, seconds=1.52, attempts=("well", "well", "well"), group="a"),
        ),
        incidents=(LinkFault(7.46, 26.81, ("w0", "w1", "somebody"), "table", UNACKNOWLEDGED),),
    ),
    "a worker stopped over an end that had arrived without an answer: its release was refused, and nothing was lost": (
        Schedule(
            seed=0,
            workers=1,
            scripts=(Script(arrives_at=2.0, seconds=8.0),),
            incidents=(LinkFault(10.1, 20.5, ("w0", "somebody"), "table", UNACKNOWLEDGED), Drain(at=5.0, worker=0)),
        )
    ),
    "two published: one was frozen when DynamoDB had confirmed its claim, and went on when another had it": Schedule(
        seed=6992,
        workers=3,
        scripts=(
            Script(arrives_at=0.52, seconds=0.45, attempts=("fail",), is_submitted=True),
            Script(arrives_at=1.88, seconds=1.82, is_submitted=True),
        ),
        incidents=(Freeze(at=3.76, worker=0, seconds=14.0),),
    ),
    "outputs of a cancelled job stayed: of a start that was released over its uploads, and so did not count": Schedule(
        seed=0,
        workers=1,
        scripts=(Script(arrives_at=2.0, seconds=20.0),),
        incidents=(Drain(at=8.0, worker=0), CancelRequest(at=30.0, job=0)),
    ),
    "an end that waited for the table, and then for the topic, was put off by its age since it happened": Schedule(
        seed=4204,
        workers=3,
        scripts=(
            Script(arrives_at=9.71, seconds=1.91, attempts=("fail", "well"), is_submitted=True),
            Script(arrives_at=0.52, seconds=3.47, attempts=("fail", "well")),
        ),
        incidents=(
            LinkFault(10.42, 31.69, ("w0", "w1", "w2", "somebody"), "table", SILENT),
            LinkFault(19.61, 46.61, ("w0", "w1", "w2"), "events", REFUSED),
        ),
        in_flight_limit=2,
    ),
    "two messages of a job whose worker was killed came to the next one together, and put each other off": Schedule(
        seed=13,
        workers=1,
        scripts=(
            Script(arrives_at=0.35, seconds=1.22, attempts=("stumble", "crash", "well")),
            Script(arrives_at=4.89, seconds=1.42),
        ),
        incidents=(SendAgain(at=2.46, job=0),),
        in_flight_limit=2,
    ),
    "late: a fault of a second put off for minutes a message that had been received four times": Schedule(
        seed=1268,
        workers=2,
        scripts=(
            Script(arrives_at=4.89, seconds=3.56, is_submitted=True),
            Script(arrives_at=0.04, seconds=7.03, attempts=("well", "well", "well")),
        ),
        incidents=(
            LinkFault(16.16, 17.25, ("w0", "w1", "somebody"), "table", SILENT),
            Redelivery(at=6.32, job=0),
            Redelivery(at=11.29, job=0),
        ),
        in_flight_limit=2,
    ),
    "suspect for a worker that lived: its lease was lost at the end of its drain, and nothing was recorded": (
        Schedule(
            seed=21542,
            workers=2,
            scripts=(
                Script(arrives_at=8.63, seconds=11.96),
                Script(arrives_at=9.87, seconds=2.16, attempts=("stumble", "well", "well")),
                Script(arrives_at=1.45, seconds=0.3, is_submitted=True),
            ),
            incidents=(Drain(at=15.26, worker=1), Redelivery(at=22.31, job=0)),
        )
    ),
    "late: the end of a lost attempt was not recorded, because one of its ticks came between": Schedule(
        seed=21527,
        workers=2,
        scripts=(
            Script(arrives_at=7.49, seconds=1.91),
            Script(arrives_at=4.74, seconds=6.18),
            Script(arrives_at=7.38, seconds=2.67),
        ),
        incidents=(
            LinkFault(11.48, 12.64, ("w0", "w1", "somebody"), "queue", DELAYED, 0.3),
            ClockJump(at=4.49, worker=1, seconds=-20.0),
            Freeze(at=8.99, worker=0, seconds=20.0),
            CancelRequest(at=7.4, job=0),
        ),
    ),
    "a start that never was: of a message that a frozen worker read when its lease was over": Schedule(
        seed=3388,
        workers=2,
        scripts=(
            Script(arrives_at=1.79, seconds=14.35, attempts=("fail", "well", "well")),
            Script(arrives_at=6.96, seconds=0.16),
            Script(arrives_at=6.28, seconds=1.92, attempts=("crash", "hang", "well")),
        ),
        incidents=(Freeze(at=2.7, worker=0, seconds=14.0),),
    ),
    "a start that never was: its lease was lost while DynamoDB did not answer the claim": Schedule(
        seed=5079,
        workers=2,
        scripts=(
            Script(arrives_at=5.68, seconds=0.27, attempts=("well", "well", "hang"), is_submitted=True),
            Script(arrives_at=8.54, seconds=0.25, attempts=("hang", "hang", "stumble")),
        ),
        incidents=(LinkFault(5.68, 11.48, ("w0", "w1", "somebody"), "table", UNANSWERED), Redelivery(at=9.07, job=1)),
    ),
    "too late: three workers saw the claim of a dead one whose clock was fast, a quarter of an hour apart": Schedule(
        seed=21722,
        workers=3,
        scripts=(
            Script(arrives_at=6.94, seconds=2.32, attempts=("fail", "crash", "well", "well"), group="a"),
            Script(arrives_at=4.01, seconds=0.39, attempts=("stumble", "crash", "well"), group="a"),
            Script(arrives_at=0.64, seconds=5.99, attempts=("fail", "well"), is_submitted=True, group="a"),
        ),
        incidents=(
            LinkFault(5.81, 68.89, ("w0", "w1", "w2", "somebody"), "table", REFUSED),
            ClockJump(at=23.26, worker=2, seconds=3600.0),
            Starvation(at=22.26, worker=2, seconds=10.0, hold=1.5),
            RetryRequest(at=58.42, job=2),
        ),
        in_flight_limit=2,
    ),
}
