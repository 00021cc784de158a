"""Secrets in keys of objects: presigned URLs of all kinds that were pasted, and other keys stay as they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker.domain.errors import SourceNotFoundError
from worker.domain.progress import ErrorInfo, OutputRecord, Record, first_record
from worker.domain.redaction import redact

NOW = datetime(2026, 11, 22, 20, 1, 2, tzinfo=UTC)
SECRET = "0123456789abcdefSECRET"
URLS = {
    "S3, version 4": f"https://b.s3.amazonaws.com/a.wav?X-Amz-Credential=x&X-Amz-Signature={SECRET}",
    "S3, version 2": f"https://b.s3.amazonaws.com/a.wav?AWSAccessKeyId=x&Expires=1&Signature={SECRET}",
    "CloudFront": f"https://d.cloudfront.net/a.wav?Policy={SECRET}&Signature={SECRET}&Key-Pair-Id=x",
    "Google": f"https://storage.googleapis.com/b/a.wav?X-Goog-Signature={SECRET}",
    "Azure": f"https://b.blob.core.windows.net/c/a.wav?sv=2022&sig={SECRET}",
    "encoded": f"a.wav%3FX-Amz-Signature%3D{SECRET}%26x",
    "encoded twice": f"a.wav%253FSignature%253D{SECRET}",
    "token": f"https://host/a.wav?access_token={SECRET}",
    "user": f"https://user:{SECRET}@host/a.wav",
}


@pytest.mark.parametrize("key", URLS.values(), ids=URLS)
def test_a_presigned_url_as_a_key_is_in_no_record(key: str) -> None:
    source = f"s3://bucket/{key}"

    record = first_record("job", source, (source,), NOW)

    assert SECRET not in record.to_json()
    assert "a.wav" in record.to_json()


@pytest.mark.parametrize("key", URLS.values(), ids=URLS)
def test_a_presigned_url_as_a_key_is_in_no_error_of_a_record(key: str) -> None:
    assert SECRET not in ErrorInfo.of(SourceNotFoundError(f"s3://bucket/{key}")).message


def test_a_record_that_is_read_and_made_anew_is_the_same() -> None:
    record = first_record("job", f"s3://bucket/{URLS['S3, version 4']}", (), NOW)

    assert Record.from_json(record.to_json()) == record
    assert OutputRecord(redact(URLS["Azure"])) == OutputRecord(URLS["Azure"])


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/Signature tune.wav",
        "s3://bucket/sig.wav",
        "s3://bucket/a@b/policy.wav",
        "s3://bucket/design=x.wav",
    ],
)
def test_a_key_without_a_secret_stays(text: str) -> None:
    assert redact(text) == text
