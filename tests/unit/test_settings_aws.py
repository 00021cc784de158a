"""The variables of the AWS SDK, the region, and how targets are stored: what cannot work stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_settings import ENOUGH, faults
from worker.settings import READ, ConfigurationError, load

SECRET = "wJalrXUtnFEMI"
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ENDPOINT_URL", "localhost:5000"),
        ("AWS_ENDPOINT_URL", "http://"),
        ("AWS_ENDPOINT_URL_S3", "s3://bucket"),
        ("AWS_ENDPOINT_URL_SQS", "http://a b:1"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:http"),
        ("AWS_REGION", "eu west 1"),
        ("AWS_REGION", "eu-west-1 "),
        ("AWS_DEFAULT_REGION", "https://eu-west-1"),
        ("AWS_MAX_ATTEMPTS", "many"),
        ("AWS_MAX_ATTEMPTS", "0"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "1.5"),
        ("AWS_RETRY_MODE", "sometimes"),
        ("AWS_DEFAULTS_MODE", "default"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "never"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "global"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/v2/credentials"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example.com/v1"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2/credentials"),
        ("AWS_CA_BUNDLE", "/nonexistent/ca.pem"),
        ("AWS_EC2_METADATA_DISABLED", "1"),
        ("AWS_USE_FIPS_ENDPOINT", "yes"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "treu"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "on"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("AWS_SESSION_TOKEN", "a token without keys"),
    ],
)
def test_a_variable_of_the_sdk_that_cannot_work_is_one_line_with_its_name(name: str, value: str) -> None:
    lines = faults(**{name: value})

    assert len([line for line in lines if line.startswith(f"{name}: ")]) >= 1
    assert {line.partition(":")[0] for line in lines} == {name}


def test_a_number_of_attempts_that_is_zero_is_told_apart_from_what_is_allowed() -> None:
    assert faults(AWS_MAX_ATTEMPTS="0") == ["AWS_MAX_ATTEMPTS: must be a whole number above 0, not '0'"]


@pytest.mark.parametrize("name", KEYS)
def test_a_key_without_its_other_half_is_named_and_not_shown(name: str) -> None:
    (line,) = faults(**{name: SECRET})

    assert line.startswith(f"{name}: is set without AWS_")
    assert SECRET not in line


@pytest.mark.parametrize("name", KEYS)
def test_a_key_with_a_line_end_is_refused_and_not_shown(name: str) -> None:
    (line,) = faults(**KEYS | {name: f"{SECRET}\n"})

    assert line == f"{name}: has white space in it"


@pytest.mark.parametrize("value", ["user:hunter2@proxy:4566", "http://user:hun/hunter2@proxy:4566"])
def test_an_endpoint_that_is_no_url_is_shown_without_its_password(value: str) -> None:
    (line,) = faults(AWS_ENDPOINT_URL=value)

    assert "[redacted]@proxy:4566" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize(
    "value", ["socks5://user:hunter2@proxy:1080", "http://", "http://user:hunter2@:3128", "proxy:port", "a proxy:3128"]
)
def test_a_proxy_that_the_sdk_cannot_use_is_named_and_its_password_not_shown(name: str, value: str) -> None:
    (line,) = faults(**{name: value})

    assert line == f"{name}: must be a URL such as http://proxy.example.com:3128"


@pytest.mark.parametrize(
    "beside",
    [{"https_proxy": ""}, {"NO_PROXY": "*"}, {"no_proxy": "*", "NO_PROXY": "x"}],
    ids=["off", "none", "lower"],
)
def test_a_proxy_that_is_not_asked_needs_no_url_that_the_sdk_can_use(beside: dict[str, str]) -> None:
    load(ENOUGH | {"HTTPS_PROXY": "socks5://proxy:1080"} | beside)


def test_a_file_that_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")

    (line,) = faults(AWS_CA_BUNDLE=str(bundle))

    assert "is no file of certificates" in line


def test_what_the_sdk_takes_is_taken() -> None:
    usual = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ENDPOINT_URL_S3": "https://s3.local:9000/base",
        "AWS_ENDPOINT_URL_SQS": "http://[::1]:9324",
        "AWS_REGION": "us-gov-west-1",
        "AWS_MAX_ATTEMPTS": "3",
        "AWS_RETRY_MODE": "Adaptive",
        "AWS_PROFILE": "",
        "AWS_EC2_METADATA_DISABLED": "TRUE",
        "AWS_USE_FIPS_ENDPOINT": "false",
        "HTTPS_PROXY": "http://user:a-password@proxy.example.com:3128",
        "HTTP_PROXY": "socks5://not.asked.for:1080",
        "http_proxy": "//proxy:3128",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
    }
    load(ENOUGH | usual | KEYS)


def test_every_command_refuses_them() -> None:
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL: must be a URL such as"):
        load(ENOUGH | {"AWS_ENDPOINT_URL": "localhost:5000"}, needs=READ)


def test_no_home_directory_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", _no_entry)
    bare = {"WORKER_TABLE": "jobs"}

    with pytest.raises(ConfigurationError, match="AWS_REGION: is required"):
        load(bare, needs=READ)


def _no_entry(uid: int) -> None:
    raise KeyError(uid)


# --- regions ---------------------------------------------------------------------------------------------------------

HOSTS = {
    "sqs.us-west-2.amazonaws.com": "us-west-2",
    "sqs.cn-north-1.amazonaws.com.cn": "cn-north-1",
    "us-west-2.queue.amazonaws.com": "us-west-2",
    "queue.amazonaws.com": "us-east-1",
    "sqs-fips.us-gov-west-1.amazonaws.com": "us-gov-west-1",
    "sqs.us-west-2.api.aws": "us-west-2",
    "sqs-fips.us-west-2.api.aws": "us-west-2",
    "vpce-0ab1c2d3-wxyz.sqs.us-west-2.vpce.amazonaws.com": "us-west-2",
    "vpce-0ab1c2d3-wxyz-us-west-2a.sqs.us-west-2.vpce.amazonaws.com": "us-west-2",
}


@pytest.mark.parametrize(("host", "region"), HOSTS.items())
def test_the_region_of_a_queue_is_seen_at_each_kind_of_endpoint(host: str, region: str) -> None:
    queue = {"WORKER_QUEUE_URL": f"https://{host}/123456789012/jobs"}
    bare = {name: value for name, value in ENOUGH.items() if name != "AWS_REGION"}

    assert load(bare | queue).region == region
    assert faults(**queue) == [f"AWS_REGION: is eu-west-1, but WORKER_QUEUE_URL is in {region}"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5000", "sqs.local", "localhost.localstack.cloud:4566", "queue.example.com"]
)
def test_a_queue_elsewhere_may_be_in_any_region(host: str) -> None:
    load(ENOUGH | {"WORKER_QUEUE_URL": f"http://{host}/123456789012/jobs"})


def test_a_table_in_another_region_is_refused() -> None:
    table = "arn:aws:dynamodb:us-west-2:123456789012:table/jobs"

    assert faults(WORKER_TABLE=table) == ["AWS_REGION: is eu-west-1, but WORKER_TABLE is in us-west-2"]


def test_a_variable_that_is_not_set_is_not_named_as_that_of_another_region() -> None:
    queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs"
    elsewhere = "https://sqs.us-east-1.amazonaws.com/111122223333/jobs"
    table = "arn:aws:dynamodb:us-west-2:123456789012:table/jobs"

    assert faults(AWS_REGION="", WORKER_QUEUE_URL=queue, WORKER_TABLE=table) == [
        "WORKER_QUEUE_URL: is in eu-west-1, but WORKER_TABLE is in us-west-2"
    ]
    assert faults(AWS_REGION="", WORKER_QUEUE_URL=f"{queue},{elsewhere}") == [
        "WORKER_QUEUE_URL: names queues in eu-west-1 and in us-east-1"
    ]


# --- how targets are stored ------------------------------------------------------------------------------------------


def test_targets_are_stored_as_their_buckets_say_unless_a_setting_says_otherwise() -> None:
    assert load(ENOUGH).s3_sse is None

    settings = load(
        ENOUGH
        | {
            "WORKER_S3_REQUEST_PAYER": "requester",
            "WORKER_S3_SSE": "aws:kms",
            "WORKER_S3_KMS_KEY_ID": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab",
            "WORKER_S3_ACL": "bucket-owner-full-control",
            "WORKER_S3_STORAGE_CLASS": "STANDARD_IA",
        }
    )

    assert (settings.s3_request_payer, settings.s3_sse, settings.s3_acl, settings.s3_storage_class) == (
        "requester",
        "aws:kms",
        "bucket-owner-full-control",
        "STANDARD_IA",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_S3_REQUEST_PAYER", "owner"),
        ("WORKER_S3_SSE", "kms"),
        ("WORKER_S3_ACL", "everyone"),
        ("WORKER_S3_STORAGE_CLASS", "standard"),
        ("WORKER_S3_KMS_KEY_ID", "a key"),
    ],
)
def test_a_value_that_s3_does_not_know_is_refused(name: str, value: str) -> None:
    (line,) = faults(**{name: value})

    assert line.startswith(f"{name}: must be ")


@pytest.mark.parametrize("sse", ["", "AES256"])
def test_a_key_without_kms_is_refused(sse: str) -> None:
    assert faults(WORKER_S3_KMS_KEY_ID="alias/audio", WORKER_S3_SSE=sse) == [
        "WORKER_S3_KMS_KEY_ID: needs WORKER_S3_SSE=aws:kms or aws:kms:dsse"
    ]
