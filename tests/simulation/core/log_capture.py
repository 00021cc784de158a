"""Log events of a run go to the simulation. Measurements and the context of log lines are discarded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from prometheus_client.metrics import MetricWrapperBase
from structlog.contextvars import bound_contextvars

from worker import events, metrics
from worker.application.consuming import consumer, work

OnEvent = Callable[[str, Mapping[str, object]], None]  # an event of the catalogue, and its fields


class _Log:
    """Takes the place of structlog's logger."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event

    def info(self, event: str, **fields: object) -> None:
        self._on_event(event, fields)

    debug = warning = error = info


class _NoInstrument:
    """Takes the place of an instrument, because there is nothing to measure in virtual time, and of a log context."""

    outcome = ""

    def labels(self, **_labels: str) -> Self:
        return self

    def inc(self, amount: float = 1) -> None: ...

    def observe(self, amount: float) -> None: ...

    def time(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...


_INSTRUMENTS = {name: each for name, each in vars(metrics).items() if isinstance(each, MetricWrapperBase)}
_REAL: dict[str, object] = {**_INSTRUMENTS, "ProgressWrite": metrics.ProgressWrite}
_DISCARDING: dict[str, object] = {
    **dict.fromkeys(_INSTRUMENTS, _NoInstrument()),
    "ProgressWrite": lambda _store: _NoInstrument(),
}


_NOTHING = _NoInstrument()
_BINDING = (consumer, work)  # they bind fields to the context of their log lines


def _bind_nothing(**_fields: object) -> _NoInstrument:
    return _NOTHING


@contextmanager
def captured_events(on_event: OnEvent) -> Iterator[None]:
    log = events._log
    events._log = _Log(on_event)
    vars(metrics).update(_DISCARDING)
    _bind_with(_bind_nothing)
    try:
        yield
    finally:
        _bind_with(bound_contextvars)
        events._log = log
        vars(metrics).update(_REAL)


def _bind_with(bound: Callable[..., object]) -> None:
    for module in _BINDING:
        vars(module)["bound_contextvars"] = bound
