"""Makes the queues, buckets and table of compose.yaml's worker in its emulated AWS."""

import json
import time
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.exceptions import EndpointConnectionError


def main() -> None:
    sqs, s3, dynamodb = (boto3.client(service) for service in ("sqs", "s3", "dynamodb"))
    dead = create_dead_letter_queue(sqs)
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 100})
    sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": redrive})
    for bucket in ("sources", "targets"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    dynamodb.create_table(
        TableName="jobs",
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def create_dead_letter_queue(sqs: Any) -> str:
    """Waits for the emulator to listen, because this is the first call."""
    while True:
        try:
            url: str = sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
        except EndpointConnectionError:
            time.sleep(0.2)
        else:
            return url


if __name__ == "__main__":
    main()
