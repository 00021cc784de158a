"""The settings with their defaults, and the list of variables that documents and faults are made from."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

from worker.adapters.machine import machine_limits
from worker.application.messages.presets import BUILT_IN
from worker.ports import MAX_IN_FLIGHT_SECONDS
from worker.settings.elasticache import Cache, cache_of
from worker.settings.serve import ServeSettings
from worker.settings.values import (
    CacheName,
    CannedAcl,
    Environment,
    EventBus,
    Expects,
    HostName,
    HttpPort,
    KeyPrefix,
    KmsKeyId,
    LogFormat,
    Login,
    LogLevel,
    Port,
    PresetsFile,
    ProgressMode,
    QueueUrls,
    RequestPayer,
    S3Outputs,
    SandboxMode,
    Seconds,
    SecondsOfSound,
    ServerSideEncryption,
    Size,
    StorageClass,
    TableName,
    TimeoutSeconds,
    TopicArn,
)


class RedisSettings(BaseModel):
    """The address of Redis, how to log in, and how long to wait for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: f"REDIS_{name.upper()}")

    endpoint: HostName | None = Field(
        None, description="Host name. Unset means no Redis: progress goes to DynamoDB only."
    )
    port: Port = Field(6379, description="The port of Redis.")
    tls: bool = Field(True, description="Connect with TLS and check the certificate.")
    username: Login = Field(None, description="The user to log in as. A secret: never printed.")
    password: Login = Field(None, description="The password to log in with. A secret: never printed.")
    cluster: bool = Field(False, description="Cluster mode: follow redirections to the node that holds a key.")
    iam_auth: bool = Field(
        False, description="Log in to ElastiCache as REDIS_USERNAME with the role's credentials; needs TLS."
    )
    iam_cache_name: CacheName | None = Field(
        None, description="The cache that REDIS_IAM_AUTH logs in to. The default is read from REDIS_ENDPOINT."
    )
    connect_timeout_seconds: TimeoutSeconds = Field(
        0.25, description="The longest time to connect, TLS and login included."
    )
    command_timeout_seconds: TimeoutSeconds = Field(0.25, description="The longest time for a command.")

    @property
    def iam_cache(self) -> Cache | None:
        """The cache to log in to with IAM; None where neither the endpoint nor a setting gives its name."""
        found = cache_of(self.endpoint or "")
        if self.iam_cache_name is None:
            return found
        return Cache(self.iam_cache_name, is_serverless=found is not None and found.is_serverless)


