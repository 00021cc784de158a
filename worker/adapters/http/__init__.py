"""The HTTP server for probes and metrics."""

from worker.adapters.http.listening import CannotListenError
from worker.adapters.http.server import HttpServer

__all__ = ["CannotListenError", "HttpServer"]
