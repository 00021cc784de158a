"""What in the SDK's files and its chain of credentials cannot work, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError, CredentialRetrievalError, InvalidConfigError, NoCredentialsError

from worker.adapters.aws.client import translated
from worker.adapters.aws.profiles import problem_of_profile
from worker.adapters.aws.session import AwsSession, ChainCredentials, SdkConfigurationError
from worker.domain.errors import AccessDeniedError, DependencyUnavailableError
from worker.domain.job import ObjectLocation

ROLE = "arn:aws:iam::123456789012:role/worker"
KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}
SSO = {"sso_start_url": "https://x", "sso_region": "r", "sso_account_id": "1", "sso_role_name": "n"}


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ({"a": {"role_arn": ROLE}}, "profile 'a' has role_arn and needs one of"),
        ({"a": {"role_arn": ROLE, "source_profile": "b", "credential_source": "Environment"}}, "needs one of"),
        ({"a": {"role_arn": ROLE, "source_profile": "b"}}, "profile 'a' names 'b' as source_profile, which is not"),
        ({"a": {"role_arn": ROLE, "source_profile": "b"}, "b": {"region": "x"}}, "'b' is a source_profile and has no"),
        (
            {"a": {"role_arn": ROLE, "source_profile": "b"}, "b": {"role_arn": ROLE, "source_profile": "a"}},
            "profile 'b' assumes its role from 'a', and that one from it",
        ),
        ({"a": {"role_arn": ROLE, "source_profile": "a"}}, "'a' assumes its role from 'a'"),
        ({"a": {"role_arn": ROLE, "credential_source": "Ec2"}}, "credential_source must be Ec2InstanceMetadata, EcsC"),
        (
            {"a": {"role_arn": ROLE, "source_profile": "b", "mfa_serial": "arn:aws:iam::1:mfa/me"}, "b": KEYS},
            "profile 'a' has mfa_serial: its role needs a code that a person types",
        ),
        (
            {
                "a": {"role_arn": ROLE, "source_profile": "b"},
                "b": {"role_arn": ROLE, "credential_source": "Environment", "mfa_serial": "arn:aws:iam::1:mfa/me"},
            },
            "profile 'b' has mfa_serial",
        ),
        ({"a": {"sso_start_url": "https://x", "sso_role_name": "n"}}, "profile 'a' lacks sso_region, sso_account_id"),
    ],
)
def test_a_profile_that_can_give_no_credentials_is_seen_in_the_files(
    profiles: dict[str, dict[str, str]], expected: str
) -> None:
    assert expected in str(problem_of_profile(profiles, "a"))


@pytest.mark.parametrize(
    "profiles",
    [
        {},
        {"a": {"region": "eu-west-1"}},
        {"a": KEYS},
        {"a": SSO},
        {"a": {"sso_start_url": "https://x", "sso_region": "r", **KEYS}},
        {"a": {"sso_start_url": "https://x", "sso_region": "r"}},
        {"a": {"sso_session": "s", "sso_account_id": "1", "sso_role_name": "n"}},
        {"a": {"credential_process": "/bin/x"}},
        {"a": {"role_arn": ROLE, "credential_source": "EcsContainer"}},
        {"a": {"role_arn": ROLE, "web_identity_token_file": "/t"}},
        {"a": {"role_arn": ROLE, "source_profile": "b"}, "b": KEYS},
        {"a": {"role_arn": ROLE, "source_profile": "a", **KEYS}},
        {"a": {"mfa_serial": "arn:aws:iam::1:mfa/me", **KEYS}},
        {"a": {"role_arn": ROLE, "source_profile": "b"}, "b": {"mfa_serial": "arn:aws:iam::1:mfa/me", **KEYS}},
        {
            "a": {"role_arn": ROLE, "source_profile": "b"},
            "b": {"role_arn": ROLE, "source_profile": "c"},
            "c": {"role_arn": ROLE, "credential_source": "Environment"},
        },
    ],
)
def test_a_profile_that_may_give_credentials_is_left_to_the_chain(profiles: dict[str, dict[str, str]]) -> None:
    assert problem_of_profile(profiles, "a") is None


@pytest.mark.parametrize(
    ("kind", "variable"), [("config", "AWS_CONFIG_FILE"), ("credentials", "AWS_SHARED_CREDENTIALS_FILE")]
)
def test_a_file_that_cannot_be_parsed_is_named_by_its_variable(
    kind: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / kind).write_bytes(b"\xff\xfe[default]\n")
    monkeypatch.setenv(variable, str(tmp_path / kind))

    with pytest.raises(SdkConfigurationError, match=f"{variable}: one of the SDK's files"):
        AwsSession()


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": f"may not assume {ROLE}"}}, "AssumeRole")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (DENIED, "AccessDenied"),
        (ClientError({"Error": {"Code": "ExpiredTokenException"}}, "AssumeRole"), "ExpiredTokenException"),
        (FileNotFoundError("/var/run/secrets/token"), "FileNotFoundError"),
        (json.JSONDecodeError("Expecting value", "<html>", 0), "JSONDecodeError"),
        (KeyError("AccessKeyId"), "KeyError"),
        (InvalidConfigError(error_msg="…"), "InvalidConfigError"),
        (aiohttp.ClientConnectionError(), "ClientConnectionError"),
        (TypeError("a number in the place of a text"), "TypeError"),
    ],
)
@pytest.mark.parametrize("is_refreshed", [False, True])
async def test_whatever_goes_wrong_on_the_way_to_credentials_is_no_answer_of_the_service_that_they_are_for(
    failure: Exception, reason: str, is_refreshed: bool
) -> None:
    credentials = chain(failure, is_refreshed=is_refreshed)
    refused = {"AccessDenied": lambda: AccessDeniedError(ObjectLocation("bucket", "key"))}

    with pytest.raises(DependencyUnavailableError) as raised, translated("S3", refused):
        await credentials.get_frozen_credentials()

    assert str(raised.value).endswith(f"there are no AWS credentials ({reason})")


async def test_a_chain_that_finds_nothing_says_so() -> None:
    async def nothing() -> None: ...

    with pytest.raises(NoCredentialsError):
        await ChainCredentials(nothing).get_frozen_credentials()


async def test_what_a_program_wrote_that_was_asked_for_credentials_is_not_shown() -> None:
    failure = CredentialRetrievalError(provider="custom-process", error_msg="token=wJalrXUtnFEMI")

    with pytest.raises(DependencyUnavailableError) as raised, translated("S3"):
        await chain(failure, is_refreshed=False).get_frozen_credentials()

    assert "wJalr" not in str(raised.value)


def chain(failure: Exception, *, is_refreshed: bool) -> ChainCredentials:
    """A chain that raises when it is asked, or whose credentials do when they are refreshed."""

    class Found:
        async def get_frozen_credentials(self) -> Any:
            raise failure

    async def load() -> Any:
        if not is_refreshed:
            raise failure
        return Found()

    return ChainCredentials(load)
