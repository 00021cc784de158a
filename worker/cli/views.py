"""How the progress of a job is shown on standard error: a bar on a terminal, else lines."""

from __future__ import annotations

import os
import sys
from typing import Protocol, Self, TextIO

from worker.cli.console import duration_text, report
from worker.domain.progress import Record

_BAR_COLUMNS = (10, 40)  # the shortest and the longest bar
_GLYPHS = ("━", "─")
_ASCII_GLYPHS = ("#", "-")
_USUAL_COLUMNS = 80
_DUMB = ("", "dumb", "unknown")  # terminals that cannot go back to the beginning of a line


class View(Protocol):
    """How the progress of a job is shown."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def wait(self) -> None:
        """Show that there is no record yet."""

    def show(self, record: Record, *, is_fresh: bool) -> None: ...


def view_of(job_id: str) -> View:
    """The view that suits standard error: a bar on a terminal, else lines."""
    return Bar(job_id, sys.stderr) if _is_terminal() else Lines(job_id)


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in _DUMB


def stage_of(record: Record) -> str:
    return record.stage.value if record.stage else record.status.value


class Lines:
    """A line for each change of stage or of ten percent, for logs, pipes and dumb terminals."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._said: tuple[str, int, bool] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Do nothing."""

    def wait(self) -> None:
        if self._said is None:
            self._said = ("", 0, True)
            report(f"{self._job_id} has no record yet")

    def show(self, record: Record, *, is_fresh: bool) -> None:
        new = (stage_of(record), int(record.percent // 10), is_fresh)
        if new != self._said:
            self._said = new
            left = _time_left(record)
            note = "" if is_fresh else " (may lag)"
            report(f"{record.job_id} {stage_of(record)} {record.percent:g} %{f', {left}' if left else ''}{note}")


class Bar:
    """One line of the terminal `stream`, which is written anew in its place. It is never wider than the terminal."""

    def __init__(self, job_id: str, stream: TextIO) -> None:
        self._job_id = job_id
        self._stream = stream
        self._glyphs = _GLYPHS if _can_show("".join(_GLYPHS), stream) else _ASCII_GLYPHS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.write("\n")
        self._stream.flush()

    def wait(self) -> None:
        self.draw(0.0, "no record yet")

    def show(self, record: Record, *, is_fresh: bool) -> None:
        notes = [stage_of(record)]
        if record.attempt > 1:
            notes.append(f"attempt {record.attempt}")
        if left := _time_left(record):
            notes.append(left)
        if not is_fresh:
            notes.append("may lag")
        self.draw(record.percent, ", ".join(notes))

    def draw(self, percent: float, note: str) -> None:
        """Show so much of the bar, with a note after it."""
        # The last column stays empty: some terminals begin a new line when it is written.
        columns = _columns_of(self._stream) - 1
        # To the beginning of the line, and after the text clear the rest of it.
        self._stream.write(f"\r{bar_line(self._job_id, percent, note, columns, self._glyphs)}\x1b[K")
        self._stream.flush()


class Counter:
    """How many of about `total` are done, as one line of the terminal `stream`; without one it shows nothing."""

    def __init__(self, name: str, total: int, stream: TextIO | None) -> None:
        self._bar = None if stream is None else Bar(name, stream)
        self._total = total

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*error)

    def show(self, done: int, note: str) -> None:
        if self._bar is not None:
            self._bar.draw(100.0 * min(done, self._total) / max(self._total, 1), note)


def counter_of(name: str, total: int) -> Counter:
    """The counter that suits standard error: it shows nothing where that is no terminal."""
    return Counter(name, total, sys.stderr if _is_terminal() else None)


def bar_line(name: str, percent: float, note: str, columns: int, glyphs: tuple[str, str] = _ASCII_GLYPHS) -> str:
    """A line of at most `columns` characters. What does not fit goes: the bar first, then the note, then the name."""
    share = f"{percent:5.1f} %"
    shortest, longest = _BAR_COLUMNS
    room = columns - len(f"{name}    {share}  {note}")
    if room >= shortest:
        length = min(room, longest)
        done = int(length * percent / 100)
        return f"{name}  {glyphs[0] * done}{glyphs[1] * (length - done)}  {share}  {note}"
    for text in (f"{name}  {share}  {note}", f"{name}  {share}"):
        if len(text) <= columns:
            return text
    left = columns - len(share) - 2
    return f"{name[:left]}  {share}" if left > 0 else share.strip()[: max(0, columns)]


def _time_left(record: Record) -> str:
    return "" if record.is_final or record.eta_seconds is None else f"{duration_text(record.eta_seconds)} left"


def _can_show(text: str, stream: TextIO) -> bool:
    try:
        text.encode(stream.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _columns_of(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS
