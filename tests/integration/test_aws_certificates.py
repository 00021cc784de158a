"""Whose certificates are taken for those of AWS: on the direct way, through a proxy, and of STS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aioboto3
import pytest
from aiobotocore.config import AioConfig
from botocore.config import Config
from botocore.exceptions import SSLError

from tests.support.certificate import Certificate
from tests.support.connect_proxy import a_connect_proxy
from tests.support.fault_proxy import FaultProxy
from worker.adapters.aws.client import open_client
from worker.adapters.aws.session import AwsSession
from worker.adapters.aws.tls import CheckedHttp, CheckedSession
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.demo.servers import HOST

ANOTHER_NAME = {"host": "127.0.0.2"}
NAME_IN_DIRECTORY = "38f0f5c9.0"  # OpenSSL's hash of the subject of a Certificate: `openssl x509 -hash`


@pytest.fixture(params=["directly", "through a proxy"])
async def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str] | None]:
    """What a proxy was asked to connect to; None where there is none."""
    if request.param == "directly":
        yield None
        return
    targets: list[str] = []
    async with a_connect_proxy(targets) as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        yield targets


@asynccontextmanager
async def a_server(certificate: Certificate, came: list[object]) -> AsyncIterator[str]:
    """The URL of a server with that certificate. Each connection that takes it is added to `came`."""

    def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        writer.close()

    async with await asyncio.start_server(close, HOST, 0, ssl=certificate.server()) as server:
        yield f"https://{HOST}:{server.sockets[0].getsockname()[1]}"


async def list_queues(session: aioboto3.Session) -> None:
    async with open_client(session, "sqs", CONTROL_LIMITS) as client:
        await client.list_queues()


@pytest.mark.parametrize("in_directory", [False, True])
async def test_a_certificate_of_the_endpoint_is_taken(
    in_directory: bool,
    way: list[str] | None,
    aws_endpoint: str,
    aws_session: aioboto3.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = Certificate(tmp_path)
    (tmp_path / NAME_IN_DIRECTORY).write_bytes(certificate.file.read_bytes())
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path if in_directory else certificate.file))
    with FaultProxy(aws_endpoint).running(certificate.server()) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)

        await list_queues(aws_session)

        assert endpoint.seen("ListQueues")
        assert way is None or set(way) == {f"127.0.0.1:{endpoint.port}"}


@pytest.mark.parametrize("shown", [ANOTHER_NAME, {"days": (-9, -1)}, {}], ids=["another name", "expired", "untrusted"])
async def test_a_certificate_that_is_not_the_endpoints_gets_no_request(
    shown: dict[str, object],
    way: list[str] | None,
    aws_session: aioboto3.Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = Certificate(tmp_path, **shown)  # type: ignore[arg-type]
    if shown:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.file))
    came: list[object] = []
    async with a_server(certificate, came) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

        with pytest.raises(SSLError):
            await list_queues(aws_session)

    assert not came
    assert way is None or way


async def test_an_empty_ca_bundle_is_as_none_and_the_usual_authorities_are_asked_for(
    way: list[str] | None, aws_session: aioboto3.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "")
    came: list[object] = []
    async with a_server(Certificate(tmp_path), came) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

        with pytest.raises(SSLError):
            await list_queues(aws_session)

    assert not came
    assert way is None or way


@pytest.mark.usefixtures("aws_endpoint")
async def test_sts_is_asked_for_a_role_only_where_its_certificate_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate(tmp_path, **ANOTHER_NAME)  # type: ignore[arg-type]
    role = "role_arn = arn:aws:iam::123456789012:role/worker\nsource_profile = keys\n"
    keys = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (tmp_path / "config").write_text(f"[default]\n{role}[profile keys]\n{keys}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.file))
    came: list[object] = []
    async with a_server(certificate, came) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)

        problem = await AwsSession().problem()

    assert problem is not None
    assert "SSLError" in problem
    assert not came


@pytest.mark.parametrize("config", [None, Config(connect_timeout=7), AioConfig(connect_timeout=7)])
async def test_every_client_of_the_session_checks_certificates(config: Config | None) -> None:
    async with CheckedSession().create_client("sso", region_name="eu-central-1", config=config) as client:
        assert isinstance(client._endpoint.http_session, CheckedHttp)
        assert config is None or client.meta.config.connect_timeout == 7
