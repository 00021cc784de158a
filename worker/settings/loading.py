"""Reads the environment into the settings tree, or refuses it with every fault that it has."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from worker.adapters.machine import machine_limits
from worker.application.messages.presets import Presets
from worker.ports import MAX_IN_FLIGHT_SECONDS
from worker.settings.faults import ConfigurationError, Fault, shown
from worker.settings.queue_region import region_of_queue
from worker.settings.sdk import PROFILES, faults_of_sdk
from worker.settings.suggestions import misnamed, suggestion
from worker.settings.tree import GROUPS, PREFIXES, VARIABLES, RedisSettings, Settings

_BY_NAME = {variable.name: variable for variable in VARIABLES}
_TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:([a-z0-9-]+):")
# Kubernetes sets such variables in each container of a namespace that has a Service named `redis` or `worker`.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)|_PORT$")


class Need(StrEnum):
    """What a command needs from the settings."""

    QUEUE = "WORKER_QUEUE_URL"
    TABLE = "WORKER_TABLE"
    FILES = "files"  # the converter and the workspace
    ADDRESS = "address"  # where the gateway listens


READ = frozenset({Need.TABLE})
SUBMIT = frozenset({Need.TABLE, Need.QUEUE})
RUN = frozenset({Need.TABLE, Need.QUEUE, Need.FILES})
SERVE = frozenset({Need.TABLE, Need.QUEUE, Need.ADDRESS})


def load(environ: Mapping[str, str], *, needs: Collection[Need] = RUN) -> Settings:
    """Read the environment. Raises ConfigurationError with every fault that it has."""
    settings, faults = _read(_ours(environ))
    faults += faults_of_sdk(environ)
    settings = settings.model_copy(update=_what_the_platform_says(environ, settings.queue_url))
    if Need.FILES in needs:
        settings = settings.model_copy(update=_what_the_machine_allows(environ, settings))
    in_doubt = {name for fault in faults for name in fault.names}  # one fault for each variable is enough
    faults += [fault for fault in _faults_of(settings, environ, needs) if in_doubt.isdisjoint(fault.names)]
    if faults:
        raise ConfigurationError(*faults)
    return settings


def _ours(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that are settings of ours by their prefix and are not empty."""
    return {name: value for name, value in environ.items() if name.startswith(PREFIXES) and value.strip()}


def _read(given: Mapping[str, str]) -> tuple[Settings, list[Fault]]:
    """The settings, and a fault for each unknown name and each bad value, in whose place the default is used."""
    faults = [_unknown(name, value) for name, value in given.items() if name not in _BY_NAME]
    known = {name: value for name, value in given.items() if name in _BY_NAME}
    try:
        return _tree(known), faults
    except ValidationError as exc:
        bad = {str(part): error for error in exc.errors() for part in error["loc"] if part in _BY_NAME}
    faults += [_bad_value(name, known[name], _reason(error)) for name, error in bad.items()]
    return _tree({name: value for name, value in known.items() if name not in bad}), faults


def _tree(values: Mapping[str, str]) -> Settings:
    def of(group: type[BaseModel]) -> dict[str, object]:
        return {name: value for name, value in values.items() if _BY_NAME[name].group is group}

    return Settings.model_validate(of(Settings) | {field: of(group) for field, group in GROUPS.items()})


def read_presets(environ: Mapping[str, str]) -> Presets:
    """The presets, with those of WORKER_PRESETS, for commands that need nothing else. Raises ConfigurationError."""
    settings, faults = _read({name: value for name, value in _ours(environ).items() if name == "WORKER_PRESETS"})
    if faults:
        raise ConfigurationError(*faults)
    return settings.presets


def _what_the_platform_says(environ: Mapping[str, str], queue_url: str) -> Mapping[str, object]:
    """The fields that come from variables of the SDK, of ECS, of Kubernetes and of OpenTelemetry."""
    return {
        "otlp_endpoint": _of_otlp(environ, "ENDPOINT"),
        "otlp_protocol": _of_otlp(environ, "PROTOCOL"),
        "region": _region(environ, queue_url),
        "ecs_agent_uri": environ.get("ECS_AGENT_URI") or None,
        "pod": _pod(environ),
        "profile_variable": next((name for name in PROFILES if environ.get(name)), PROFILES[-1]),
    }


def _what_the_machine_allows(environ: Mapping[str, str], settings: Settings) -> Mapping[str, object]:
    limits = machine_limits(environ)
    is_given = "concurrency" in settings.model_fields_set
    return {"memory_limit_bytes": limits.memory_bytes, "ecs_task": limits.task} | (
        {} if is_given else {"concurrency": limits.cpus}
    )


