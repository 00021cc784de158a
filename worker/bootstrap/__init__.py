"""Makes the objects of the worker, of the commands and of the doctor, and connects them.

The application gets its adapters from here alone. Two are made elsewhere: `worker.logs` opens standard output, and the
demo has clients of its own to make queues and buckets. One stack closes what was opened, in reverse order.
"""

from worker.bootstrap.checks import NamedBucket, open_checks
from worker.bootstrap.commands import Client, open_client, open_index, open_redrive
from worker.bootstrap.identity import identity_of
from worker.bootstrap.parts import utc_now
from worker.bootstrap.run import run_worker
from worker.bootstrap.validation import open_validation

__all__ = [
    "Client",
    "NamedBucket",
    "identity_of",
    "open_checks",
    "open_client",
    "open_index",
    "open_redrive",
    "open_validation",
    "run_worker",
    "utc_now",
]
