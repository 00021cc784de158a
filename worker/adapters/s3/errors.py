"""What S3's refusals mean for a job. Every message names the object, S3's own code, and what can be done.

A refusal that S3 documents is permanent unless it is known to pass: the same request would be refused again
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). Any other answer may be that of something
between, and is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from worker.adapters.aws.client import (
    MISCONFIGURED,
    UNREACHABLE,
    Refusal,
    misconfigured,
    refusal_of,
    unreachable,
)
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    JobError,
    SourceChangedError,
    SourceNotFoundError,
    TargetRefusedError,
)
from worker.domain.job import ObjectLocation
from worker.ports import ObjectExistsError

# Codes are without the prefix `KMS.`, with which S3 passes on what the key service said.
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSessionException",
        "InvalidSignature",
        "InvalidToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
_ON_THE_WAY = frozenset(
    {
        "BadDigest",
        "DependencyTimeoutException",
        "IncompleteBody",
        "InternalError",
        "KMSInternalException",
        "KeyUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted", "TemporaryRedirect"})
_LOST_UPLOADS = frozenset({"InvalidPart", "InvalidPartOrder", "NoSuchUpload"})  # the next upload begins anew
_TRANSIENT = _CREDENTIALS | _THROTTLES | _ON_THE_WAY | _CONFLICTS | _LOST_UPLOADS
_TRANSIENT_STATUSES = frozenset({307, 408, 425, 429})

_MISSING = frozenset(
    {
        "InvalidAccessPoint",
        "InvalidAccessPointAliasError",
        "InvalidBucketName",
        "InvalidURI",
        "KeyTooLongError",
        "NoSuchAccessPoint",
        "NoSuchBucket",
        "NoSuchVersion",
        "XMinioInvalidObjectName",
    }
)
_CHANGED_STATUSES = frozenset({412, 416})  # answers to a ranged GET that names an ETag
_NOT_RIGHTS = frozenset(  # answered with 403
    {"InvalidObjectState", "PathStyleDomainForbidden", "QuotaExceeded", "SecondLevelDomainForbidden"}
)

_OTHER_REGION = "its bucket is in another region: check AWS_REGION and the endpoint"

_NO_METHOD = "check its bucket's policy, and whether this version of it was deleted"
_NO_CHECKSUMS = (
    "a store that knows no checksums needs AWS_REQUEST_CHECKSUM_CALCULATION and "
    "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required"
)
_NOT_KNOWN = f"the endpoint does not know the request: check the settings WORKER_S3_*; {_NO_CHECKSUMS}"
_NOT_IN_PATH = (
    "the store wants the bucket in the host's name: set `addressing_style = virtual` below `s3 =` in AWS_CONFIG_FILE"
)

# The refusals that stay. An answer to HEAD has no code.
_ADVICE = {
    "301": _OTHER_REGION,
    "405": _NO_METHOD,
    "501": _NOT_KNOWN,
    "AccessControlListNotSupported": "its bucket has ACLs switched off: unset WORKER_S3_ACL",
    "AuthorizationHeaderMalformed": _OTHER_REGION,
    "DisabledException": "enable its KMS key",
    "EndpointNotFound": _OTHER_REGION,
    "EntityTooLarge": "it is larger than the store takes: choose a smaller format or bitrate",
    "IllegalLocationConstraintException": _OTHER_REGION,
    "IncorrectEndpoint": _OTHER_REGION,
    "InvalidArgument": f"check the settings WORKER_S3_* against what its bucket allows; {_NO_CHECKSUMS}",
    "InvalidBucketState": "see the state of its bucket",
    "InvalidHostHeader": "check the endpoint",
    "InvalidObjectState": "it is archived and must be restored first",
    "InvalidRequest": "a source with a key of its own (SSE-C) is not supported; else check WORKER_S3_*; "
    + _NO_CHECKSUMS,
    "InvalidStorageClass": "check WORKER_S3_STORAGE_CLASS",
    "InvalidTag": "check the tags that its bucket demands",
    "KMSInvalidStateException": "its KMS key cannot be used now: see the key's state",
    "MethodNotAllowed": _NO_METHOD,
    "MissingContentLength": "set AWS_REQUEST_CHECKSUM_CALCULATION=when_required for an endpoint that needs a length",
    "MissingSecurityHeader": "check the settings WORKER_S3_* and its bucket's policy",
    "NotFoundException": "its KMS key does not exist: check WORKER_S3_KMS_KEY_ID and the bucket's default key",
    "NotImplemented": _NOT_KNOWN,
    "PathStyleDomainForbidden": _NOT_IN_PATH,  # Tencent's
    "PermanentRedirect": _OTHER_REGION,
    "PreconditionFailed": "its store does not let it be replaced",
    "QuotaExceeded": "its bucket is full: raise the quota or delete objects",
    "SecondLevelDomainForbidden": _NOT_IN_PATH,  # Alibaba's
    "UnsupportedArgument": "check the settings WORKER_S3_*",
    "UnsupportedSignature": "its endpoint does not take signatures of version 4",
}
_CHECK_ITS_NAME = "check its name"
_CREATE_BUCKET = "create the bucket or correct the target"
_ALLOW_READING = "allow the role s3:GetObject on it and kms:Decrypt with its key"
_ALLOW_WRITING = "allow the role s3:PutObject on it and kms:GenerateDataKey with its key"
_SEE_ERROR = "see this code in the S3 API reference"
_RENEW = "the credentials or the clock of this process are refused"


class UnexplainedError(DependencyUnavailableError):
    """S3 refused a HEAD and cannot say why; the next call that has a body will."""


@contextmanager
def source_errors(source: ObjectLocation) -> Iterator[None]:
    """Raise SourceNotFoundError, SourceChangedError, AccessDeniedError or DependencyUnavailableError for the SDK's."""
    try:
        yield
    except ClientError as exc:
        raise refused_source(source, refusal_of(exc)) from exc
    except MISCONFIGURED as exc:
        raise AccessDeniedError(source, misconfigured(exc)) from exc
    except UNREACHABLE as exc:
        raise unreachable("S3", exc, about=source) from exc