def _of_otlp(environ: Mapping[str, str], name: str) -> str | None:
    """What a variable of the exporter says, or its variant for traces, which comes first.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    given = environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or environ.get(f"OTEL_EXPORTER_OTLP_{name}")
    return given or None


def _pod(environ: Mapping[str, str]) -> str | None:
    """The name of the pod. POD_NAME is for the downward API to set; by default a pod's host name is its name."""
    is_in_kubernetes = bool(environ.get("KUBERNETES_SERVICE_HOST"))
    return (environ.get("POD_NAME") or environ.get("HOSTNAME") or None) if is_in_kubernetes else None


def _region(environ: Mapping[str, str], queue_url: str) -> str | None:
    # botocore reads only the second of the two.
    given = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return given or region_of_queue(queue_url)


# --- what is wrong with a name or a value ------------------------------------------------------------------------


def _unknown(name: str, value: str) -> Fault:
    if _is_service_link(name, value):
        return Fault((name,), _SERVICE_LINK_HINT)
    meant = suggestion(name, _BY_NAME)
    return Fault((name,), "there is no such setting" + (f"; did you mean {meant}?" if meant else ""))


def _reason(error: ErrorDetails) -> str | None:
    """The text of an error that one of our own validators raised; None for pydantic's."""
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else None


def _bad_value(name: str, value: str, reason: str | None) -> Fault:
    variable = _BY_NAME[name]
    if _is_service_link(name, value):
        return Fault((name,), _SERVICE_LINK_HINT)
    if variable.is_secret:
        return Fault((name,), "is not usable")
    if reason is not None:
        return Fault((name,), f"must be {variable.expects}; {reason}")
    return Fault((name,), f"must be {variable.expects}, not {shown(value)}")


_SERVICE_LINK_HINT = "Kubernetes set this for a Service of that name; set enableServiceLinks: false in the pod"


def _is_service_link(name: str, value: str) -> bool:
    return _SERVICE_LINK.search(name) is not None and (name not in _BY_NAME or value.startswith(("tcp://", "udp://")))


# --- what is missing or contradicts something else ---------------------------------------------------------------


def _faults_of(settings: Settings, environ: Mapping[str, str], needs: Collection[Need]) -> Iterator[Fault]:
    """Faults of the settings together: what is missing, and what contradicts something else."""
    if Need.QUEUE in needs and not settings.queue_url:
        yield Fault((Need.QUEUE.value,), f"is required: the URL of the SQS queue{_instead_of(Need.QUEUE, environ)}")
    if len(set(settings.queue_urls)) < len(settings.queue_urls):
        yield Fault((Need.QUEUE.value,), "names a queue twice")
    if Need.TABLE in needs and not settings.table:
        yield Fault(
            (Need.TABLE.value,), f"is required: the name of the DynamoDB table{_instead_of(Need.TABLE, environ)}"
        )
    yield from _faults_of_redis(settings.redis)
    if settings.redis.iam_auth:
        yield from _faults_of_iam_auth(settings.redis, settings.region)
    yield from _faults_of_region(settings, environ)
    if settings.s3_kms_key_id and not (settings.s3_sse or "").startswith("aws:kms"):
        yield Fault(("WORKER_S3_KMS_KEY_ID", "WORKER_S3_SSE"), "needs WORKER_S3_SSE=aws:kms or aws:kms:dsse")
    if settings.job_timeout_seconds + settings.visibility_timeout_seconds > MAX_IN_FLIGHT_SECONDS:
        yield Fault(
            ("WORKER_JOB_TIMEOUT_SECONDS", "WORKER_VISIBILITY_TIMEOUT_SECONDS"),
            "together with WORKER_VISIBILITY_TIMEOUT_SECONDS it is longer than the 12 hours that SQS keeps a "
            f"message in flight ({MAX_IN_FLIGHT_SECONDS} s)",
        )
    yield from _faults_of_metrics(settings)
    if Need.FILES in needs:
        yield from _faults_of_files(settings)
    if Need.ADDRESS in needs and settings.serve.token is None and not settings.serve.is_loopback:
        problem = f"is required, because WORKER_SERVE_HOST is {settings.serve.host}: others can reach it"
        yield Fault(("WORKER_SERVE_TOKEN", "WORKER_SERVE_HOST"), problem)


