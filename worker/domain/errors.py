"""The errors that the record of a job may show, and those by which an attempt ends without one.

    WorkerError
    ├── JobError                        has a `code` that producers and operators see
    │   ├── PermanentError              same message, same failure: never retried
    │   │   ├── InvalidMessageError     invalid_message
    │   │   ├── SourceNotFoundError     source_not_found
    │   │   ├── SourceTooLargeError     source_too_large
    │   │   ├── OutputsTooLargeError    source_too_large (these two are in `disk_space`)
    │   │   ├── WorkspaceTooSmallError  source_too_large
    │   │   ├── AccessDeniedError       access_denied
    │   │   ├── UnsupportedAudioError   unsupported_audio
    │   │   ├── NoAudioError            no_audio
    │   │   ├── DurationTooLongError    duration_too_long
    │   │   ├── TargetRefusedError      target_refused
    │   │   ├── ConversionTimeoutError  conversion_timeout
    │   │   ├── ConverterAlwaysFailsError  converter_crashed
    │   │   ├── PeakOutOfReachError     converter_crashed (in `loudness`)
    │   │   ├── TooManyAttemptsError    too_many_attempts
    │   │   ├── JobCancelledError       cancelled
    │   │   └── RecordedError           what the record of a failed job says
    │   └── TransientError              may pass: started again, up to WORKER_MAX_ATTEMPTS starts (`outcome`)
    │       ├── SourceChangedError      source_changed
    │       ├── ConverterCrashedError   converter_crashed
    │       │   └── ConverterFailedError    converter_crashed
    │       ├── StalledError            stalled
    │       ├── WorkspaceFullError      workspace_full
    │       ├── WorkspaceBusyError      workspace_full (in `disk_space`)
    │       ├── DependencyUnavailableError  dependency_unavailable
    │       └── InternalError           internal
    ├── LeaseLostError                  the delivery or the claim is no longer ours: touch nothing
    └── ShutdownError                   we stop: give the message back

Messages are for people: a fixed sentence with the names and numbers in it, never a vendor's text, a secret,
a presigned URL or a traceback. The vendor's exception is the `__cause__`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """The codes of errors (docs/errors.md). Adding one is a changelog entry, changing one a breaking change."""

    INVALID_MESSAGE = "invalid_message"
    SOURCE_NOT_FOUND = "source_not_found"
    SOURCE_TOO_LARGE = "source_too_large"
    SOURCE_CHANGED = "source_changed"
    ACCESS_DENIED = "access_denied"
    UNSUPPORTED_AUDIO = "unsupported_audio"
    NO_AUDIO = "no_audio"
    DURATION_TOO_LONG = "duration_too_long"
    TARGET_REFUSED = "target_refused"
    CONVERSION_TIMEOUT = "conversion_timeout"
    CONVERTER_CRASHED = "converter_crashed"
    STALLED = "stalled"
    WORKSPACE_FULL = "workspace_full"
    DEPENDENCY_UNAVAILABLE = "dependency_unavailable"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class WorkerError(Exception):
    """The base of all exceptions that this code raises on purpose."""


class JobError(WorkerError):
    """A job failed, for a reason with a code."""

    code: ClassVar[ErrorCode]
    retryable: ClassVar[bool]


class PermanentError(JobError):
    """The same message would fail the same way again."""

    retryable = False


class TransientError(JobError):
    """The same message may succeed later."""

    retryable = True


class InvalidMessageError(PermanentError):
    """The body is no job. `field` is the path of what is wrong, such as `outputs[1].format`."""

    code = ErrorCode.INVALID_MESSAGE

    def __init__(self, field: str, problem: str, *, job_id: str | None = None) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.job_id = job_id  # where one can be read in spite of the fault


class SourceNotFoundError(PermanentError):
    """The source's bucket or key does not exist."""

    code = ErrorCode.SOURCE_NOT_FOUND

    def __init__(self, location: object, reason: str | None = None) -> None:
        super().__init__(f"{location} does not exist" + (f" ({reason})" if reason else ""))


