"""The SDK's session: its files are read at once, its credentials are looked for when they are first needed."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aioboto3
from aiobotocore.credentials import create_credential_resolver
from botocore.exceptions import (
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from worker.adapters.aws.profiles import problem_of_profile
from worker.adapters.aws.refresh import SharedRefresh
from worker.adapters.aws.tls import CheckedSession

# Providers of the chain that read nothing but variables and files.
_VARIABLES = "env"
_FILES = ("shared-credentials-file", "config-file")
_LOCAL_PROVIDERS = (_VARIABLES, *_FILES)
# Providers whose credentials hold keys of a file as long as they are used: a role is assumed with those of a profile.
_KEEPS_KEYS = (*_FILES, "assume-role")
_READ_AGAIN_SECONDS = 1.0  # then files without usable keys are read again, although they have not changed
_WAIT_SECONDS = 0.5  # so long do requests wait for keys that are read again; then they go on with the old ones


class SdkConfigurationError(Exception):
    """A setting of the SDK cannot work. `variable` names it, or the variable that names its file."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem


class ChainError(CredentialRetrievalError):
    """The chain failed on its way to credentials; `reason` is a code of STS, or the name of an exception."""

    def __init__(self, reason: str) -> None:
        super().__init__(provider="chain", error_msg=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The version of the files that was read again, and when by the loop's clock, in seconds."""

    version: object
    began: float

    def is_due_after(self, last: _Attempt) -> bool:
        return self.version != last.version or self.began >= last.began + _READ_AGAIN_SECONDS


class ChainCredentials:
    """Credentials that the SDK's chain is asked for when a request is signed, again until it finds some.

    The SDK would ask once, when a client is made. That holds the start up where the metadata service hangs, and what
    it does not find then is never found. This class has as much of the SDK's credentials as its clients use.

    The SDK knows when credentials of other kinds end, and reads keys in a file once. Programs beside the worker write
    new ones there before the old ones end, so they are read again when `version_of_files` returns another
    value than before. `load_again` then asks the provider that found the old ones, and no other: while the file
    is written it has no keys, and what the rest of the chain finds, such as the instance's role, has other rights.
    """

    method = "chain"

    def __init__(
        self,
        load: Callable[[], Coroutine[Any, Any, Any]],
        load_again: Callable[[str], Coroutine[Any, Any, Any]] | None = None,
        version_of_files: Callable[[], object] = lambda: None,
    ) -> None:
        self._load = load
        self._load_again = load_again
        self._version_of_files = version_of_files
        self._version: object = None  # of the files, when they had the keys that are used
        self._last_attempt = _Attempt(None, -math.inf)
        self._found: Any = None  # a SharedRefresh, once there are credentials
        self._loading: asyncio.Task[None] | None = None

    async def get_frozen_credentials(self) -> Any:
        """The keys to sign a request with. Raises NoCredentialsError and CredentialRetrievalError."""
        with _retrieving():
            found = await self._look()
            if found is None:
                raise NoCredentialsError
            return await found.get_frozen_credentials()

    async def valid_seconds(self, most: int) -> int:
        """For how many seconds the keys are valid that are used now, at most `most`.

        Raises NoCredentialsError and CredentialRetrievalError.
        """
        await self.get_frozen_credentials()
        return int(self._found.valid_seconds(most))

    async def get_account_id(self) -> str | None:
        """The account, where the credentials say it. Raises CredentialRetrievalError."""
        with _retrieving():
            found = await self._look()
            if found is None:
                return None
            account = (await found.get_frozen_credentials()).account_id
            return None if account is None else str(account)

    def get_deferred_property(self, _name: str) -> Callable[[], Coroutine[Any, Any, str | None]]:
        """The way in which the SDK asks for the account's id, the one property that it asks for."""
        return self.get_account_id

    async def _look(self) -> Any:
        if self._found is None:
            await asyncio.shield(self._begun(self._find))
        elif self._found.method in _KEEPS_KEYS and self._version_of_files() != self._version:
            await self._keep_up()
        return self._found

    def _begun(self, load: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """The one load for all requests, which outlives each of them."""
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(load(), name="credentials")
        return self._loading

    async def _find(self) -> None:
        version = self._version_of_files()
        found = await self._load()
        self._found, self._version = None if found is None else SharedRefresh(found), version

    async def _keep_up(self) -> None:
        """Have the files read again and wait for it, but not for long: the old keys are still there."""
        now = asyncio.get_running_loop().time()
        attempt = _Attempt(self._version_of_files(), now)
        is_idle = self._loading is None or self._loading.done()
        if is_idle and attempt.is_due_after(self._last_attempt):
            self._last_attempt = attempt
        elif is_idle:
            return
        left = max(0.0, self._last_attempt.began + _WAIT_SECONDS - now)
        await asyncio.wait({self._begun(self._replace)}, timeout=left)

    async def _replace(self) -> None:
        version = self._version_of_files()
        with suppress(Exception):  # of a file that is being written, in one of many ways; it is read again later
            loaded = await self._load_again(self._found.method) if self._load_again else None
            if loaded is not None:
                found = SharedRefresh(loaded)
                await found.get_frozen_credentials()  # STS may refuse the role to keys of which only a part is written
                self._found, self._version = found, version


@contextmanager
def _retrieving() -> Iterator[None]:
    """Raise one error for all that goes wrong on the way to credentials, which come by files, processes or HTTP.

    A refusal of STS, above all, is not one of the service that the credentials are for.
    """
    try:
        yield
    except (NoCredentialsError, CredentialRetrievalError):
        raise
    except Exception as exc:
        code = exc.response.get("Error", {}).get("Code") if isinstance(exc, ClientError) else None
        raise ChainError(code or type(exc).__name__) from exc


def reason_of(error: Exception) -> str:
    """Why there are no credentials, in brackets; empty where nothing is known that may be shown.

    A provider's own text may hold the output of a program.
    """
    return f" ({error.reason})" if isinstance(error, ChainError) else ""


class _LazySession(CheckedSession):
    _credentials: Any
    _last_client_region_used: str | None

    def __init__(self) -> None:
        super().__init__()
        self._chain = ChainCredentials(self._load, self._load_again, self._version_of_files)

    async def _load(self) -> Any:
        self._credentials = None  # else the SDK asks nobody a second time
        return await super().get_credentials()

    async def _load_again(self, method: str) -> Any:
        # By a session of its own: the config file is parsed once a session, and a provider that has
        # resolved a source_profile takes it for a circle the second time.
        chain = create_credential_resolver(CheckedSession(), region_name=self._last_client_region_used)
        return await chain.get_provider(method).load()

    def _version_of_files(self) -> tuple[object, ...]:
        names = ("credentials_file", "config_file")
        return tuple(_version_of(os.path.expanduser(self.get_config_variable(name))) for name in names)  # noqa: PTH111

    async def get_credentials(self) -> ChainCredentials:  # type: ignore[override]
        return self._chain


def _version_of(path: str) -> object:
    """A value that changes when the file is replaced or written to; None where there is no file."""
    try:
        stats = os.stat(path)  # noqa: PTH116 - for each request
    except OSError:
        return None
    return stats.st_ino, stats.st_mtime_ns, stats.st_size


class AwsSession:
    """The session of all clients of a process, with the SDK's files checked. Implements the `Credentials` port."""

    def __init__(self, profile_variable: str = "AWS_PROFILE") -> None:
        """`profile_variable` is the one that names the profile. Raises SdkConfigurationError."""
        self._core = _LazySession()
        self._profile_variable = profile_variable
        try:
            self.session = aioboto3.Session(botocore_session=self._core)
            self._core.get_scoped_config()
        except ProfileNotFound as exc:
            raise SdkConfigurationError(profile_variable, "there is no such profile in the SDK's files") from exc
        except ConfigNotFound as exc:
            raise SdkConfigurationError("AWS_CONFIG_FILE", "there is no such file") from exc
        except ConfigParseError as exc:
            raise SdkConfigurationError(self._variable_of(exc), "one of the SDK's files cannot be parsed") from exc

    def _variable_of(self, error: ConfigParseError) -> str:
        """The variable that names the file."""
        credentials = os.path.expanduser(self._core.get_config_variable("credentials_file"))  # noqa: PTH111
        is_credentials = error.kwargs.get("path") == credentials
        return "AWS_SHARED_CREDENTIALS_FILE" if is_credentials else "AWS_CONFIG_FILE"

    async def check_files(self) -> None:
        """Read the credentials in variables and files.

        Raises SdkConfigurationError where a key lacks its secret, or the profile can give no credentials.
        """
        has_own_keys = False
        for provider in self._providers():
            if provider.METHOD in _LOCAL_PROVIDERS:
                try:
                    found = await provider.load()
                except PartialCredentialsError as exc:
                    problem = f"the SDK's files hold a key without its secret ({provider.METHOD})"
                    raise SdkConfigurationError("AWS_SHARED_CREDENTIALS_FILE", problem) from exc
                has_own_keys |= provider.METHOD == _VARIABLES and found is not None
        if not has_own_keys:  # they come before any profile
            self._check_profile()

    def _check_profile(self) -> None:
        named = self._core.get_config_variable("profile")
        problem = problem_of_profile(self._core.full_config["profiles"], named or "default")
        if problem is not None:
            raise SdkConfigurationError(self._profile_variable if named else "AWS_CONFIG_FILE", problem)

    async def problem(self) -> str | None:
        """Why there are no credentials, with the chain that was asked; None where there are."""
        try:
            await (await self._core.get_credentials()).get_frozen_credentials()
        except (NoCredentialsError, CredentialRetrievalError) as exc:
            chain = ", ".join(provider.METHOD for provider in self._providers())
            return f"the AWS SDK finds no credentials{reason_of(exc)}; asked were {chain}"
        return None

    async def valid_seconds(self, most: int) -> int:
        """As `ChainCredentials.valid_seconds`."""
        return await (await self._core.get_credentials()).valid_seconds(most)

    def _providers(self) -> list[Any]:
        providers: list[Any] = self._core.get_component("credential_provider").providers
        return providers


def sdk_configuration_error(error: Exception) -> SdkConfigurationError:
    """What an error in making a client means: only the SDK's own settings can be its cause."""
    # A region that is no label of a host name makes an endpoint of AWS that is no URL.
    if isinstance(error, InvalidRegionError) or (isinstance(error, ValueError) and "amazonaws" in str(error)):
        return SdkConfigurationError("AWS_REGION", "the SDK's files name a region that cannot be one")
    if isinstance(error, ValueError) and "endpoint" in str(error):
        return SdkConfigurationError("AWS_ENDPOINT_URL", "the SDK's files name an endpoint that is no URL")
    return SdkConfigurationError("AWS_CONFIG_FILE", f"a setting of the SDK is not usable ({type(error).__name__})")
