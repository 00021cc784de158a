"""Schedules that once failed, with what they found: they are played for ever.

Kept as values and not as seeds, which would stand for other schedules as soon as the generator changes.
"""

from __future__ import annotations

from tests.simulation.queue_schedule import Incident, Schedule, Script

REGRESSIONS = {
    "two published: one was frozen when DynamoDB had confirmed its claim, and went on when another had it": Schedule(
        seed=6992,
        workers=3,
        scripts=(
            Script(arrives_at=0.52, seconds=0.45, attempts=("fail",), is_submitted=True),
            Script(arrives_at=1.88, seconds=1.82, is_submitted=True),
        ),
        incidents=(Incident(at=3.76, kind="freeze", whom=0, amount=14.0),),
    ),
    "outputs of a cancelled job stayed: of a start that was released over its uploads, and so did not count": Schedule(
        seed=0,
        workers=1,
        scripts=(Script(arrives_at=2.0, seconds=20.0),),
        incidents=(Incident(at=8.0, kind="drain", whom=0), Incident(at=30.0, kind="cancel", whom=0)),
    ),
    "two messages of a job whose worker was killed came to the next one together, and put each other off": Schedule(
        seed=13,
        workers=1,
        scripts=(
            Script(arrives_at=0.35, seconds=1.22, attempts=("stumble", "crash", "well")),
            Script(arrives_at=4.89, seconds=1.42),
        ),
        incidents=(Incident(at=2.46, kind="again", whom=0),),
        in_flight_limit=2,
    ),
}
