"""Writes the pages of this directory that say what the code says: `make docs`. A test keeps them in step."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from docs.commands import commands
from docs.faults import faults
from docs.formats import CUTS, formats
from docs.modules import modules
from docs.options import options
from worker import metrics
from worker.application.messages.presets import Presets
from worker.application.messages.schema import SCHEMAS
from worker.domain import disk_space, errors
from worker.domain.errors import ErrorCode, JobError
from worker.events import CATALOGUE, COMMON_FIELDS, JOB_FIELDS, TRACE_FIELDS
from worker.gateway import instruments as gateway_instruments
from worker.settings import VARIABLES, Variable

HERE = Path(__file__).parent

CONFIGURATION = """\
# Configuration

<!-- Written by docs/generate.py from worker/settings. -->

The environment is the only source of settings.
An empty value counts as unset.
An unknown `WORKER_*` or `REDIS_*` name, a bad value, or two values that contradict each other stop the start:
exit code 78, one line on standard error for each fault.

{table}

Sizes may have a unit. `KiB` to `TiB`, and `K` to `T` alone, count in 1024s; `KB` to `TB` count in 1000s.

## AWS

Region, credentials and endpoints come from the SDK's own variables and chain.
The region is `AWS_REGION`, else `AWS_DEFAULT_REGION`, else the one in `WORKER_QUEUE_URL`,
else the one in the SDK's configuration file.
A variable or a file of the SDK that cannot work stops the start, too.
Where the chain finds no credentials, it is asked again until it does, and nothing is received until then.
`AWS_ENDPOINT_URL`, or one for each service such as `AWS_ENDPOINT_URL_SQS`, names another endpoint: an emulator, say.
With `REDIS_IAM_AUTH` the role needs `elasticache:Connect` ([deploy/README.md](../deploy/README.md#roles)).

### Other stores than S3

The bucket stands in the path.
A store that wants it in the host's name (Alibaba's OSS, Tencent's COS) needs `addressing_style = virtual` in the file
that `AWS_CONFIG_FILE` names: in the profile, indented below `s3 =`.
Bodies are sent with `x-amz-checksum-crc32`, and downloads ask for checksums.
A store that knows none, such as Backblaze's B2, needs `AWS_REQUEST_CHECKSUM_CALCULATION=when_required` and
`AWS_RESPONSE_CHECKSUM_VALIDATION=when_required`, which leave them out.
A store that answers without ETag, or with a weak one, hides that a source was replaced while it was read.
One that answers without Content-Length and closes the connection hides that a source was cut off.
A download of either kind is not resumed.

## OpenTelemetry

`OTEL_EXPORTER_OTLP_ENDPOINT` names a collector that spans of jobs are sent to
([operations.md](operations.md#spans-for-opentelemetry)).
`OTEL_EXPORTER_OTLP_PROTOCOL` may be unset or `http/protobuf`, the only one that is spoken here.

## ECS

Where ECS sets `ECS_AGENT_URI`, the worker has its task protected from scale-in and deployments while jobs run.
Where messages always wait, it stops taking them after two hours without a break.
It takes them again half a minute after its jobs have ended. In that half minute ECS may end the task.
A refusal is a line in the log (`protection.refused`), and nothing else.
The limits of the task, and its id (the field `task` of log lines), come from `ECS_CONTAINER_METADATA_URI_V4`.

## The workspace

Each job reserves space in `WORKER_WORKSPACE` before it writes: for its source, whose size S3 says,
and for its outputs, by length, rate, channels and bitrate.
An output of WAV needs what its samples take; FLAC and ALAC may need as much; a bitrate counts twice.
A job for which there is no space beside the others waits (`job.delayed`). Its lease is renewed meanwhile, its time
limits do not count, and only a few smaller jobs may overtake it. After a quarter of an hour it is given back, and uses
up no attempt.
A job that needs more than the whole file system has fails at once.
Only some WAVs need not fit ([which, and why](decisions/speed.md#sources-larger-than-the-disk)): 16 MiB beside the
outputs are enough for them, and they are downloaded as fast as they are converted (`source.not_kept`).
Workers of one user that share a file system see what the others have reserved.
Between them, space goes to the one that asks first.
Workers of different users do not see each other: give each a file system of its own.

## What contradicts what

- `REDIS_USERNAME` without `REDIS_PASSWORD` or `REDIS_IAM_AUTH`, and `REDIS_PASSWORD` without `REDIS_ENDPOINT`.
- `REDIS_IAM_AUTH` without `REDIS_ENDPOINT`, `REDIS_USERNAME`, TLS or a region, or with `REDIS_PASSWORD`; and without
  `REDIS_IAM_CACHE_NAME` where the endpoint does not show the cache's name.
- `REDIS_IAM_CACHE_NAME` without `REDIS_IAM_AUTH`.
- A `REDIS_ENDPOINT` that begins with `clustercfg.`, without `REDIS_CLUSTER=true`.
- A queue that `WORKER_QUEUE_URL` names twice.
- `WORKER_JOB_TIMEOUT_SECONDS` and `WORKER_VISIBILITY_TIMEOUT_SECONDS` together above the 12 hours
  that [SQS keeps a message in flight][quotas].
- A region that is not the one in `WORKER_QUEUE_URL`, or in `WORKER_TABLE` where that is an ARN.
- `WORKER_S3_KMS_KEY_ID` without `WORKER_S3_SSE=aws:kms` or `aws:kms:dsse`.
- `WORKER_METRICS=emf` with a `WORKER_LOG_LEVEL` above `info`, or with `WORKER_LOG_FORMAT=console`.
- For `worker run`: a `WORKER_FFMPEG` that cannot be run, a `WORKER_WORKSPACE` that is no directory.
- For `worker serve`: a `WORKER_SERVE_HOST` other than loopback without `WORKER_SERVE_TOKEN`.

## On Kubernetes

A Service named `redis` makes Kubernetes put `REDIS_PORT=tcp://…` and more into every container of its namespace.
Set `enableServiceLinks: false` in the pod; the worker says so if it finds them.

Where `KUBERNETES_SERVICE_HOST` is set, log lines have the pod's name as `pod`: `POD_NAME`, which the manifests of
`deploy/` set, else `HOSTNAME`.

[quotas]: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

EVENTS = """\
# Log events

<!-- Written by docs/generate.py from worker/events. -->

One JSON object a line on standard output.
Every line has {common}, and `task` on ECS or `pod` on Kubernetes; within a job also {job},
and {trace} where its message carries a trace context ([messages.md](messages.md)).
A line with an `outcome` is the only one about that end, so they can be counted. What went wrong is in `error`.
Alarms and queries may use only these names. Adding an event is a changelog entry, changing one a breaking change.

{table}
"""

ERRORS = """\
# Error codes

<!-- Written by docs/generate.py from worker/domain/errors.py. -->

What a record's `error.code` may be.
A job that ends with a retryable code is started again, until it has been started `WORKER_MAX_ATTEMPTS` times.
Starts that a dependency ended (`dependency_unavailable`), or that had no space because others had it
(`workspace_full`), do not count in the first twelve hours after the first receive of the message.
A job whose retry would come after the queue has dropped its message fails at once.
Adding a code is a changelog entry, changing one a breaking change.

{table}

{cuts}"""

METRICS = """\
# Metrics

<!-- Written by docs/generate.py from worker/metrics.py and worker/gateway/instruments.py. -->

`GET /metrics` of a worker answers with these, and with the process's own (`process_*`), as Prometheus text.

{worker}

`GET /metrics` of the gateway answers with these, and with the process's own.
It needs no bearer token, as that of the worker needs none: it shows no job, bucket or client.
Where that is too much, open the gateway's port to its load balancer alone, and have that keep `/metrics` from clients.

{gateway}
"""


def configuration() -> str:
    rows = ((f"`{item.name}`", _default(item), item.expects, item.info.description or "") for item in VARIABLES)
    return CONFIGURATION.format(table=_table(("variable", "default", "must be", ""), rows))


def events() -> str:
    rows = ((f"`{event.value}`", spec.levels, spec.when, _code(spec.fields)) for event, spec in CATALOGUE.items())
    table = _table(("event", "level", "when", "fields"), rows)
    return EVENTS.format(common=_code(COMMON_FIELDS), job=_code(JOB_FIELDS), trace=_code(TRACE_FIELDS), table=table)


def error_codes() -> str:
    kinds = {code: [kind for kind in _job_errors() if kind.code is code] for code in ErrorCode}
    rows = (
        (f"`{code.value}`", "yes" if found[0].retryable else "no", " ".join(map(_summary, found)))
        for code, found in kinds.items()
    )
    return ERRORS.format(table=_table(("code", "retryable", "meaning"), rows), cuts=CUTS)


def schema(name: str) -> str:
    return json.dumps(SCHEMAS[name](), indent=2) + "\n"


def instruments() -> str:
    return METRICS.format(
        worker=_instruments_of(metrics.REGISTRY), gateway=_instruments_of(gateway_instruments.REGISTRY)
    )


def _instruments_of(registry: CollectorRegistry) -> str:
    rows = (
        (f"`{family.name}{'_total' if family.type == 'counter' else ''}`", family.type, family.documentation)
        for family in registry.collect()
        if not family.name.startswith("process_")
    )
    return _table(("name", "type", "meaning"), rows)


def _default(variable: Variable) -> str:
    if variable.info.default_factory is not None:
        return "usable CPUs"
    match variable.info.default:
        case None | Presets():
            return "unset"
        case "":
            return "required"
        case bool() as default:
            return f"`{str(default).lower()}`"
        case float() as default:
            return f"`{default:g}`"
        case default:
            return f"`{default}`"


def _job_errors() -> Iterator[type[JobError]]:
    """The classes that have a code of their own."""
    for module in (errors, disk_space):
        for kind in vars(module).values():
            is_defined_here = getattr(kind, "__module__", None) == module.__name__
            if is_defined_here and isinstance(kind, type) and issubclass(kind, JobError) and "code" in vars(kind):
                yield kind


def _summary(kind: type) -> str:
    """The first paragraph of its docstring."""
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": partial(commands, _table),
    "configuration.md": configuration,
    "events.md": events,
    "errors.md": error_codes,
    "faults.md": partial(faults, _table),
    "formats.md": partial(formats, _table),
    "metrics.md": instruments,
    "modules.md": partial(modules, _table),
    "options.md": partial(options, _table),
    **{f"schemas/{name}.schema.json": partial(schema, name) for name in SCHEMAS},
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages; with `--check`, say which are out of step instead, and return 1 if any is."""
    stale = [name for name, page in PAGES.items() if _read(HERE / name) != page()]
    for name in stale:
        if "--check" in arguments:
            print(f"docs/{name} is out of step with the code: run `make docs`", file=sys.stderr)
        else:
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_text(PAGES[name](), encoding="utf-8")
    return int(bool(stale)) if "--check" in arguments else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
