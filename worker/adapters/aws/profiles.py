"""Finds why a profile in the SDK's files can never give credentials, however often the chain is asked.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html,
https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CREDENTIAL_SOURCES = ("Ec2InstanceMetadata", "EcsContainer", "Environment")
_SSO_ROLE = ("sso_account_id", "sso_role_name")
_SSO = ("sso_start_url", "sso_region", *_SSO_ROLE)
_OWN = ("aws_access_key_id", "credential_process", "web_identity_token_file", "sso_session", *_SSO)


def problem_of_profile(profiles: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    """Why the profile can give no credentials, by what the files say; None where nothing speaks against it.

    The profiles that it assumes its role from are followed. A profile that is missing, or says nothing of credentials,
    leaves them to the rest of the chain.
    """
    seen: list[str] = []
    while (profile := profiles.get(name)) is not None:
        is_source = bool(seen)
        seen.append(name)
        if "role_arn" not in profile or (is_source and "aws_access_key_id" in profile):
            return _problem_without_role(name, profile, is_source=is_source)
        if "web_identity_token_file" in profile:
            return None
        if "mfa_serial" in profile:
            return f"profile {name!r} has mfa_serial: its role needs a code that a person types, again and again"
        source, kind = profile.get("source_profile"), profile.get("credential_source")
        if (source is None) == (kind is None):
            return f"profile {name!r} has role_arn and needs one of source_profile and credential_source"
        if source is None:
            expected = f"{', '.join(_CREDENTIAL_SOURCES[:-1])} or {_CREDENTIAL_SOURCES[-1]}"
            return None if kind in _CREDENTIAL_SOURCES else f"profile {name!r}: credential_source must be {expected}"
        if source in seen and not (source == name and "aws_access_key_id" in profile):
            return f"profile {name!r} assumes its role from {source!r}, and that one from it"
        if source == name:
            return None
        name = str(source)
    return f"profile {seen[-1]!r} names {name!r} as source_profile, which is not there" if seen else None


def _problem_without_role(name: str, profile: Mapping[str, Any], *, is_source: bool) -> str | None:
    if is_source and not any(key in profile for key in _OWN):
        return f"profile {name!r} is a source_profile and has no credentials"
    missing = [key for key in _SSO if key not in profile]
    asks_sso = any(key in profile for key in _SSO_ROLE)  # as the SDK decides it: without either, it passes over SSO
    if asks_sso and missing and "sso_session" not in profile:
        return f"profile {name!r} lacks {', '.join(missing)}"
    return None
