"""A port that accepts no connection and refuses none."""

from __future__ import annotations

import socket

from worker.demo.servers import HOST

_NO_ANSWER_SECONDS = 0.1


class BlackHole:
    """Its queue of connections is full, so the kernel drops every further attempt to connect."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self._host = host
        self._sockets = [socket.socket()]
        (listener,) = self._sockets
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        while self._accepts(port):
            pass

    def _accepts(self, port: int) -> bool:
        filler = socket.socket()
        self._sockets.append(filler)
        filler.settimeout(_NO_ANSWER_SECONDS)
        try:
            filler.connect((self._host, port))
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        for each in self._sockets:
            each.close()
