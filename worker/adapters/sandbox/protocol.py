"""The protocol between worker and launcher, over Unix sockets that no other process has.

The worker sends an order with its descriptors over the launcher's socket: the first is one end of a socket of the
order's own. There the launcher, or the new process before it becomes the converter, answers with records. As soon as
the worker closes its end for writing, the process is killed with all that it has started.
"""

from __future__ import annotations

import array
import marshal
import socket
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

_LENGTH = struct.Struct("=I")
_MAX_DESCRIPTORS = 250  # SCM_MAX_FD of Linux is 253


class Order(NamedTuple):
    """A program to start. `numbers` are those that the descriptors behind the order's socket have in the program."""

    program: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    directory: str
    numbers: tuple[int, ...]
    limits: tuple[tuple[int, int], ...]  # by resource
    seccomp: bool
    landlock_abi: int  # 0: without
    executables: tuple[str, ...]
    readable: tuple[str, ...]


class Kind(IntEnum):
    """The kinds of records. `FAILED`: the errno of the step that failed; `ENDED`: the wait status."""

    FAILED = 1
    ENDED = 2


FACTS = struct.Struct("=?B")  # whether there is seccomp, and the version of Landlock: the launcher's first words
RECORD = struct.Struct("=BidQ")  # kind, errno or status, CPU seconds, most memory resident in bytes


def send_order(channel: socket.socket, order: Order, descriptors: Sequence[int]) -> None:
    """Send an order with its descriptors. Raises OSError, also where the launcher has ended."""
    body = marshal.dumps(tuple(order))  # both ends are the same Python
    message = _LENGTH.pack(len(body)) + body
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    sent = channel.sendmsg([message], ancillary)
    channel.sendall(message[sent:])


def receive_order(channel: socket.socket) -> tuple[Order, list[int]] | None:
    """The next order with its descriptors, none of which a new program inherits. None: the worker has ended.

    Raises OSError, and EOFError where the worker has ended within an order.
    """
    descriptors = array.array("i")
    size = socket.CMSG_SPACE(_MAX_DESCRIPTORS * descriptors.itemsize)
    head, ancillary, _, _ = channel.recvmsg(_LENGTH.size, size, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    if not head:
        return None
    for _, _, data in ancillary:
        descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    head += _received(channel, _LENGTH.size - len(head))
    body = _received(channel, *_LENGTH.unpack(head))
    return Order(*marshal.loads(body)), list(descriptors)  # noqa: S302 - only the worker has the other end


def _received(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = channel.recv(size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)
