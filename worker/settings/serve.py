"""The settings of the gateway, `worker serve` (docs/configuration.md)."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from worker.domain.job import ObjectLocation
from worker.settings.faults import shown
from worker.settings.values import Expects, HostName, Size

_PROBE_KEY = "probe"
_TOKEN = re.compile(r"[!-~]+")  # what a header can carry unchanged (RFC 9110, section 5.5)
_ORIGIN = re.compile(r"https?://[^\s/,*]+|\*")


def _prefix(value: str) -> str:
    prefix = value.rstrip("/") + "/"
    try:
        ObjectLocation.parse(prefix + _PROBE_KEY)
    except ValueError:
        raise ValueError(f"{shown(value)} is none") from None
    return prefix


def _each_is_an_origin(origins: str) -> str:
    for origin in _split(origins):
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{shown(origin)} is none")
    return origins


def _split(origins: str) -> tuple[str, ...]:
    return tuple(origin.strip() for origin in origins.split(",") if origin.strip())


def _token(value: SecretStr) -> SecretStr:
    """The token without white space around it, such as the newline of a file that a secret was made from."""
    token = value.get_secret_value().strip()
    if not _TOKEN.fullmatch(token):
        raise ValueError("it has other characters")
    return SecretStr(token)


Token = Annotated[SecretStr, AfterValidator(_token), Expects("printable ASCII characters without spaces")]
ObjectPrefix = Annotated[str, AfterValidator(_prefix), Expects("s3://bucket/prefix/")]
Origins = Annotated[
    str,
    AfterValidator(_each_is_an_origin),
    Expects("origins such as https://app.example.com, separated by commas, or *"),
]
FreePort = Annotated[int, Ge(0), Le(65535), Expects("a port from 1 to 65535, or 0 for a free one")]


class ServeSettings(BaseModel):
    """Where the gateway listens, who may use it, and for what."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: f"WORKER_SERVE_{name.upper()}")

    host: HostName = Field("127.0.0.1", description="Where `worker serve` listens ([gateway.md](gateway.md)).")
    port: FreePort = Field(8081, description="0 takes a free port, which `gateway.started` names.")
    token: Token | None = Field(
        None,
        description="The bearer token that requests about jobs need. Required for any other host than loopback. "
        "A secret: never printed.",
    )
    source: ObjectPrefix | None = Field(
        None, description="Where uploads are put, and sources must lie. Unset: no uploads, and any source."
    )
    target: ObjectPrefix | None = Field(None, description="Where targets and downloads must lie. Unset: anywhere.")
    cors_origins: Origins | None = Field(
        None, description="The origins of web pages, beside its own, that may use the gateway from a browser."
    )
    max_body_bytes: Size = Field(1024**2, description="A larger body is answered with 413.")
    max_streams: Annotated[int, Ge(1), Le(100_000)] = Field(
        4000, description="Open streams of events at once; a further one is answered with 503."
    )
    requests_per_second: Annotated[int, Ge(1), Le(1_000_000)] = Field(
        200, description="Requests of one client, over ten seconds; a further one is answered with 429."
    )

    @property
    def origins(self) -> tuple[str, ...]:
        return _split(self.cors_origins or "")

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        if self.host.lower() in {"localhost", "localhost."}:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
