"""`worker`, or `python -m worker`."""

import os
import signal
import sys

# First of all: a Ctrl-C that cuts an import short would show where. `worker.interrupts` takes over from here.
signal.signal(signal.SIGINT, lambda *_: os._exit(1))


def main() -> int:
    from worker.cli import main as run  # noqa: PLC0415 - under the handler

    try:
        return run()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is the interpreter's own end


if __name__ == "__main__":
    sys.exit(main())