@contextmanager
def target_errors(target: ObjectLocation) -> Iterator[None]:
    """Raise TargetRefusedError, AccessDeniedError or DependencyUnavailableError for the SDK's errors."""
    try:
        yield
    except ClientError as exc:
        raise refused_target(target, refusal_of(exc)) from exc
    except MISCONFIGURED as exc:
        raise TargetRefusedError(target, misconfigured(exc)) from exc
    except UNREACHABLE as exc:
        raise unreachable("S3", exc, about=target) from exc


@contextmanager
def condition_errors(target: ObjectLocation) -> Iterator[None]:
    """Raise ObjectExistsError for a call that demands that the object is new or unchanged. Inside `target_errors`.

    NoSuchKey: it is gone, so it is not unchanged.
    """
    try:
        yield
    except ClientError as exc:
        refusal = refusal_of(exc)
        if refusal.status == 412 or refusal.code == "NoSuchKey":
            raise ObjectExistsError(target) from exc
        raise


@contextmanager
def head_errors(location: ObjectLocation) -> Iterator[None]:
    """Inside one of the others, for HEAD: its answer has no body, so that a 400 has no code.

    S3 answers so where the credentials have expired, and where an object has a key of its own (SSE-C)
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). Raises UnexplainedError.
    """
    try:
        yield
    except ClientError as exc:
        if refusal_of(exc) == Refusal("", 400):
            problem = f"answered 400 without a reason for {location}: the credentials may have expired"
            raise UnexplainedError("S3", problem) from exc
        raise


def required(answer: Mapping[str, Any], name: str, location: ObjectLocation) -> str:
    """A member of an answer. Raises DependencyUnavailableError where it is missing: something else has answered."""
    value = answer.get(name)
    if not value:
        raise DependencyUnavailableError("S3", f"answered without {name} for {location}")
    return str(value)


def refused_source(source: ObjectLocation, refusal: Refusal) -> JobError:
    """What a refusal to read the source means."""
    if refusal.status in _CHANGED_STATUSES or refusal.code in {"InvalidRange", "PreconditionFailed"}:
        return SourceChangedError(source)
    if _is_transient(refusal):
        return _unavailable(source, refusal)
    if _name(refusal) in _MISSING or refusal.status in {404, 410}:
        return SourceNotFoundError(source, _reason(refusal, _CHECK_ITS_NAME))
    if _is_denied(refusal) or _stays(refusal):
        return AccessDeniedError(source, _reason(refusal, _ALLOW_READING))
    return _unavailable(source, refusal)


def refused_target(target: ObjectLocation, refusal: Refusal) -> JobError:
    """What a refusal to write the target means."""
    if _is_transient(refusal):
        return _unavailable(target, refusal)
    if refusal.code in {"NoSuchBucket", "InvalidBucketName", "NoSuchAccessPoint"} or refusal.status == 404:
        return TargetRefusedError(target, f"the bucket does not exist ({_reason(refusal, _CREATE_BUCKET)})")
    if _is_denied(refusal):
        return AccessDeniedError(target, _reason(refusal, _ALLOW_WRITING))
    # A code that is new is S3's all the same; a proxy that limits a body answers 413 and gives no code.
    if _stays(refusal) or (refusal.code and refusal.status in {400, 409}) or refusal.status in {412, 413}:
        return TargetRefusedError(target, f"S3 refuses the object ({_reason(refusal, _SEE_ERROR)})")
    return _unavailable(target, refusal)


def _is_transient(refusal: Refusal) -> bool:
    if _name(refusal) == "NotImplemented" or refusal.status == 501:
        return False
    is_known = _name(refusal) in _TRANSIENT or refusal.status in _TRANSIENT_STATUSES
    is_conflict = refusal.status == 409 and not refusal.code  # with a code, it may be about the state of the bucket
    is_in_success = refusal.status < 300  # an error in an answer that says 200
    return is_known or is_conflict or is_in_success or refusal.status >= 500


def _is_denied(refusal: Refusal) -> bool:
    name = _name(refusal)
    return name not in _NOT_RIGHTS and (refusal.status in {401, 403} or name.startswith("AccessDenied"))


def _stays(refusal: Refusal) -> bool:
    return _key(refusal) in _ADVICE or refusal.code.startswith("KMS.")


def _unavailable(location: ObjectLocation, refusal: Refusal) -> DependencyUnavailableError:
    advice = _RENEW if _name(refusal) in _CREDENTIALS else "the same request may succeed later"
    return DependencyUnavailableError("S3", f"answered {refusal} for {location}: {advice}")


def _reason(refusal: Refusal, otherwise: str) -> str:
    return f"S3 answered {refusal}: {_ADVICE.get(_key(refusal), otherwise)}"


def _key(refusal: Refusal) -> str:
    return _name(refusal) or str(refusal.status)


def _name(refusal: Refusal) -> str:
    return refusal.code.removeprefix("KMS.")