class Settings(BaseModel):
    """Everything that the environment decides. `bootstrap` passes parts of it to the objects that need them.

    Neither `bootstrap` nor a layer below this one reads an environment variable. The last fields come from
    variables that belong to the SDK, to ECS, to Kubernetes and to OpenTelemetry.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, alias_generator=lambda name: f"WORKER_{name.upper()}"
    )

    queue_url: QueueUrls = Field(
        "", description="The SQS queue, standard or FIFO; up to three, separated by commas, the most urgent first."
    )
    table: TableName = Field("", description="The job table, in DynamoDB: the records and claims of all jobs.")
    concurrency: Annotated[int, Ge(1), Le(1000)] = Field(
        default_factory=lambda: machine_limits({}).cpus,
        description="Jobs at once. The default is the number of usable CPUs: those of the machine, limited by control "
        "groups and by the ECS task.",
    )
    visibility_timeout_seconds: Annotated[int, Ge(2), Le(MAX_IN_FLIGHT_SECONDS)] = Field(
        60, description="The lease on a message, which is renewed while its job runs."
    )
    job_timeout_seconds: Seconds = Field(10_800.0, description="A job that takes longer fails.")
    stall_seconds: Seconds = Field(
        300.0, description="A job without any progress for this long is stopped and retried."
    )
    max_attempts: Annotated[int, Ge(1), Le(1000)] = Field(5, description="Real starts before a job fails for good.")
    max_crashes: Annotated[int, Ge(1), Le(1000)] = Field(
        3,
        description="Deaths of the worker while this job ran alone in it, before the job fails for good. "
        "A job that was running when a worker died runs alone from then on.",
    )
    reject_limit: Annotated[int, Ge(1), Le(1_000_000)] = Field(
        60,
        description="More rejects than this in a minute pause consumption for a minute: "
        "a bad deploy must not empty the queue.",
    )
    max_source_bytes: Size = Field(5 * 1024**3, description="A larger source is refused.")
    max_output_bytes: Size = Field(
        20 * 1024**3, description="A job is refused whose outputs are larger than that together."
    )
    max_duration_seconds: SecondsOfSound = Field(43_200.0, description="A source that plays longer is refused.")
    drain_seconds: Annotated[float, Ge(0), Le(MAX_IN_FLIGHT_SECONDS)] = Field(
        100.0,
        description="The longest time from the stop signal to the last release; at least a second. "
        "Keep it below the time after which the platform kills (ECS: 120 s).",
    )
    progress_mode: ProgressMode = Field(
        "failover", description="`durable`: each tick is written to DynamoDB first, and Redis only speeds up reads."
    )
    redis_prefix: KeyPrefix = Field("audio:", description="The prefix of each key and channel in Redis.")
    http_host: HostName = Field(
        "127.0.0.1",
        description="Where /livez, /readyz, /health and /metrics listen. The image sets 0.0.0.0; `::` is IPv6, too.",
    )
    http_port: HttpPort = Field(
        8080, description="0 takes a free port, which `worker.started` names; `off` listens on none."
    )
    presets: PresetsFile = Field(
        BUILT_IN,
        description=f"A JSON file of presets besides the built-in ones ({BUILT_IN}), as "
        "`{name: {field: value}}` ([options.md](options.md)).",
    )
    s3_event_outputs: S3Outputs = Field(
        None,
        description="The outputs to make of each new object in S3's notifications ([messages.md](messages.md)). "
        "Unset means that notifications of S3 are refused.",
    )
    s3_request_payer: RequestPayer | None = Field(None, description="Who pays for requests, on every call to S3.")
    s3_sse: ServerSideEncryption | None = Field(
        None, description="How targets are encrypted. Unset leaves it to their bucket."
    )
    s3_kms_key_id: KmsKeyId | None = Field(None, description="The key of that encryption, where it has one.")
    s3_acl: CannedAcl | None = Field(
        None, description="The canned ACL of targets, for buckets whose policy demands one; needs `s3:PutObjectAcl`."
    )
    s3_storage_class: StorageClass | None = Field(
        None,
        description="The class of targets. In `GLACIER` and `DEEP_ARCHIVE` a target must be restored before a read.",
    )
    event_topic_arn: TopicArn | None = Field(
        None, description="An SNS topic to which ends of jobs are published ([events-out.md](events-out.md))."
    )
    event_bus: EventBus | None = Field(None, description="An EventBridge bus to which ends of jobs are published.")
    workspace: Path | None = Field(
        None,
        description="The directory for sources and outputs while a job runs. "
        "The default is a new directory under the system's temporary one.",
    )
    ffmpeg: Path | None = Field(None, description="The converter. The default is the one in the imageio-ffmpeg wheel.")
    sandbox: SandboxMode = Field(
        "available",
        description="What the converter runs in beside its limits: `required` refuses to start without seccomp and "
        "Landlock, `available` takes what the kernel has, `off` takes neither ([security.md](security.md)).",
    )
    log_level: LogLevel = Field("info", description="Lines below this level are not logged.")
    log_format: LogFormat | None = Field(None, description="The default is `console` on a terminal, else `json`.")
    metrics: Literal["emf"] | None = Field(
        None,
        description="`emf`: one line a minute in CloudWatch's embedded metric format "
        "([operations.md](operations.md)). It is a log line: needs WORKER_LOG_LEVEL `info` or `debug`, and JSON.",
    )
    environment: Environment = Field(
        "production", description="The dimension `environment` of those metrics, beside `service`."
    )
    redis: RedisSettings = RedisSettings()
    serve: ServeSettings = ServeSettings()
    region: str | None = Field(None, description="The AWS region; None leaves it to the SDK's configuration file.")
    ecs_agent_uri: str | None = Field(None, description="Where the agent of ECS listens; set by ECS itself.")
    memory_limit_bytes: int | None = Field(None, description="The memory that the container or the task may use.")
    ecs_task: str | None = Field(None, description="The id of the ECS task.")
    pod: str | None = Field(None, description="The name of the Kubernetes pod.")
    otlp_endpoint: str | None = Field(None, description="The collector that spans of jobs are sent to.")
    otlp_protocol: str | None = Field(None, description="The protocol in which spans are sent to the collector.")
    profile_variable: str = Field("AWS_PROFILE", description="The SDK's variable that names the profile.")

    @property
    def redis_or_none(self) -> RedisSettings | None:
        """The settings of Redis; None where it is not used."""
        return self.redis if self.redis.endpoint else None

    @property
    def queue_urls(self) -> tuple[str, ...]:
        """The queues, the most urgent first; none where the environment names none."""
        return tuple(url.strip() for url in self.queue_url.split(",") if url.strip())

    def effective(self) -> dict[str, object]:
        """The value in force of each variable, for the log; secrets are masked."""
        groups = {type(group): group for group in (self, *(getattr(self, field) for field in GROUPS))}
        values = {variable.name: getattr(groups[variable.group], variable.field) for variable in VARIABLES}
        if self.http_port is None:
            values["WORKER_HTTP_PORT"] = "off"
        return {
            name: value if value is None or isinstance(value, bool | int | float) else str(value)
            for name, value in values.items()
        }


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, for documents and faults."""

    name: str
    field: str
    group: type[BaseModel]
    info: FieldInfo

    @property
    def is_secret(self) -> bool:
        return SecretStr in get_args(self.info.annotation)

    @property
    def expects(self) -> str:
        """What a value must be, in words that follow "must be"."""
        return _expectation(self.info)


