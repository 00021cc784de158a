"""Makes the queues, buckets and table of compose.yaml's worker in its emulated AWS. A second run changes nothing."""

import json
import os
import time
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

_START_SECONDS = 60.0


def main() -> None:
    region = os.environ["AWS_REGION"]
    sqs, s3, dynamodb = (boto3.client(service, region_name=region) for service in ("sqs", "s3", "dynamodb"))
    dead = create_dead_letter_queue(sqs)
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 100})
    sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": redrive})
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in {"sources", "targets"} - existing:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    if "jobs" not in dynamodb.list_tables()["TableNames"]:
        create_table(dynamodb)


def create_dead_letter_queue(sqs: Any) -> str:
    """Waits for the emulator to listen, because this is the first call."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            url: str = sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
        except (ConnectionClosedError, EndpointConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return url


def create_table(dynamodb: Any) -> None:
    """The job table, whose items expire."""
    dynamodb.create_table(
        TableName="jobs",
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "job_id", "AttributeType": "S"},
            {"AttributeName": "status", "AttributeType": "S"},
            {"AttributeName": "status_at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "jobs-by-status",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "status_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_time_to_live(
        TableName="jobs", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
    )


if __name__ == "__main__":
    main()
