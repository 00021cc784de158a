"""The boundary at which the SDK's exceptions become ours."""

from __future__ import annotations

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from worker.adapters.aws.client import translated
from worker.domain.errors import DependencyUnavailableError


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "Throttling", "Message": "X-Amz-Signature=secret"}}, "ReceiveMessage"),
        EndpointConnectionError(endpoint_url="https://secret"),
        ResponseParserError(
            "Unable to parse response, invalid XML received, secret"
        ),  # a body cut off, or a proxy's page
        aiohttp.ClientPayloadError("secret"),
        ConnectionResetError("secret"),
        TimeoutError(),
    ],
)
def test_any_failure_of_a_call_is_a_dependency_that_failed_and_its_text_is_not_shown(error: Exception) -> None:
    with pytest.raises(DependencyUnavailableError, match=r"^S3 ") as raised, translated("S3"):
        raise error

    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "variable"),
    [
        (SSLError(endpoint_url="https://secret", error=OSError("secret")), "AWS_CA_BUNDLE"),
        (ProxyConnectionError(proxy_url="http://user:secret@proxy", error="secret"), "HTTPS_PROXY"),
    ],
)
def test_a_failure_on_the_way_names_the_variable_to_check(error: Exception, variable: str) -> None:
    with pytest.raises(DependencyUnavailableError, match=variable) as raised, translated("S3"):
        raise error

    assert "secret" not in str(raised.value)


def test_where_there_are_no_credentials_that_is_said() -> None:
    with pytest.raises(DependencyUnavailableError, match="no AWS credentials"), translated("S3"):
        raise NoCredentialsError
