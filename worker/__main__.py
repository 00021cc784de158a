"""`worker`, or `python -m worker`."""

import os
import signal
import sys


def _end(*_signal: object) -> None:
    try:
        if sys.argv[1:2] == ["watch"]:
            os.write(2, b"worker: no longer watching; the job goes on\n")
    finally:  # also where standard error is closed
        os._exit(130)  # as shells report a SIGINT


# Before all imports, because a Ctrl-C in the middle of one prints a traceback. `worker.interrupts` handles it later.
signal.signal(signal.SIGINT, _end)


def main() -> int:
    from worker.cli import main as run  # noqa: PLC0415 - after the handler is set

    try:
        return run()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the exit of the interpreter follows


if __name__ == "__main__":
    sys.exit(main())
