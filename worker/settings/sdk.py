"""Finds values in the AWS SDK's variables with which the SDK would only fail later, and in its own words.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from worker.settings.faults import Fault, shown

_REGION = re.compile(r"(?!\d+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)")  # a label of a host name
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")  # the first that is set names the profile
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": ("preferred", "disabled", "required"),
    "AWS_DEFAULTS_MODE": ("legacy", "standard", "in-region", "cross-region", "mobile", "auto"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": ("ipv4", "ipv6"),
    "AWS_REQUEST_CHECKSUM_CALCULATION": ("when_supported", "when_required"),
    "AWS_RESPONSE_CHECKSUM_VALIDATION": ("when_supported", "when_required"),
    "AWS_RETRY_MODE": ("legacy", "standard", "adaptive"),
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": ("legacy", "regional"),
    "AWS_STS_REGIONAL_ENDPOINTS": ("legacy", "regional"),
}
# The SDK takes any other word for false, and says nothing.
_BOOLEANS = frozenset(
    {
        "AWS_DISABLE_HOST_PREFIX_INJECTION",
        "AWS_DISABLE_REQUEST_COMPRESSION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_EC2_METADATA_V1_DISABLED",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_IMDS_USE_IPV6",
        "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS",
        "AWS_S3_USE_ARN_REGION",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
    }
)
_NUMBERS = ("AWS_MAX_ATTEMPTS", "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "AWS_METADATA_SERVICE_TIMEOUT")
_URLS = ("AWS_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT")
_CONTAINER_URL, _CONTAINER_PATH = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
_PROXIES = (
    ("https_proxy", "HTTPS_PROXY"),
    ("http_proxy", "HTTP_PROXY"),
)  # the first of each pair wins, an empty one too
_OTHER_SCHEME = re.compile(r"(?!https?:)[A-Za-z0-9+.-]+://")  # the SDK puts http:// in front: it knows no SOCKS
# What the SDK sends its token to, beside loopback addresses: the agents of ECS and EKS.
_CONTAINER_HOSTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost")


def faults_of_sdk(environ: Mapping[str, str]) -> Iterator[Fault]:
    """A fault for each variable of the SDK that cannot work. An empty value counts as unset."""
    given = {name: value for name, value in environ.items() if name.startswith("AWS_") and value.strip()}
    for name, value in given.items():
        problem = _problem_of(name)(value)
        if problem is not None:
            yield Fault((name,), problem)
    yield from _faults_of_keys(given)
    yield from _faults_of_proxies(environ)
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in given and "AWS_ROLE_ARN" not in given:
        yield Fault(("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"), "is set without AWS_ROLE_ARN")


def _problem_of(name: str) -> Callable[[str], str | None]:
    if name == _CONTAINER_URL:
        return _problem_of_container_url
    if name == _CONTAINER_PATH:
        return lambda value: None if value.startswith("/") else f"must begin with a slash, not {shown(value)}"
    if name in _URLS or name.startswith("AWS_ENDPOINT_URL_"):
        return _problem_of_url
    if name in _REGIONS:
        return _problem_of_region
    if name in _NUMBERS:
        return lambda value: (
            None if value.isdecimal() and int(value) > 0 else f"must be a whole number above 0, not {shown(value)}"
        )
    if name in _WORDS:
        words = _WORDS[name]
        expected = f"must be {', '.join(words[:-1])} or {words[-1]}"
        return lambda value: None if value.lower() in words else f"{expected}, not {shown(value)}"
    if name in _BOOLEANS:
        return lambda value: (
            None if value.lower() in {"true", "false"} else f"must be true or false, not {shown(value)}"
        )
    if name == "AWS_CA_BUNDLE":
        return _problem_of_ca_bundle
    return lambda _: None


def _problem_of_url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", value)
        _ = parts.port  # raises ValueError where it is none
    except ValueError:
        is_url = False
    return None if is_url else f"must be a URL such as http://127.0.0.1:4566, not {shown(value)}"


def _problem_of_container_url(value: str) -> str | None:
    problem = _problem_of_url(value)
    host = "" if problem else urlsplit(value).hostname or ""
    if problem or host in _CONTAINER_HOSTS or host.startswith("127.") or host == "::1":
        return problem
    return f"must name a loopback address or {', '.join(_CONTAINER_HOSTS)}, not {shown(host)}"


def _problem_of_region(value: str) -> str | None:
    return None if _REGION.fullmatch(value) else f"must be a region such as eu-west-1, not {shown(value)}"


def _problem_of_ca_bundle(value: str) -> str | None:
    path = Path(value)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(*((None, value) if path.is_dir() else (value,)))
    except OSError:  # ssl.SSLError is one
        return f"{shown(value)} is no file of certificates that can be read"
    return None


def _faults_of_keys(given: Mapping[str, str]) -> Iterator[Fault]:
    for name in _KEYS:
        if re.search(r"\s", given.get(name, "")):
            yield Fault((name,), "has white space in it")  # a line's end from a file; the value is never shown
    key_id, secret, token = (name in given for name in _KEYS)
    if key_id and not secret:
        yield Fault(_KEYS[:2], "is set without AWS_SECRET_ACCESS_KEY")
    if secret and not key_id:
        yield Fault((_KEYS[1], _KEYS[0]), "is set without AWS_ACCESS_KEY_ID")
    if token and not (key_id or secret):
        yield Fault((_KEYS[2], *_KEYS[:2]), "is set without AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


def _faults_of_proxies(environ: Mapping[str, str]) -> Iterator[Fault]:
    """Faults of the proxies' variables. A value is never shown: it may hold a password."""
    if environ.get("no_proxy", environ.get("NO_PROXY", "")).strip() == "*":
        return
    for lower, upper in _PROXIES:
        name = lower if lower in environ else upper  # an empty one switches the other off
        value = environ.get(name, "")
        if not value:
            continue
        url = value if value.startswith(("http:", "https:")) else f"http://{value.removeprefix('//')}"
        if _OTHER_SCHEME.match(value) or _problem_of_url(url):
            yield Fault((name,), "must be a URL such as http://proxy.example.com:3128")
