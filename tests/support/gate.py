"""A port in front of a server that can be open, open with TLS, shut, or a black hole; all on the same number."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from worker.demo.servers import HOST, free_port

_CHUNK_BYTES = 64 * 1024
_NO_ANSWER_SECONDS = 0.1


class Gate:
    """Passes bytes on to `target_port`, and ends TLS where it is told to. Shut, it refuses.

    `delay_seconds` gives the time by which each piece of an answer is late.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.delay_seconds: Callable[[], float] | None = None
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port, ssl=tls)

    async def shut(self) -> None:
        """Listen no more, and cut all connections."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await asyncio.sleep(0)
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        ways = [
            asyncio.create_task(_pass(reader, inner_writer)),
            asyncio.create_task(_pass(inner_reader, writer, self.delay_seconds)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            inner_writer.transport.abort()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: Callable[[], float] | None = None
) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            if delay_seconds is not None:
                await asyncio.sleep(delay_seconds())
            writer.write(chunk)
            await writer.drain()


class BlackHole:
    """A port that swallows what is sent to it: its queue of connections is full, so that the kernel drops the rest."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self._host = host
        self._sockets = [socket.socket()]
        (listener,) = self._sockets
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        while self._has_room(port):
            pass

    def _has_room(self, port: int) -> bool:
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


class Certificate:
    """A throw-away certificate for 127.0.0.1, that signs itself."""

    def __init__(self, directory: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.file = directory / "certificate.pem"
        self.file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )

    def server(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file)
        return context

    def client(self) -> ssl.SSLContext:
        """A context that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.file))
