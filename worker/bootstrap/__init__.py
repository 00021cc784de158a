"""The one place where objects are made and plugged together.

Opening order is reading order, and one stack closes everything in reverse. Each port's variable carries the port's
type: that is where it is proved that the adapter fits.
"""

from worker.bootstrap.checks import open_checks
from worker.bootstrap.commands import Client, open_client
from worker.bootstrap.parts import utc_now
from worker.bootstrap.run import run_worker

__all__ = ["Client", "open_checks", "open_client", "run_worker", "utc_now"]