def _expectation(info: FieldInfo) -> str:
    for item in info.metadata:
        if isinstance(item, Expects):
            return item.text
    kind = info.annotation
    metadata: list[Any] = list(info.metadata)
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(argument for argument in get_args(kind) if argument is not type(None))
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            metadata += more
    expects = next((item.text for item in metadata if isinstance(item, Expects)), None)
    if expects is not None:
        return expects
    if get_origin(kind) is Literal:
        return _alternatives(get_args(kind))
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return words.get(kind, "text") + _range(metadata)  # type: ignore[arg-type]


def _alternatives(words: Sequence[str]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _range(metadata: Collection[Any]) -> str:
    low = next((f" from {item.ge}" for item in metadata if isinstance(item, Ge)), "")
    above = next((f" above {item.gt}" for item in metadata if isinstance(item, Gt)), "")
    high = next((f" to {item.le}" for item in metadata if isinstance(item, Le)), "")
    return low + above + high.replace(" to", " and up to") if above else low + high


_OF_THE_PLATFORM = frozenset(
    {
        *("region", "ecs_agent_uri", "memory_limit_bytes", "ecs_task", "pod"),
        *("otlp_endpoint", "otlp_protocol", "profile_variable"),
    }
)

# The fields of the tree that are trees of their own, with variables of their own.
GROUPS: Mapping[str, type[BaseModel]] = {
    name: info.annotation
    for name, info in Settings.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
}

_ALL_GROUPS: Sequence[type[BaseModel]] = (Settings, *GROUPS.values())
VARIABLES: tuple[Variable, ...] = tuple(
    Variable(info.alias or name, name, group, info)
    for group in _ALL_GROUPS
    for name, info in group.model_fields.items()
    if name not in {*GROUPS, *_OF_THE_PLATFORM}
)
PREFIXES = tuple(sorted({variable.name.partition("_")[0] + "_" for variable in VARIABLES}))
