"""The faults that the worker is tested against, by where they come from. docs/faults.md is generated from here.

A service has a file of its own beside this one, with its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.faults import credentials, dynamodb, machine, publishing, redis, s3, sqs
from tests.faults.row import Row

CATALOGUE: Mapping[str, Sequence[Row]] = {
    "DynamoDB": dynamodb.ROWS,
    "S3": s3.ROWS,
    "SQS": sqs.ROWS,
    "SNS and EventBridge": publishing.ROWS,
    "Credentials and the SDK": credentials.ROWS,
    "Redis": redis.ROWS,
    "The machine": machine.ROWS,
}
