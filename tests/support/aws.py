"""The environment that points the SDK at an emulated AWS, and the arguments that make a table and a bucket there."""

from __future__ import annotations

import os
from typing import Any

REGION = "eu-central-1"


def aws_environment(endpoint: str) -> dict[str, str]:
    """The SDK's variables for a process that may talk to `endpoint` only."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def a_table(name: str) -> dict[str, Any]:
    """The arguments of `create_table` for a job table."""
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "job_id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "job_id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }


def an_indexed_table(name: str) -> dict[str, Any]:
    """The arguments of `create_table` for such a table with the index that lists jobs."""
    keys = {"status": "S", "status_at": "N"}
    table = a_table(name)
    definitions = [{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()]
    index = {
        "IndexName": "jobs-by-status",
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    return {
        **table,
        "AttributeDefinitions": [*table["AttributeDefinitions"], *definitions],
        "GlobalSecondaryIndexes": [index],
    }


def a_bucket(name: str) -> dict[str, Any]:
    """The arguments of `create_bucket`."""
    return {"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": REGION}}
