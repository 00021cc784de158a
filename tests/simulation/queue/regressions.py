"""Schedules that once failed, with what they found.

They are kept as values and not as seeds: a seed stands for another schedule as soon as the generator changes.
"""

from __future__ import annotations

from tests.simulation.queue.schedule import CancelRequest, Drain, Freeze, Schedule, Script, SendAgain

REGRESSIONS = {
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
}
