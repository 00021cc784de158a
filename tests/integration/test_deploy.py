"""What deploy/ promises, made and read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]

from tests.support.aws import an_indexed_table

DEPLOY = Path(__file__).parents[2] / "deploy"


def _stack_outputs(endpoint: str, name: str, **more: str) -> dict[str, str]:
    client = boto3.client("cloudformation", endpoint_url=endpoint)
    values = {"SourceBucket": "in", "TargetBucket": "out"} | more
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    template = (DEPLOY / "cloudformation.yaml").read_text(encoding="utf-8")
    client.create_stack(StackName=name, TemplateBody=template, Parameters=parameters)
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    client.close()
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _policy(endpoint: str, arn: str) -> dict[str, Any]:
    client = boto3.client("iam", endpoint_url=endpoint)
    version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document: dict[str, Any] = client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    client.close()
    return document


def _actions(policy: dict[str, Any]) -> dict[str, Any]:
    return {statement["Sid"]: statement["Action"] for statement in policy["Statement"]}


async def test_the_template_makes_a_queue_with_a_dead_letter_queue_and_a_table(
    aws_endpoint: str, unique: Callable[[str], str], sqs_client: Any, dynamodb_client: Any
) -> None:
    outputs = _stack_outputs(aws_endpoint, unique("stack"))

    queue = await sqs_client.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["RedrivePolicy"])
    dead = await sqs_client.get_queue_attributes(
        QueueUrl=outputs["DeadLetterQueueUrl"], AttributeNames=["QueueArn", "MessageRetentionPeriod"]
    )
    redrive = json.loads(queue["Attributes"]["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead["Attributes"]["QueueArn"]
    assert int(redrive["maxReceiveCount"]) == 100
    assert "RedisLoginPolicyArn" not in outputs
    table = (await dynamodb_client.describe_table(TableName=outputs["TableName"]))["Table"]
    assert table["KeySchema"] == [{"AttributeName": "job_id", "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == an_indexed_table("t")["AttributeDefinitions"]
    (index,) = table["GlobalSecondaryIndexes"]
    (expected,) = an_indexed_table("t")["GlobalSecondaryIndexes"]
    assert {name: index[name] for name in expected} == expected


def test_both_policies_allow_the_same(aws_endpoint: str, unique: Callable[[str], str]) -> None:
    written = _actions(json.loads((DEPLOY / "iam-policy.json").read_text(encoding="utf-8")))

    outputs = _stack_outputs(aws_endpoint, unique("stack"), CacheName="progress", CacheUser="worker")
    made = [_actions(_policy(aws_endpoint, outputs[name])) for name in ("WorkerPolicyArn", "RedisLoginPolicyArn")]
    assert made[0] | made[1] == written
    assert made[1] == {"LogInToRedis": "elasticache:Connect"}
    of_operators = _actions(json.loads((DEPLOY / "iam-operator.json").read_text(encoding="utf-8")))
    assert _actions(_policy(aws_endpoint, outputs["OperatorPolicyArn"])) == of_operators


def test_the_policy_allows_what_the_adapters_call() -> None:
    allowed = "".join(
        (DEPLOY / f"iam-{name}.json").read_text(encoding="utf-8") for name in ("policy", "operator", "events")
    )
    adapters = Path(__file__).parents[2] / "worker" / "adapters"
    calls = {
        call
        for vendor in ("aws", "dynamodb", "eventbridge", "s3", "sns", "sqs")
        for file in (adapters / vendor).rglob("*.py")
        for call in re.findall(r"client\.([a-z_]+)\(", file.read_text(encoding="utf-8"))
    }
    # Calls that IAM knows by another name, or not at all.
    named = {
        "head_bucket": "ListBucket",
        "head_object": "GetObject",
        "create_multipart_upload": "PutObject",
        "upload_part": "PutObject",
        "complete_multipart_upload": "PutObject",
        "delete_message_batch": "DeleteMessage",
        "send_message_batch": "SendMessage",
        "change_message_visibility_batch": "ChangeMessageVisibility",
        "list_multipart_uploads": "ListBucketMultipartUploads",
    }
    needed = {named.get(call) or "".join(word.capitalize() for word in call.split("_")) for call in calls}

    assert {action for action in needed if f':{action}"' not in allowed} == set()
