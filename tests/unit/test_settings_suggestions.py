"""A variable that is no setting is answered with the one that was probably meant, and a value without its password."""

from __future__ import annotations

import pytest

from worker.settings import READ, SERVE, SUBMIT, ConfigurationError, load

WELL = {"WORKER_TABLE": "jobs", "WORKER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111122223333/audio"}


def faults_of(environ: dict[str, str], needs: frozenset[object] = SUBMIT) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(environ, needs=needs)  # type: ignore[arg-type]
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("REDIS_HOST", "REDIS_ENDPOINT"),
        ("REDIS_URL", "REDIS_ENDPOINT"),
        ("REDIS_URI", "REDIS_ENDPOINT"),
        ("REDIS_ADDR", "REDIS_ENDPOINT"),
        ("REDIS_ENPOINT", "REDIS_ENDPOINT"),
        ("REDIS_SSL", "REDIS_TLS"),
        ("REDIS_USER", "REDIS_USERNAME"),
        ("REDIS_AUTH_TOKEN", "REDIS_PASSWORD"),
        ("REDIS_PASSWD", "REDIS_PASSWORD"),
        ("REDIS_CONNECT_TIMEOUT", "REDIS_CONNECT_TIMEOUT_SECONDS"),
        ("WORKER_REDIS_HOST", "REDIS_ENDPOINT"),
        ("WORKER_REDIS_ENDPOINT", "REDIS_ENDPOINT"),
        ("REDIS_PREFIX", "WORKER_REDIS_PREFIX"),
        ("WORKER_QUEUE", "WORKER_QUEUE_URL"),
        ("WORKER_SQS_QUEUE_URL", "WORKER_QUEUE_URL"),
        ("WORKER_TABLE_NAME", "WORKER_TABLE"),
        ("WORKER_THREADS", "WORKER_CONCURRENCY"),
        ("WORKER_HOST", "WORKER_HTTP_HOST"),
        ("WORKER_VISIBILITY_TIMEOUT", "WORKER_VISIBILITY_TIMEOUT_SECONDS"),
        ("WORKER_FFMPEG_PATH", "WORKER_FFMPEG"),
        ("WORKER_TMPDIR", "WORKER_WORKSPACE"),
        ("WORKER_LOGLEVEL", "WORKER_LOG_LEVEL"),
        ("WORKER_REGION", "AWS_REGION"),
    ],
)
def test_a_near_miss_names_the_setting(name: str, meant: str) -> None:
    secret = "redis://u:hunter2@cache:6379"

    assert faults_of({**WELL, name: secret}) == f"{name}: there is no such setting; did you mean {meant}?"


def test_a_name_that_is_like_none_suggests_nothing() -> None:
    assert faults_of({**WELL, "WORKER_ZEBRA_STRIPES": "1"}) == "WORKER_ZEBRA_STRIPES: there is no such setting"


@pytest.mark.parametrize("name", ["SQS_QUEUE_URL", "QUEUE_URL", "WORKR_QUEUE_URL", "worker_queue_url"])
def test_a_required_variable_under_another_name_is_pointed_at(name: str) -> None:
    faults = faults_of({"WORKER_TABLE": "jobs", "AWS_REGION": "eu-west-1", name: "https://secret"})

    assert faults == (
        f"WORKER_QUEUE_URL: is required: the URL of the SQS queue; {name} is set, did you mean WORKER_QUEUE_URL?"
    )


def test_a_required_variable_that_is_like_none_is_only_asked_for() -> None:
    faults = faults_of({"AWS_REGION": "eu-west-1", "PATH": "/bin"}, needs=READ)

    assert faults == "WORKER_TABLE: is required: the name of the DynamoDB table"


@pytest.mark.parametrize("name", ["REDIS_ENDPOINT", "WORKER_QUEUE_URL", "WORKER_TABLE", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize("user", ["user:hunter2", ":hunter2", "hunter2", "user:hunter/2", "user:hunter@2"])
@pytest.mark.parametrize("scheme", ["", "redis://", "redis+tls://"])
def test_a_value_that_cannot_be_is_shown_without_its_password(name: str, user: str, scheme: str) -> None:
    (line, *_) = faults_of({**WELL, "AWS_REGION": "eu-west-1", name: f"{scheme}{user}@cache:x"}).splitlines()

    assert line.startswith(f"{name}: must be ")
    assert line.endswith(f", not '{scheme}[redacted]@cache:x'")


@pytest.mark.parametrize("name", ["WORKER_SERVE_SOURCE", "WORKER_SERVE_CORS_ORIGINS"])
def test_a_value_for_the_gateway_that_cannot_be_is_shown_without_its_password(name: str) -> None:
    line = faults_of({**WELL, name: "ftp://user:hunter2@host"}, SERVE)

    assert line.startswith(f"{name}: must be ")
    assert "'ftp://[redacted]@host' is none" in line


def test_a_password_that_is_longer_than_what_is_shown_of_a_value_is_not_shown() -> None:
    password = "hunter2" * 20

    assert "hunter" not in faults_of({**WELL, "AWS_ENDPOINT_URL": f"user:{password}@host"})
