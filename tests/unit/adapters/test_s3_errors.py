"""What each refusal of S3 means: for a source, and for a target."""

from __future__ import annotations

import pytest

from worker.adapters.aws.client import Refusal
from worker.adapters.s3.errors import refused_source, refused_target
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    JobError,
    SourceChangedError,
    SourceNotFoundError,
    TargetRefusedError,
)
from worker.domain.job import ObjectLocation

OBJECT = ObjectLocation("bucket", "a key.wav")

PERMANENT = [
    (400, "AuthorizationHeaderMalformed", AccessDeniedError, TargetRefusedError),
    (400, "InvalidArgument", AccessDeniedError, TargetRefusedError),
    (400, "InvalidRequest", AccessDeniedError, TargetRefusedError),  # SSE-C
    (400, "InvalidTag", AccessDeniedError, TargetRefusedError),
    (400, "AccessControlListNotSupported", AccessDeniedError, TargetRefusedError),
    (400, "KMS.DisabledException", AccessDeniedError, TargetRefusedError),
    (400, "KMS.NotFoundException", AccessDeniedError, TargetRefusedError),
    (400, "KMS.KMSInvalidStateException", AccessDeniedError, TargetRefusedError),
    (400, "KMS.AnythingThatIsNewInKMS", AccessDeniedError, TargetRefusedError),
    (400, "KMS.AccessDeniedException", AccessDeniedError, AccessDeniedError),
    (400, "InvalidBucketName", SourceNotFoundError, TargetRefusedError),
    (400, "InvalidAccessPoint", SourceNotFoundError, TargetRefusedError),
    (400, "InvalidAccessPointAliasError", SourceNotFoundError, TargetRefusedError),
    (400, "XMinioInvalidObjectName", SourceNotFoundError, TargetRefusedError),
    (400, "EndpointNotFound", AccessDeniedError, TargetRefusedError),
    (400, "IllegalLocationConstraintException", AccessDeniedError, TargetRefusedError),
    (400, "IncorrectEndpoint", AccessDeniedError, TargetRefusedError),
    (400, "InvalidHostHeader", AccessDeniedError, TargetRefusedError),
    (400, "UnsupportedSignature", AccessDeniedError, TargetRefusedError),
    (401, "Unauthorized", AccessDeniedError, AccessDeniedError),
    (403, "AccessDenied", AccessDeniedError, AccessDeniedError),
    (403, "AllAccessDisabled", AccessDeniedError, AccessDeniedError),
    (403, "InvalidObjectState", AccessDeniedError, TargetRefusedError),
    (403, "QuotaExceeded", AccessDeniedError, TargetRefusedError),
    (403, "SecondLevelDomainForbidden", AccessDeniedError, TargetRefusedError),
    (403, "PathStyleDomainForbidden", AccessDeniedError, TargetRefusedError),
    (403, "", AccessDeniedError, AccessDeniedError),
    (404, "NoSuchBucket", SourceNotFoundError, TargetRefusedError),
    (404, "NoSuchKey", SourceNotFoundError, TargetRefusedError),
    (404, "", SourceNotFoundError, TargetRefusedError),
    (405, "MethodNotAllowed", AccessDeniedError, TargetRefusedError),
    (405, "", AccessDeniedError, TargetRefusedError),
    (409, "InvalidBucketState", AccessDeniedError, TargetRefusedError),
    (411, "MissingContentLength", AccessDeniedError, TargetRefusedError),
    (301, "PermanentRedirect", AccessDeniedError, TargetRefusedError),
    (301, "", AccessDeniedError, TargetRefusedError),
    (501, "NotImplemented", AccessDeniedError, TargetRefusedError),
    (501, "", AccessDeniedError, TargetRefusedError),
]

TRANSIENT = [
    (400, "ExpiredToken"),
    (400, "InvalidSessionException"),
    (400, "InvalidSignature"),
    (400, "RequestTimeout"),
    (400, "IncompleteBody"),
    (400, "BadDigest"),
    (400, "KMS.ThrottlingException"),
    (400, "KMS.KMSInternalException"),
    (400, "KMS.KeyUnavailableException"),
    (403, "InvalidSecurity"),
    (409, ""),
    (403, "RequestTimeTooSkewed"),
    (403, "SignatureDoesNotMatch"),
    (404, "NoSuchUpload"),
    (409, "OperationAborted"),
    (409, "ConditionalRequestConflict"),
    (429, "TooManyRequests"),
    (408, ""),
    (429, ""),
    (500, "InternalError"),
    (503, "SlowDown"),
    (502, ""),
    (200, "InternalError"),  # S3 may answer a completion so
    (300, ""),
    (302, ""),
    (304, ""),
    (304, "AnythingThatIsNewInS3"),
    (400, ""),
    (402, ""),
    (405, "AnythingThatIsNewInS3"),
    (418, ""),
    (418, "AnythingThatIsNewInS3"),
    (451, ""),
]


