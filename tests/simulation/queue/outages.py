"""Times in which messages wait long: outages of the job table for all workers, and jobs that run for minutes.

In an outage nothing is received, a gentle probe asks, and no job is suspect for it. A message that waits is received a
few times in an hour.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable

from tests.simulation.core.schedule import LinkFault
from tests.simulation.queue.incidents import Redelivery
from tests.simulation.queue.link_faults import place_of
from tests.simulation.queue.schedule import Schedule

_HOUR_SECONDS = 3600.0
_MOST_RECEIVES = 10  # of a message in an hour: common queues move it to the dead-letter queue then
# Between two probes are half a second at first, and a quarter of a minute in the end, at least.
_PROBE_SECONDS = 0.5
_FIRST_PROBES = 10
_LATE_PROBE_SECONDS = 15.0


class TableOutages:
    """Watches the outages of the table. `violated` ends the run. `now` gives times, in seconds after its beginning."""

    def __init__(self, schedule: Schedule, now: Callable[[], float], violated: Callable[[str], None]) -> None:
        self._schedule = schedule
        self._now = now
        self._violated = violated
        self._outages = schedule.outages
        self._began_at: dict[str, float] = {}  # by worker
        self._put_off_at: dict[str, float] = {}  # by worker: since when it knows that a job could not be claimed
        self._receives: defaultdict[LinkFault | None, Counter[tuple[str, int]]] = defaultdict(
            Counter
        )  # by message and hour
        self._probes: defaultdict[LinkFault, Counter[str]] = defaultdict(Counter)  # by worker
        self._probed_at: dict[str, float] = {}

    def _outage_at(self, time: float) -> LinkFault | None:
        return next((each for each in self._outages if each.start <= time < each.end), None)

    def worker_begins(self, worker: str) -> None:
        self._began_at[worker] = self._now()

    def put_off(self, worker: str) -> None:
        """The worker could not claim a job."""
        self._put_off_at[worker] = self._now()

    def polled(self, worker: str, seconds: float) -> None:
        """The worker has received for so many seconds."""
        at = self._now() - seconds
        outage = self._outage_at(at)
        if outage is None:
            return
        knows_since = max(self._began_at[worker], self._put_off_at.get(worker, -math.inf))
        if outage.start < knows_since < at:
            self._violated(f"{worker} receives at {at:.2f} s while it cannot reach the table")

    def message_received(self, message_id: str) -> None:
        """The message was handed out."""
        at = self._now()
        outage = self._outage_at(at)
        if outage is None and not self._schedule.has_long_job:
            return
        hour = int((at - (outage.start if outage else 0)) / _HOUR_SECONDS)
        counts = self._receives[outage]
        counts[message_id, hour] += 1
        if counts[message_id, hour] > _MOST_RECEIVES:
            self._violated(f"{message_id} is received more than {_MOST_RECEIVES} times in an hour")

    def table_probed(self, worker: str) -> None:
        """The worker asked whether the table can be used."""
        at = self._now()
        outage = self._outage_at(at)
        if outage is None:
            return
        last, self._probed_at[worker] = self._probed_at.get(worker, -math.inf), at
        self._probes[outage][worker] += 1
        most = _FIRST_PROBES + (at - outage.start) / _LATE_PROBE_SECONDS
        if at - last < _PROBE_SECONDS or self._probes[outage][worker] > most:
            self._violated(f"{worker} asks a table that is out too often: {self._probes[outage][worker]} times")

    def may_seem_dead(self, worker: str, job: int, *, has_begun: bool, is_draining: bool) -> bool:
        """Whether a worker that lives may have been unable to say how its start of the job ended, or goes on."""
        schedule, place = self._schedule, place_of(worker)
        if schedule.have_clocks_parted or schedule.may_be_held(place):
            return True
        if not schedule.is_hindered(place, -math.inf, math.inf):
            return is_draining and schedule.may_lose_leases(place)
        has_others = schedule.has_other_messages(job) or schedule.has(Redelivery, job)
        is_in_doubt = not has_begun  # a claim of which the worker does not know: its message goes back before that
        return is_in_doubt or is_draining or has_others or schedule.may_lose_leases(place)