class SourceTooLargeError(PermanentError):
    """The source has more bytes than WORKER_MAX_SOURCE_BYTES."""

    code = ErrorCode.SOURCE_TOO_LARGE

    def __init__(self, location: object, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{location} has {size_bytes} bytes; the limit is {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class SourceChangedError(TransientError):
    """The source was replaced while it was read: its ETag changed."""

    code = ErrorCode.SOURCE_CHANGED

    def __init__(self, location: object) -> None:
        super().__init__(f"{location} was replaced while it was read")


class AccessDeniedError(PermanentError):
    """S3 refuses the object: the role lacks a right, its KMS key cannot be used, or it is archived.

    S3 answers so for an object that does not exist, too, where the role may not list the bucket.
    """

    code = ErrorCode.ACCESS_DENIED

    def __init__(self, location: object, reason: str | None = None) -> None:
        super().__init__(f"access to {location} is denied" + (f": {reason}" if reason else ""))


class UnsupportedAudioError(PermanentError):
    """The source is not audio that we decode, or it is damaged or cut off."""

    code = ErrorCode.UNSUPPORTED_AUDIO

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


class NoAudioError(PermanentError):
    """The source is a media file without an audio stream."""

    code = ErrorCode.NO_AUDIO

    def __init__(self) -> None:
        super().__init__("the source has no audio stream")


class DurationTooLongError(PermanentError):
    """The source plays for longer than WORKER_MAX_DURATION_SECONDS."""

    code = ErrorCode.DURATION_TOO_LONG

    def __init__(self, duration_seconds: float | None, limit_seconds: float, *, sources: int = 1) -> None:
        limit, what = f"{limit_seconds:.0f} s", "the source plays" if sources == 1 else "the sources together play"
        length = None if duration_seconds is None else f"{duration_seconds:.0f} s; the limit is {limit}"
        super().__init__(f"{what} for {length or f'more than the limit of {limit}'}")


class TargetRefusedError(PermanentError):
    """The target's bucket does not exist, or will not take the object for a reason that will not change."""

    code = ErrorCode.TARGET_REFUSED

    def __init__(self, location: object, problem: str) -> None:
        super().__init__(f"{location}: {problem}")


class ConversionTimeoutError(PermanentError):
    """The job took more than WORKER_JOB_TIMEOUT_SECONDS, or nearly SQS's 12 hours. Another try would take as long."""

    code = ErrorCode.CONVERSION_TIMEOUT

    def __init__(self, limit_seconds: float) -> None:
        super().__init__(f"the job took longer than {limit_seconds:.0f} s")


class ConverterAlwaysFailsError(PermanentError):
    """The converter failed by itself, in the same way twice: it does not help to try again."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}, twice")
        self.code = ErrorCode.CONVERTER_CRASHED  # type: ignore[misc]


class ConverterCrashedError(TransientError):
    """The converter ended for a reason that need not be the source's.
    Not retried if it failed twice by itself, or no gain brings a true peak as low as a `loudness` asks for.
    """

    code = ErrorCode.CONVERTER_CRASHED

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


class ConverterFailedError(ConverterCrashedError):
    """The converter failed by itself: nobody stopped it, and it did not lack memory or disk."""


class StalledError(TransientError):
    """The job made no progress for WORKER_STALL_SECONDS, or its source's headers could not be read in a minute."""

    code = ErrorCode.STALLED

    def __init__(self, limit_seconds: float, what: str = "no progress") -> None:
        super().__init__(f"{what} for {limit_seconds:.0f} s")


class WorkspaceFullError(TransientError):
    """The workspace's disk has no space for the source or the outputs, or no inodes."""

    code = ErrorCode.WORKSPACE_FULL

    def __init__(self, lack: str = "space") -> None:
        super().__init__(f"the workspace has no {lack} left")


class DependencyUnavailableError(TransientError):
    """S3, SQS, DynamoDB or another `dependency` did not answer, throttled, or failed on its side."""

    code = ErrorCode.DEPENDENCY_UNAVAILABLE

    def __init__(self, dependency: str, problem: str = "did not answer") -> None:
        super().__init__(f"{dependency} {problem}")
        self.dependency = dependency


class TooManyAttemptsError(PermanentError):
    """The job did not end in WORKER_MAX_ATTEMPTS starts, or WORKER_MAX_CRASHES workers died while it ran alone."""

    code = ErrorCode.TOO_MANY_ATTEMPTS

    def __init__(self, attempts: int, crashes: int = 0) -> None:
        how = f"its worker died {crashes} times while it ran alone" if crashes else "it never came to an end"
        super().__init__(f"started {attempts} times: {how}")
        self.attempts = attempts
        self.crashes = crashes


class JobCancelledError(PermanentError):
    """The job was cancelled on request (`worker cancel`)."""

    code = ErrorCode.CANCELLED

    def __init__(self) -> None:
        super().__init__("cancelled on request")


class InternalError(TransientError):
    """A bug of ours. The traceback is in the log, not here."""

    code = ErrorCode.INTERNAL

    def __init__(self) -> None:
        super().__init__("an unexpected error; the worker's log has the details")

    @classmethod
    def caused_by(cls, bug: BaseException) -> InternalError:
        """The error of a job that met `bug`, which becomes its `__cause__`."""
        error = cls()
        error.__cause__ = bug
        return error


class RecordedError(PermanentError):
    """The error in the record of a failed job: an earlier delivery of its message ended so."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = ErrorCode(code) if code in set(ErrorCode) else ErrorCode.INTERNAL  # type: ignore[misc]


class LeaseLostError(WorkerError):
    """The delivery, or the claim on the job, is no longer ours: another worker may have it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ShutdownError(WorkerError):
    """The worker stops and this job cannot be finished in time. Its message has to be given back in `seconds_left`."""

    def __init__(self, seconds_left: float = 10.0) -> None:
        super().__init__("the worker stops")
        self.seconds_left = seconds_left
