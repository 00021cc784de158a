"""Where log events and measurements go during a run: the ones to whoever listens, the others nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from prometheus_client.metrics import MetricWrapperBase

from worker import events, metrics

Hear = Callable[[str, Mapping[str, object]], None]  # an event of the catalogue, and its fields


class _Log:
    """Stands where structlog would."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    def info(self, event: str, **fields: object) -> None:
        self._hear(event, fields)

    debug = warning = error = info


class _Mute:
    """Stands where an instrument would: what is measured here took no real time."""

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
_LOUD: dict[str, object] = {**_INSTRUMENTS, "ProgressWrite": metrics.ProgressWrite}
_SILENT: dict[str, object] = {**dict.fromkeys(_INSTRUMENTS, _Mute()), "ProgressWrite": lambda _store: _Mute()}


@contextmanager
def listening(hear: Hear) -> Iterator[None]:
    log = events._log
    events._log = _Log(hear)
    vars(metrics).update(_SILENT)
    try:
        yield
    finally:
        events._log = log
        vars(metrics).update(_LOUD)
