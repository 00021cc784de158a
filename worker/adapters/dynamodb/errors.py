"""The refusals of DynamoDB that do not pass by themselves.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from __future__ import annotations

from functools import partial

from worker.adapters.aws.client import DENIED, ErrorTable
from worker.domain.errors import DependencyUnavailableError

_DENIED = (*DENIED, "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException")


class MisconfiguredError(DependencyUnavailableError):
    """DynamoDB refuses because of the set-up: the role, the region or the table is wrong."""


def errors_of(table: str) -> ErrorTable:
    """By code, what a refused call about the table raises."""
    problems = {
        "ResourceNotFoundException": f"has no table {table} in this region",
        "ValidationException": f"refuses the request: table {table} needs the key job_id (S) and no other",
        **{code: f"answered {code}: check the role's rights on table {table}" for code in _DENIED},
    }
    return {code: partial(MisconfiguredError, "DynamoDB", problem) for code, problem in problems.items()}
