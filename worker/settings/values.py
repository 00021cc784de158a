"""The types of the settings: which values are allowed, and how their text is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr, StringConstraints, ValidationInfo

from worker.application.messages.json_text import read_json
from worker.application.messages.presets import BUILT_IN, Presets
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.errors import InvalidMessageError
from worker.ports import MAX_IN_FLIGHT_SECONDS

_SIZE = re.compile(r"([0-9]+)\s*(?:([KMGT])(iB|B)?|B)?", re.IGNORECASE)
_MOST_BYTES = 2**60  # the system takes no limit on a file's size that is much larger
_MOST_SECONDS_OF_SOUND = 10_000_000  # as in messages; the converter does not read much larger numbers


def _without_line_end(value: SecretStr | None) -> SecretStr | None:
    """The value without the end of a line, which a secret has that was made with `echo`."""
    return None if value is None else SecretStr(value.get_secret_value().rstrip("\r\n"))


def _size_in_bytes(value: object) -> object:
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    base = 1000 if (match[3] or "").upper() == "B" else 1024
    return int(match[1]) * base ** (" KMGT".index((match[2] or " ").upper()))


def _off_is_none(value: object) -> object:
    return None if isinstance(value, str) and value.lower() == "off" else value


def _presets(value: object) -> object:
    """Read the presets from the file at a path."""
    if not isinstance(value, str):
        return value
    try:
        return Presets(read_json(Path(value).read_text(encoding="utf-8"), "presets"))
    except OSError as exc:
        raise ValueError(f"{value} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{value} is not UTF-8") from None
    except InvalidMessageError as exc:
        raise ValueError(f"{value}: {exc}") from None


def _s3_event_outputs(value: object, info: ValidationInfo) -> object:
    presets = info.data.get("presets", BUILT_IN)
    try:
        return S3EventOutputs(value, presets) if isinstance(value, str) else value
    except InvalidMessageError as exc:
        raise ValueError(str(exc)) from None


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Expects:
    """What a value must be, in words, where the type does not say it."""

    text: str


Environment = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$"),
    Expects("1 to 64 letters, digits, dots, dashes and underscores"),
]
Seconds = Annotated[float, Gt(0), Le(MAX_IN_FLIGHT_SECONDS)]
TimeoutSeconds = Annotated[float, Gt(0), Le(10)]
SecondsOfSound = Annotated[float, Gt(0), Le(_MOST_SECONDS_OF_SOUND)]
Login = Annotated[SecretStr | None, AfterValidator(_without_line_end)]
Size = Annotated[
    int,
    Ge(1),
    Le(_MOST_BYTES),
    BeforeValidator(_size_in_bytes),
    Expects("a size in bytes, such as 1048576 or 5GiB, of at most 1048576TiB"),
]
Port = Annotated[int, Ge(1), Le(65535)]
HttpPort = Annotated[
    Annotated[int, Ge(0), Le(65535)] | None,
    BeforeValidator(_off_is_none),
    Expects("a port from 1 to 65535, 0 for a free one, or off"),
]
# No query and no fragment: whether a queue is FIFO is read from the end of its name. Emulators allow dots in names.
_QUEUE_URL = r"https?://[^\s/@,?#]+/([^\s,?#]*/)?[A-Za-z0-9_.-]{1,80}"
QueueUrls = Annotated[
    str,
    StringConstraints(pattern=rf"^{_QUEUE_URL}(\s*,\s*{_QUEUE_URL}){{0,2}}$"),
    Expects("a queue's URL, such as https://sqs.eu-west-1.amazonaws.com/111122223333/audio, or up to three"),
]
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
TableName = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9_.-]{1,255}|arn:aws[a-z-]*:dynamodb:\S+:table/\S+)$"),
    Expects("a DynamoDB table's name or ARN"),
]
PresetsFile = Annotated[
    Presets, PlainValidator(_presets), Expects("the path of a JSON file: names, each with the fields of an output")
]
S3Outputs = Annotated[
    S3EventOutputs | None,
    PlainValidator(_s3_event_outputs),
    Expects("a JSON list like a message's `outputs`"),
]
# An IPv6 address has two colons at least: with one, it is an IPv4 address and a port.
HostName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$"
    ),
    Expects("a host name alone, without scheme, port, user or password"),
]
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
CacheName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$"),
    Expects("the name of an ElastiCache cache, in lower case"),
]
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
RequestPayer = Annotated[Literal["requester"], Expects("requester")]
ServerSideEncryption = Literal["AES256", "aws:kms", "aws:kms:dsse", "aws:fsx"]
KmsKeyId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9:/_-]{1,2048}$"), Expects("a KMS key's id, ARN or alias")
]
CannedAcl = Literal[
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
]
StorageClass = Literal[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
    "FSX_OPENZFS",
]
# https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
TopicArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$"),
    Expects("a topic's ARN, such as arn:aws:sns:eu-west-1:111122223333:audio-ends"),
]
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
EventBus = Annotated[
    str,
    StringConstraints(
        pattern=r"^(arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/[A-Za-z0-9._/-]{1,256}|[A-Za-z0-9._/-]{1,256})$"
    ),
    Expects("the name or the ARN of an EventBridge bus"),
]
KeyPrefix = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$"), Expects("1 to 64 printable characters")]


ProgressMode = Annotated[Literal["failover", "durable"], BeforeValidator(_lower_case)]
SandboxMode = Annotated[Literal["required", "available", "off"], BeforeValidator(_lower_case)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower_case)]
LogFormat = Annotated[Literal["json", "console"], BeforeValidator(_lower_case)]
