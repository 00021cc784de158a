"""The environment becomes one tree, or every fault at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker import settings as settings_package
from worker.settings import READ, RUN, SUBMIT, VARIABLES, ConfigurationError, load

ENOUGH = {
    "WORKER_QUEUE_URL": "http://127.0.0.1:5000/123456789012/jobs",
    "WORKER_TABLE": "jobs",
    "AWS_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": "/nonexistent",
}


def faults(**changes: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(ENOUGH | changes)
    return str(caught.value).splitlines()


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load(ENOUGH)
    assert settings.concurrency >= 1
    assert settings.visibility_timeout_seconds == 60
    assert settings.job_timeout_seconds == 10_800
    assert settings.max_attempts == 5
    assert settings.max_source_bytes == 5 * 1024**3
    assert settings.max_duration_seconds == 43_200
    assert settings.drain_seconds == 100
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert (settings.redis_prefix, settings.progress_mode, settings.stall_seconds) == ("audio:", "failover", 300)
    assert (settings.log_level, settings.log_format) == ("info", None)
    redis = settings.redis
    assert (redis.port, redis.tls, redis.connect_timeout_seconds, redis.command_timeout_seconds) == (
        6379,
        True,
        0.25,
        0.25,
    )


@pytest.mark.parametrize(
    ("environ", "pod"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "worker-7d9f"}, "worker-7d9f"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "node-3", "POD_NAME": "worker-7d9f"}, "worker-7d9f"),
        ({"HOSTNAME": "laptop"}, None),
    ],
)
def test_the_pod_is_named_where_kubernetes_runs_it(environ: dict[str, str], pod: str | None) -> None:
    assert load(ENOUGH | environ).pod == pod


def test_metrics_for_cloudwatch_are_off_by_default_and_need_lines_that_are_json_and_written() -> None:
    assert load(ENOUGH).metrics is None
    assert load(ENOUGH | {"WORKER_METRICS": "emf"}).environment == "production"
    assert faults(WORKER_METRICS="emf", WORKER_LOG_LEVEL="warning") == [
        "WORKER_METRICS: needs WORKER_LOG_LEVEL=info or debug"
    ]
    assert faults(WORKER_METRICS="emf", WORKER_LOG_FORMAT="console") == [
        "WORKER_METRICS: needs WORKER_LOG_FORMAT=json"
    ]
    assert faults(WORKER_METRICS="statsd")[0].startswith("WORKER_METRICS: must be emf")


def test_without_an_endpoint_there_is_no_redis() -> None:
    assert load(ENOUGH).redis_or_none is None
    assert load(ENOUGH | {"REDIS_ENDPOINT": ""}).redis_or_none is None
    assert load(ENOUGH | {"REDIS_ENDPOINT": "cache.local"}).redis_or_none is not None


def test_an_empty_value_counts_as_unset() -> None:
    assert load(ENOUGH | {"WORKER_CONCURRENCY": "", "WORKER_NO_SUCH_THING": " "}) == load(ENOUGH)


def test_values_are_read_as_people_write_them() -> None:
    settings = load(
        ENOUGH
        | {"WORKER_HTTP_PORT": "off", "WORKER_MAX_SOURCE_BYTES": "2GiB", "WORKER_LOG_LEVEL": "DEBUG"}
        | {"REDIS_TLS": "false", "WORKER_LOG_FORMAT": "console"}
    )
    assert settings.http_port is None
    assert settings.max_source_bytes == 2 * 1024**3
    assert settings.log_level == "debug"
    assert settings.redis.tls is False
    assert load(ENOUGH | {"WORKER_HTTP_PORT": "0"}).http_port == 0
    assert load(ENOUGH | {"WORKER_MAX_SOURCE_BYTES": "1048576"}).max_source_bytes == 1_048_576


def test_all_faults_come_at_once_and_each_names_its_variable() -> None:
    lines = faults(
        WORKER_CONCURRENCY="many",
        WORKER_VISIBILTY_TIMEOUT_SECONDS="30",
        REDIS_PORT="99999",
        REDIS_USERNAME="worker",
        WORKER_TABLE="",
    )
    assert sorted(line.partition(":")[0] for line in lines) == [
        "REDIS_PORT",
        "REDIS_USERNAME",
        "WORKER_CONCURRENCY",
        "WORKER_TABLE",
        "WORKER_VISIBILTY_TIMEOUT_SECONDS",
    ]


def test_an_unknown_name_brings_the_name_that_was_meant() -> None:
    assert faults(WORKER_CONCURENCY="3") == [
        "WORKER_CONCURENCY: there is no such setting; did you mean WORKER_CONCURRENCY?"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_CONCURRENCY", "0"),
        ("WORKER_CONCURRENCY", "1.5"),
        ("WORKER_VISIBILITY_TIMEOUT_SECONDS", "43201"),
        ("WORKER_JOB_TIMEOUT_SECONDS", "nan"),
        ("WORKER_JOB_TIMEOUT_SECONDS", "-1"),
        ("WORKER_MAX_DURATION_SECONDS", "inf"),
        ("WORKER_MAX_DURATION_SECONDS", "1e300"),
        ("WORKER_MAX_SOURCE_BYTES", "5 apples"),
        ("WORKER_MAX_SOURCE_BYTES", "٥"),
        ("WORKER_MAX_OUTPUT_BYTES", "1048577TiB"),
        ("WORKER_MAX_OUTPUT_BYTES", "9" * 400),
        ("WORKER_HTTP_PORT", "65536"),
        ("WORKER_HTTP_HOST", "http://localhost"),
        ("WORKER_LOG_LEVEL", "loud"),
        ("WORKER_PROGRESS_MODE", "redis"),
        ("WORKER_QUEUE_URL", "my-queue"),
        ("WORKER_QUEUE_URL", "https://user:pass@sqs.example/1/q"),
        ("WORKER_TABLE", "a b"),
        ("WORKER_REDIS_PREFIX", "a b"),
        ("REDIS_ENDPOINT", "redis://cache:6379"),
        ("REDIS_ENDPOINT", "redis..example.org"),
        ("REDIS_ENDPOINT", "10.0.0.5:6379"),
        ("REDIS_TLS", "maybe"),
        ("REDIS_CONNECT_TIMEOUT_SECONDS", "0"),
    ],
)
def test_a_bad_value_is_one_fault(name: str, value: str) -> None:
    (line,) = faults(**{name: value})
    assert line.startswith(f"{name}: must be ")


def test_the_outputs_of_new_objects_are_read_and_shown_as_they_were_given() -> None:
    text = '[{"target": "s3://out-bucket/{stem}.mp3", "format": "mp3"}]'
    settings = load(ENOUGH | {"WORKER_S3_EVENT_OUTPUTS": text})
    assert settings.effective()["WORKER_S3_EVENT_OUTPUTS"] == text
    assert load(ENOUGH).s3_event_outputs is None
    assert load(ENOUGH).effective()["WORKER_S3_EVENT_OUTPUTS"] is None


def test_outputs_that_cannot_be_are_refused_with_the_field() -> None:
    (line,) = faults(WORKER_S3_EVENT_OUTPUTS='[{"target": "s3://out-bucket/{stem}.mp3", "format": "mp4"}]')
    assert "WORKER_S3_EVENT_OUTPUTS: must be a JSON list" in line
    assert "outputs[0].format: must be one of mp3" in line


def test_ecs_says_where_its_agent_is() -> None:
    assert load(ENOUGH | {"ECS_AGENT_URI": "http://169.254.170.2/api/x"}).ecs_agent_uri == "http://169.254.170.2/api/x"
    assert load(ENOUGH | {"ECS_AGENT_URI": ""}).ecs_agent_uri is None


def test_only_the_command_line_the_demo_and_the_client_read_the_environment() -> None:
    package = Path(settings_package.__file__).parents[1]
    readers = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(r"\benviron\[|\bos\.environ\b|\bgetenv\b", path.read_text(encoding="utf-8"))
    }

    assert readers == {"cli", "client", "demo"}


def test_a_password_is_never_shown() -> None:
    secret = {"REDIS_ENDPOINT": "cache", "REDIS_USERNAME": "hunter1", "REDIS_PASSWORD": "hunter2"}
    settings = load(ENOUGH | secret)
    assert "hunter" not in f"{settings!r} {settings} {settings.effective()}"
    assert "hunter" not in " ".join(faults(**secret, WORKER_TABLE="?"))
    assert "hunter2" not in " ".join(faults(REDIS_ENDPOINT="redis://:hunter2@cache"))
    assert "hunter2" not in " ".join(faults(WORKER_QUEUE_URL="https://u:hunter2@q/1/q"))
    assert "hunter2" not in " ".join(faults(REDIS_ENDPOINT="default:hunter2@cache:6379"))
    assert "hunter2" not in " ".join(faults(REDIS_ENDPOINT="default:" + "a" * 200 + "hunter2@cache"))


def test_credentials_need_each_other_and_an_endpoint() -> None:
    assert faults(REDIS_ENDPOINT="cache", REDIS_USERNAME="u") == ["REDIS_USERNAME: is set without REDIS_PASSWORD"]
    assert faults(REDIS_PASSWORD="p") == ["REDIS_PASSWORD: is set without REDIS_ENDPOINT"]


def test_a_job_and_its_lease_must_fit_the_12_hours_of_sqs() -> None:
    (line,) = faults(WORKER_JOB_TIMEOUT_SECONDS="43200")
    assert line.startswith("WORKER_JOB_TIMEOUT_SECONDS: together with WORKER_VISIBILITY_TIMEOUT_SECONDS")


def test_a_kubernetes_service_link_is_distinguished_from_a_setting() -> None:
    lines = faults(
        REDIS_PORT="tcp://10.0.0.1:6379", REDIS_PORT_6379_TCP_ADDR="10.0.0.1", REDIS_SERVICE_HOST="10.0.0.1"
    )
    assert len(lines) == 3
    assert all("enableServiceLinks: false" in line for line in lines)


def test_the_region_comes_from_either_variable_or_from_the_queue() -> None:
    bare = {name: value for name, value in ENOUGH.items() if name != "AWS_REGION"}
    aws = {"WORKER_QUEUE_URL": "https://sqs.us-west-2.amazonaws.com/123456789012/jobs"}
    assert load(bare | {"AWS_DEFAULT_REGION": "eu-north-1"}).region == "eu-north-1"
    assert load(bare | aws).region == "us-west-2"
    with pytest.raises(ConfigurationError, match="AWS_REGION: is required"):
        load(bare)
    with pytest.raises(ConfigurationError, match="AWS_REGION: is eu-west-1, but WORKER_QUEUE_URL is in us-west-2"):
        load(ENOUGH | aws)


def test_each_command_needs_only_what_it_uses() -> None:
    reader = {"WORKER_TABLE": "jobs", "AWS_REGION": "eu-west-1"}
    assert load(reader, needs=READ).queue_url == ""
    for needs in (SUBMIT, RUN):
        with pytest.raises(ConfigurationError, match="WORKER_QUEUE_URL: is required"):
            load(reader, needs=needs)


def test_a_converter_that_cannot_be_run_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert faults(WORKER_FFMPEG=str(file)) == [f"WORKER_FFMPEG: {file} is not a program that can be run"]
    assert faults(WORKER_WORKSPACE=str(file)) == [f"WORKER_WORKSPACE: {file} is not a directory"]
    load(ENOUGH | {"WORKER_FFMPEG": str(file)}, needs=READ)


def test_every_variable_can_be_documented() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    assert all(variable.expects and variable.info.description for variable in VARIABLES)


# --- ElastiCache with IAM ------------------------------------------------------------------------------------------

IAM = {
    "REDIS_ENDPOINT": "master.audio-progress.abc123.euw1.cache.amazonaws.com",
    "REDIS_IAM_AUTH": "true",
    "REDIS_USERNAME": "worker",
}


@pytest.mark.parametrize(
    ("endpoint", "name", "is_serverless"),
    [
        ("master.audio-progress.abc123.euw1.cache.amazonaws.com", "audio-progress", False),
        ("clustercfg.Audio-Progress.abc123.euw1.cache.amazonaws.com", "audio-progress", False),
        ("audio-progress-x1y2z3.serverless.euw1.cache.amazonaws.com", "audio-progress", True),
    ],
)
def test_the_cache_is_read_from_the_endpoint(endpoint: str, name: str, is_serverless: bool) -> None:
    settings = load(ENOUGH | IAM | {"REDIS_ENDPOINT": endpoint, "REDIS_CLUSTER": "true"})
    cache = settings.redis.iam_cache
    assert cache is not None
    assert (cache.name, cache.is_serverless) == (name, is_serverless)


def test_a_cache_behind_another_name_has_to_be_named() -> None:
    other = ENOUGH | IAM | {"REDIS_ENDPOINT": "redis.example.org"}
    with pytest.raises(ConfigurationError, match="REDIS_IAM_CACHE_NAME: is required"):
        load(other)
    cache = load(other | {"REDIS_IAM_CACHE_NAME": "audio"}).redis.iam_cache
    assert cache is not None
    assert cache.name == "audio"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"REDIS_TLS": "false"}, "needs REDIS_TLS=true"),
        ({"REDIS_USERNAME": ""}, "needs REDIS_USERNAME"),
        ({"REDIS_PASSWORD": "secret"}, "takes the place of REDIS_PASSWORD"),
        ({"REDIS_ENDPOINT": ""}, "is set without REDIS_ENDPOINT"),
        ({"REDIS_IAM_CACHE_NAME": "Not A Name"}, "REDIS_IAM_CACHE_NAME: must be the name of an ElastiCache cache"),
        ({"REDIS_IAM_AUTH": "", "REDIS_USERNAME": "", "REDIS_IAM_CACHE_NAME": "x"}, "is set without REDIS_IAM_AUTH"),
        ({"REDIS_ENDPOINT": "clustercfg.a.b1.euw1.cache.amazonaws.com"}, "REDIS_CLUSTER: must be true"),
    ],
)
def test_what_contradicts_a_login_with_iam_is_refused(changes: dict[str, str], told: str) -> None:
    (line,) = faults(**IAM | changes)
    assert told in line
    assert "secret" not in line
