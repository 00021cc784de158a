"""Keys in the SDK's files that another program replaces while the process runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.credentials import key_of, until_key_is
from tests.support.scripted_http import scripted_http
from tests.support.waiting import wait_until
from worker.adapters.aws.session import AwsSession, ChainCredentials

SECRET = "aws_secret_access_key = secret\n"
PARTS_OF_A_FILE = ["", "[default\n", "[default]\n", "[default]\naws_access_key_id = half\n"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the keys, which the SDK's chain reads first."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "config").write_text("")
    file = tmp_path / "credentials"
    file.write_text(_keys("first"))
    return file


@pytest.fixture
def file_of_a_role(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the keys that the profile's role is assumed with."""
    role = "role_arn = arn:aws:iam::123456789012:role/worker\nsource_profile = default\n"
    (file.parent / "config").write_text(f"[profile worker]\n{role}")
    monkeypatch.setenv("AWS_PROFILE", "worker")
    return file


@pytest.fixture
async def agent(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """A container's agent, which the chain asks where no file has keys; the requests that it got."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        expiration = "2099-01-01T00:00:00Z"
        keys = {"AccessKeyId": "of-the-instance", "SecretAccessKey": "s", "Token": "t", "Expiration": expiration}
        return web.json_response(keys)

    async with scripted_http(answer) as url:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/credentials")
        yield asked


@pytest.mark.parametrize("part", ["", "[default\n"])
async def test_keys_in_a_file_are_read_again_when_it_has_been_written(part: str, file: Path) -> None:
    credentials = await _credentials()

    assert await key_of(credentials) == "first"
    _replace(file, _keys("second"))
    assert await key_of(credentials) == "second"
    _replace(file, part)
    assert await key_of(credentials) == "second"
    _replace(file, _keys("third"))
    assert await key_of(credentials) == "third"


@pytest.mark.parametrize("part", PARTS_OF_A_FILE)
async def test_while_a_file_is_written_no_other_provider_is_asked_for_its_keys(
    part: str, file: Path, agent: list[str]
) -> None:
    credentials = await _credentials()
    assert await key_of(credentials) == "first"

    file.write_text(part)
    assert [await key_of(credentials) for _ in range(3)] == ["first"] * 3
    file.write_text(_keys("second"))

    assert await key_of(credentials) == "second"
    assert agent == []


async def test_without_keys_in_any_file_the_agent_is_asked(file: Path, agent: list[str]) -> None:
    file.write_text("")

    assert await key_of(await _credentials()) == "of-the-instance"
    assert agent == ["/credentials"]


async def test_keys_that_a_role_is_assumed_with_are_read_again(file_of_a_role: Path, sts: list[str]) -> None:
    credentials = await _credentials()
    assert [await key_of(credentials) for _ in range(2)] == ["role-of-first"] * 2

    file_of_a_role.write_text(_keys("second"))

    await until_key_is(credentials, "role-of-second")
    assert sts == ["first", "second"]


@pytest.mark.parametrize("part", [*PARTS_OF_A_FILE, "[default]\naws_access_key_id = refused\n" + SECRET])
async def test_an_assumed_role_is_used_until_the_new_keys_may_assume_it(
    part: str, file_of_a_role: Path, sts: list[str]
) -> None:
    credentials = await _credentials()
    assert await key_of(credentials) == "role-of-first"

    file_of_a_role.write_text(part)
    assert [await key_of(credentials) for _ in range(3)] == ["role-of-first"] * 3
    file_of_a_role.write_text(_keys("second"))

    await until_key_is(credentials, "role-of-second")


async def test_a_version_without_keys_is_not_read_for_each_request(files: Files) -> None:
    credentials = files.credentials()
    await key_of(credentials)
    files.version, files.holds = 2, None

    for _ in range(20):
        assert await key_of(credentials) == "first"

    assert files.reads == 1


async def test_a_version_without_keys_is_read_again_after_a_second(files: Files) -> None:
    credentials = files.credentials()
    await key_of(credentials)
    files.version, files.holds = 2, None
    assert await key_of(credentials) == "first"

    files.holds = "second"  # written within one tick of the clock of the file system
    await until_key_is(credentials, "second")

    assert files.reads == 2


async def test_requests_go_on_with_the_old_keys_while_the_new_ones_do_not_come(files: Files) -> None:
    credentials = files.credentials()
    await key_of(credentials)
    files.version, files.holds = 2, "second"
    files.may_read.clear()

    async with asyncio.timeout(5):
        for _ in range(200):
            assert await key_of(credentials) == "first"
    files.may_read.set()
    await until_key_is(credentials, "second")

    assert files.reads == 1


async def test_requests_at_once_get_the_new_keys_by_one_read(files: Files) -> None:
    credentials = files.credentials()
    await key_of(credentials)
    files.version, files.holds = 2, "second"

    assert await asyncio.gather(*(key_of(credentials) for _ in range(5))) == ["second"] * 5
    assert files.reads == 1


async def test_a_request_that_is_cancelled_does_not_keep_the_others_from_the_new_keys(files: Files) -> None:
    credentials = files.credentials()
    await key_of(credentials)
    files.version, files.holds = 2, "second"
    files.may_read.clear()
    cancelled, kept = asyncio.create_task(key_of(credentials)), asyncio.create_task(key_of(credentials))
    await wait_until(lambda: files.reads)

    cancelled.cancel()
    files.may_read.set()

    assert await kept == "second"


class Files:
    """Files whose version and keys the test sets; `reads` counts how often they were read again."""

    def __init__(self) -> None:
        self.version = 1
        self.holds: str | None = "first"
        self.reads = 0
        self.may_read = asyncio.Event()
        self.may_read.set()

    def credentials(self) -> ChainCredentials:
        return ChainCredentials(self._load, self._read_again, lambda: self.version)

    async def _load(self) -> Any:
        return _Keys(self.holds)

    async def _read_again(self, method: str) -> Any:
        assert method == "shared-credentials-file"
        self.reads += 1
        await self.may_read.wait()
        return None if self.holds is None else _Keys(self.holds)


class _Keys:
    method = "shared-credentials-file"

    def __init__(self, access_key: str | None) -> None:
        self.access_key = access_key

    async def get_frozen_credentials(self) -> Any:
        return self


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
async def sts(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """An STS that gives a role to each key but one; the keys that asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        key = re.search(r"Credential=([^/]+)/", request.headers["Authorization"])
        assert key is not None
        asked.append(key[1])
        if key[1] == "refused":
            return web.Response(status=403, text=_ERROR)
        return web.Response(text=_ASSUMED.format(key=key[1]), content_type="text/xml")

    async with scripted_http(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield asked


_ERROR = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error></ErrorResponse>"
_ASSUMED = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>role-of-{key}</AccessKeyId>"
    "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    "</Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>"
    "<AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
)


async def _credentials() -> ChainCredentials:
    credentials: ChainCredentials = await AwsSession().session._session.get_credentials()
    return credentials


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def _keys(name: str) -> str:
    return f"[default]\naws_access_key_id = {name}\n{SECRET}"