def _faults_of_metrics(settings: Settings) -> Iterator[Fault]:
    """Metrics are lines of the log: they need a level that does not leave them out, and JSON."""
    if settings.metrics is None:
        return
    if settings.log_level not in {"debug", "info"}:
        yield Fault(("WORKER_METRICS", "WORKER_LOG_LEVEL"), "needs WORKER_LOG_LEVEL=info or debug")
    if settings.log_format == "console":
        yield Fault(("WORKER_METRICS", "WORKER_LOG_FORMAT"), "needs WORKER_LOG_FORMAT=json")


def _instead_of(need: Need, environ: Mapping[str, str]) -> str:
    """Names the variable that was probably set in place of the one that is missing."""
    name = misnamed(need.value, (name for name in environ if not name.startswith(PREFIXES)))
    return "" if name is None else f"; {name} is set, did you mean {need.value}?"


def _faults_of_redis(redis: RedisSettings) -> Iterator[Fault]:
    if redis.username and not redis.password and not redis.iam_auth:
        yield Fault(("REDIS_USERNAME", "REDIS_PASSWORD"), "is set without REDIS_PASSWORD")
    if redis.password and not redis.endpoint:
        yield Fault(("REDIS_PASSWORD", "REDIS_ENDPOINT"), "is set without REDIS_ENDPOINT")
    if not redis.cluster and (redis.endpoint or "").startswith("clustercfg."):
        yield Fault(("REDIS_CLUSTER", "REDIS_ENDPOINT"), "must be true: REDIS_ENDPOINT leads to a cluster")
    if redis.iam_cache_name and not redis.iam_auth:
        yield Fault(("REDIS_IAM_CACHE_NAME", "REDIS_IAM_AUTH"), "is set without REDIS_IAM_AUTH")


def _faults_of_iam_auth(redis: RedisSettings, region: str | None) -> Iterator[Fault]:
    """What a login with IAM lacks (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html)."""
    if not redis.endpoint:
        yield Fault(("REDIS_IAM_AUTH", "REDIS_ENDPOINT"), "is set without REDIS_ENDPOINT")
        return
    if not redis.tls:
        yield Fault(("REDIS_IAM_AUTH", "REDIS_TLS"), "needs REDIS_TLS=true")
    if not redis.username:
        yield Fault(("REDIS_IAM_AUTH", "REDIS_USERNAME"), "needs REDIS_USERNAME, the user's id in ElastiCache")
    if redis.password:
        yield Fault(("REDIS_IAM_AUTH", "REDIS_PASSWORD"), "takes the place of REDIS_PASSWORD, which is set as well")
    if redis.iam_cache is None:
        yield Fault(
            ("REDIS_IAM_CACHE_NAME", "REDIS_ENDPOINT"),
            "is required, because REDIS_ENDPOINT does not show the name of the cache",
        )
    if region is None:
        yield Fault(("REDIS_IAM_AUTH", "AWS_REGION"), "needs AWS_REGION")


def _two_regions(name: str, region: str, other: str, others_region: str) -> str:
    if name == other:
        return f"names queues in {region} and in {others_region}"
    is_queue = name == Need.QUEUE.value
    return f"{'is in' if is_queue else 'is'} {region}, but {other} is in {others_region}"


def _faults_of_region(settings: Settings, environ: Mapping[str, str]) -> Iterator[Fault]:
    if settings.region is None:
        config = os.path.expanduser(environ.get("AWS_CONFIG_FILE") or "~/.aws/config")  # noqa: PTH111 - needs no home
        if not Path(config).is_file():
            yield Fault(("AWS_REGION",), "is required, because WORKER_QUEUE_URL does not show the region")
        return
    given = (name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if environ.get(name))
    name = next(given, Need.QUEUE.value)  # which shows the region where no variable has it
    table = _TABLE_ARN.match(settings.table)
    for other, region in (
        *(("WORKER_QUEUE_URL", region_of_queue(url)) for url in settings.queue_urls),
        ("WORKER_TABLE", table[1] if table else None),
    ):
        if region is not None and region != settings.region:
            yield Fault((name, other), _two_regions(name, settings.region, other, region))


def _faults_of_files(settings: Settings) -> Iterator[Fault]:
    if settings.ffmpeg is not None and not (settings.ffmpeg.is_file() and os.access(settings.ffmpeg, os.X_OK)):
        yield Fault(("WORKER_FFMPEG",), f"{settings.ffmpeg} is not a program that can be run")
    if settings.workspace is not None and settings.workspace.exists() and not settings.workspace.is_dir():
        yield Fault(("WORKER_WORKSPACE",), f"{settings.workspace} is not a directory")
