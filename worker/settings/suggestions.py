"""The setting that was probably meant, for a variable that is no setting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

# What other programs call a setting, by its name here. Names that only lack a unit or a letter need no entry.
_OTHER_NAMES: Mapping[str, Collection[str]] = {
    "REDIS_ENDPOINT": ("HOST", "HOSTNAME", "HOSTS", "URL", "URI", "ADDR", "ADDRESS", "SERVER", "NODES"),
    "REDIS_TLS": ("SSL", "USE_SSL", "USE_TLS", "TLS_ENABLED"),
    "REDIS_USERNAME": ("USER", "LOGIN"),
    "REDIS_PASSWORD": ("PASS", "PASSWD", "AUTH", "AUTH_TOKEN", "TOKEN"),
    "REDIS_CLUSTER": ("CLUSTER_MODE", "CLUSTER_ENABLED"),
    "REDIS_COMMAND_TIMEOUT_SECONDS": ("TIMEOUT", "SOCKET_TIMEOUT", "READ_TIMEOUT"),
    "REDIS_CONNECT_TIMEOUT_SECONDS": ("SOCKET_CONNECT_TIMEOUT", "CONNECTION_TIMEOUT"),
    "WORKER_QUEUE_URL": ("QUEUE", "QUEUE_NAME", "SQS_URL", "SQS_QUEUE", "SQS_QUEUE_URL"),
    "WORKER_TABLE": ("TABLE_NAME", "DYNAMODB_TABLE", "DYNAMODB_TABLE_NAME", "DYNAMO_TABLE", "DDB_TABLE"),
    "WORKER_CONCURRENCY": ("WORKERS", "THREADS", "JOBS", "SLOTS", "PARALLELISM", "PROCESSES"),
    "WORKER_VISIBILITY_TIMEOUT_SECONDS": ("LEASE", "LEASE_SECONDS", "VISIBILITY"),
    "WORKER_JOB_TIMEOUT_SECONDS": ("TIMEOUT", "TIMEOUT_SECONDS"),
    "WORKER_MAX_ATTEMPTS": ("RETRIES", "MAX_RETRIES", "ATTEMPTS"),
    "WORKER_DRAIN_SECONDS": ("SHUTDOWN_SECONDS", "SHUTDOWN_TIMEOUT", "GRACE_SECONDS", "STOP_TIMEOUT"),
    "WORKER_HTTP_PORT": ("PORT", "HEALTH_PORT", "METRICS_PORT"),
    "WORKER_HTTP_HOST": ("HOST", "BIND", "BIND_ADDRESS"),
    "WORKER_WORKSPACE": ("TMP", "TMPDIR", "TEMP_DIR", "WORKDIR", "WORK_DIR", "DATA_DIR"),
    "WORKER_LOG_LEVEL": ("LOGLEVEL", "LEVEL", "DEBUG", "VERBOSE"),
    "AWS_REGION": ("REGION",),
    "AWS_ENDPOINT_URL": ("ENDPOINT_URL", "AWS_ENDPOINT"),
}
_CUTOFF = 0.8  # of difflib's ratio: one or two letters, or a missing unit


def suggestion(name: str, settings: Collection[str]) -> str | None:
    """The one of `settings`, or of the SDK's variables, that is closest in spelling or in meaning to `name`."""
    meant = {setting: setting for setting in settings} | {
        f"{prefix}_{other}": setting
        for setting, others in _OTHER_NAMES.items()
        for prefix in {setting.partition("_")[0].replace("AWS", "WORKER")}
        for other in others
    }
    # Most settings of Redis have no prefix of ours, which is easily put before them or left out.
    for spelling in (name.removeprefix("WORKER_"), name, f"WORKER_{name}"):
        if close := get_close_matches(spelling, meant, n=1, cutoff=_CUTOFF):
            return meant[close[0]]
    return None


def misnamed(setting: str, names: Iterable[str]) -> str | None:
    """The one of `names` of variables that was probably set in place of the `setting` that is missing."""
    ours = {name.upper().replace("-", "_"): name for name in names}
    kernel = setting.partition("_")[2]
    close = get_close_matches(setting, ours, n=1, cutoff=_CUTOFF) or [
        name for name in ours if name == kernel or name.endswith(f"_{kernel}")
    ]
    return ours[close[0]] if close else None