def says_all(error: JobError, code: str, status: int) -> bool:
    """Whether the message names the object and S3's code, and goes on to say what to do."""
    _, found, after = str(error).partition(code or str(status))
    return bool(found) and str(OBJECT) in str(error) and ": " in after and len(after) > 10


@pytest.mark.parametrize(("status", "code", "of_a_source", "of_a_target"), PERMANENT)
def test_a_refusal_is_permanent_and_says_whose_it_is(
    status: int, code: str, of_a_source: type[JobError], of_a_target: type[JobError]
) -> None:
    source, target = (each(OBJECT, Refusal(code, status)) for each in (refused_source, refused_target))

    assert (type(source), type(target)) == (of_a_source, of_a_target)
    assert says_all(source, code, status)
    assert says_all(target, code, status)


@pytest.mark.parametrize(("status", "code"), TRANSIENT)
def test_what_passes_by_itself_is_tried_again(status: int, code: str) -> None:
    for refused in (refused_source, refused_target):
        error = refused(OBJECT, Refusal(code, status))

        assert type(error) is DependencyUnavailableError
        assert says_all(error, code, status)
        assert "job" not in str(error)  # a gateway says it, too, about files of which no job knows yet
        assert "worker" not in str(error)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "AnythingThatIsNewInS3"), (409, "AnythingThatIsNewInS3"), (413, "")]
)
def test_only_a_target_is_refused_for_good_by_a_refusal_that_says_nothing_of_rights(status: int, code: str) -> None:
    refusal = Refusal(code, status)

    assert type(refused_target(OBJECT, refusal)) is TargetRefusedError
    assert type(refused_source(OBJECT, refusal)) is DependencyUnavailableError


@pytest.mark.parametrize(("status", "code"), [(412, "PreconditionFailed"), (416, "InvalidRange"), (412, "")])
def test_a_range_that_does_not_fit_means_that_the_source_was_replaced(status: int, code: str) -> None:
    assert type(refused_source(OBJECT, Refusal(code, status))) is SourceChangedError


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessControlListNotSupported", "unset WORKER_S3_ACL"),
        ("KMS.DisabledException", "enable its KMS key"),
        ("InvalidObjectState", "must be restored first"),
        ("MissingContentLength", "AWS_REQUEST_CHECKSUM_CALCULATION=when_required"),
        ("PermanentRedirect", "AWS_REGION"),
        ("AuthorizationHeaderMalformed", "AWS_REGION"),
        ("IllegalLocationConstraintException", "AWS_REGION"),
        ("IncorrectEndpoint", "AWS_REGION"),
        ("InvalidStorageClass", "WORKER_S3_STORAGE_CLASS"),
        ("SecondLevelDomainForbidden", "addressing_style = virtual"),
        ("PathStyleDomainForbidden", "addressing_style = virtual"),
    ],
)
def test_where_something_can_be_done_about_a_code_it_is_said(code: str, advice: str) -> None:
    assert advice in str(refused_target(OBJECT, Refusal(code, 400)))


@pytest.mark.parametrize(
    ("status", "code"), [(400, "InvalidArgument"), (400, "InvalidRequest"), (501, "NotImplemented"), (501, "")]
)
def test_a_store_that_may_know_no_checksums_is_told_of_the_variables_that_leave_them_out(
    status: int, code: str
) -> None:
    for refused in (refused_source, refused_target):
        message = str(refused(OBJECT, Refusal(code, status)))

        assert "WORKER_S3_*" in message
        assert "AWS_REQUEST_CHECKSUM_CALCULATION and AWS_RESPONSE_CHECKSUM_VALIDATION=when_required" in message


def test_a_bucket_of_another_region_is_named_as_one_where_the_answer_has_no_code() -> None:
    assert "AWS_REGION" in str(refused_target(OBJECT, Refusal("", 301)))
