"""Where the spans of jobs go, if the environment names a collector."""

from __future__ import annotations

from contextlib import AsyncExitStack
from importlib.util import find_spec

from worker import __version__
from worker.events import SERVICE, Event, emit
from worker.ports import Tracer
from worker.settings import Settings

_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_PROTOCOL = "http/protobuf"


def open_tracer(settings: Settings, name: str, stack: AsyncExitStack) -> Tracer | None:
    """What records spans; None where no collector is named, or where it cannot be reached this way, which is logged.

    The last spans are sent when `stack` closes.
    """
    if settings.otlp_endpoint is None:
        return None
    if problem := _problem(settings):
        emit(Event.TRACING_FAILED, error=problem)
        return None
    try:
        from worker.adapters.otel import OtelTracer  # noqa: PLC0415 - 0.2 s, and packages that may not be there

        tracer = OtelTracer(
            {
                "service.name": SERVICE,
                "service.version": __version__,
                "service.instance.id": name,
                "deployment.environment.name": settings.environment,
            }
        )
    except Exception as exc:  # noqa: BLE001 - a variable of the SDK is wrong, or its packages are: no reason to stop
        emit(Event.TRACING_FAILED, error=str(exc))
        return None
    stack.callback(tracer.close)
    return tracer


def _problem(settings: Settings) -> str | None:
    if any(not _is_installed(name) for name in _NEEDED):
        return "packages are missing; in a clone of the repository: pip install '.[otel]'"
    if settings.otlp_protocol not in {None, _PROTOCOL}:
        return f"OTEL_EXPORTER_OTLP_PROTOCOL is {settings.otlp_protocol}, and only {_PROTOCOL} is spoken here"
    return None


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a package that it is in
        return False
