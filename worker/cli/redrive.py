"""`worker redrive`: dead letters back to the queue, each to begin a new run of its job."""

from __future__ import annotations

from argparse import Namespace

from worker.application.operations.redrive import Redrive, Redriven
from worker.bootstrap.commands import open_redrive
from worker.cli.console import complain, one_line, report, say
from worker.cli.exits import ExitCode
from worker.cli.session import run_with
from worker.cli.views import counter_of
from worker.domain.errors import WorkerError
from worker.ports import DeadLetter
from worker.settings import SUBMIT


def command(arguments: Namespace) -> int:
    return run_with(SUBMIT, open_redrive, lambda redrive: move(redrive, arguments))


async def move(redrive: Redrive, options: Namespace) -> int:
    """Move letters and say how many. Raises DependencyMissingError, NotAllowedError, DependencyUnavailableError."""
    done = Redriven()

    def keep(now: Redriven) -> None:
        nonlocal done
        done = now
        counter.show(now.seen, f"{now.moved} {_moved(options)}")

    total = await redrive.count()
    try:
        with counter_of("dead letters", total) as counter:
            done = await redrive.run(
                code=options.code,
                limit=options.limit,
                is_dry=options.dry_run,
                on_letter=_name if options.dry_run else lambda _: None,
                on_progress=keep,
            )
    except BaseException as exc:
        if not options.dry_run:
            # An exception of another kind, such as Ctrl-C, may have come amid a batch that is not counted yet.
            least = "" if isinstance(exc, WorkerError) else "at least "
            complain(f"{least}{done.moved} of the dead letters were moved back before this")
        raise
    if done.moved == options.limit:  # how many there are behind it is not known
        say(f"{done.moved} {_moved(options)}, as many as --limit says; all others are left")
    else:
        say(f"{done.moved} {_moved(options)}, {done.left} left")
    if done.foreign:
        report(f"{done.foreign} others were not rejected by a worker: SQS moved them, and so can move them back")
    return ExitCode.OK


def _moved(options: Namespace) -> str:
    return "would be moved back" if options.dry_run else "moved back"


def _name(letter: DeadLetter) -> None:
    say("  ".join(one_line(text) for text in (letter.job_id or "-", letter.error_code or "-", letter.error or "-")))
