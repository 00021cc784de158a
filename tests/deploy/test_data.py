"""What data.yaml makes, read back from both emulators."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.aws import an_indexed_table
from tests.support.cloudformation import load
from tests.support.commands import worker
from tests.support.emulators import Emulator
from tests.support.stack import Stack


def attributes_of(client: Any, url: str) -> dict[str, str]:
    found: dict[str, str] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def test_refused_messages_go_to_a_dead_letter_queue_which_keeps_them_for_two_weeks(emulator: Emulator) -> None:
    outputs = emulator.make("data")

    with emulator.client("sqs") as sqs:
        queue = attributes_of(sqs, outputs["QueueUrl"])
        dead = attributes_of(sqs, outputs["DeadLetterQueueUrl"])
    redrive = json.loads(queue["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead["QueueArn"], 100)
    assert (queue["MessageRetentionPeriod"], dead["MessageRetentionPeriod"]) == ("1209600", "1209600")
    assert queue["VisibilityTimeout"] == "60"
    assert outputs["QueueUrl"].endswith(outputs["QueueName"])
    assert outputs["DeadLetterQueueUrl"].endswith(outputs["DeadLetterQueueName"])


def test_the_dead_letter_queue_takes_them_from_this_queue_alone(ministack: Emulator) -> None:
    outputs = ministack.make("data")

    with ministack.client("sqs") as sqs:
        queue = attributes_of(sqs, outputs["QueueUrl"])
        dead = attributes_of(sqs, outputs["DeadLetterQueueUrl"])
    allowed = json.loads(dead["RedriveAllowPolicy"])
    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [queue["QueueArn"]]}


def test_of_several_queues_each_has_dead_letters_of_its_own_and_the_most_urgent_comes_first(
    emulator: Emulator,
) -> None:
    outputs = emulator.make("data", Queues="3")

    urls = outputs["QueueUrls"].split(",")
    names = [url.rpartition("/")[2].removeprefix(emulator.environment) for url in urls]
    assert names == ["-jobs-urgent", "-jobs", "-jobs-later"]
    with emulator.client("sqs") as sqs:
        targets = [json.loads(attributes_of(sqs, url)["RedrivePolicy"])["deadLetterTargetArn"] for url in urls]
    dead = [outputs[f"{which}DeadLetterQueueName"] for which in ("Urgent", "", "Later")]
    assert [target.rpartition(":")[2] for target in targets] == dead
    assert len(set(dead)) == 3


def test_a_worker_of_several_queues_may_receive_and_reject_for_all_of_them(emulator: Emulator) -> None:
    of_three = emulator.make("data", Queues="3")

    with emulator.client("iam") as iam:
        policy = iam.get_policy(PolicyArn=of_three["WorkerPolicyArn"])["Policy"]
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    written = {each["Sid"]: each["Resource"] for each in document["PolicyVersion"]["Document"]["Statement"]}
    for sid, end in (("TakeJobs", ""), ("RejectMessages", "-dead")):
        names = [arn.rpartition(f":{emulator.environment}")[2] for arn in written[sid]]
        assert names == [f"-jobs{end}", f"-jobs-urgent{end}", f"-jobs-later{end}"]


def test_the_table_has_its_key_its_index_and_a_stream(emulator: Emulator) -> None:
    name = emulator.make("data")["TableName"]

    with emulator.client("dynamodb") as dynamodb:
        table = dynamodb.describe_table(TableName=name)["Table"]
    expected = an_indexed_table(name)
    assert table["KeySchema"] == expected["KeySchema"]
    by_name = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert by_name == {each["AttributeName"]: each["AttributeType"] for each in expected["AttributeDefinitions"]}
    (index,), (wanted,) = table["GlobalSecondaryIndexes"], expected["GlobalSecondaryIndexes"]
    assert {key: index[key] for key in wanted} == wanted
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_old_records_expire(stack_of_data: tuple[Stack, dict[str, str]]) -> None:
    """No emulator takes the expiry from a template: it is given in the call that CloudFormation makes of it."""
    stack, _ = stack_of_data
    specification = load("data")["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"]

    stack.aws["dynamodb"].update_time_to_live(TableName=stack.table, TimeToLiveSpecification=specification)

    checks = json.loads(worker(stack, "doctor", "--json").stdout)["checks"]
    (table,) = [check for check in checks if check["name"] == "table"]
    assert (table["status"], table["detail"]) == ("ok", "key job_id (S), items expire by expires_at")


def test_the_table_can_be_restored_to_any_second(stack_of_data: tuple[Stack, dict[str, str]]) -> None:
    """No emulator takes this from a template, either."""
    stack, _ = stack_of_data
    specification = load("data")["Resources"]["Table"]["Properties"]["PointInTimeRecoverySpecification"]

    stack.aws["dynamodb"].update_continuous_backups(
        TableName=stack.table, PointInTimeRecoverySpecification=specification
    )

    found = stack.aws["dynamodb"].describe_continuous_backups(TableName=stack.table)["ContinuousBackupsDescription"]
    assert found["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_buckets_are_encrypted(emulator: Emulator) -> None:
    outputs = emulator.make("data")

    with emulator.client("s3") as s3:
        for name in (outputs["SourceBucketName"], outputs["TargetBucketName"]):
            (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
            assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_the_buckets_are_private(ministack: Emulator) -> None:
    outputs = ministack.make("data")

    with ministack.client("s3") as s3:
        for name in (outputs["SourceBucketName"], outputs["TargetBucketName"]):
            access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
            assert (len(access), set(access.values())) == (4, {True})


@pytest.mark.parametrize("bucket", ["Sources", "Targets"])
def test_unfinished_uploads_are_forgotten_after_a_day(
    stack_of_data: tuple[Stack, dict[str, str]], bucket: str
) -> None:
    """No emulator takes the rule from a template, either."""
    stack, _ = stack_of_data
    (rule,) = load("data")["Resources"][bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
    rule = {"ID": rule.pop("Id"), "Filter": {}, **rule}

    stack.aws["s3"].put_bucket_lifecycle_configuration(Bucket=stack.targets, LifecycleConfiguration={"Rules": [rule]})

    (kept,) = stack.aws["s3"].get_bucket_lifecycle_configuration(Bucket=stack.targets)["Rules"]
    assert (kept["Status"], kept["AbortIncompleteMultipartUpload"]) == ("Enabled", {"DaysAfterInitiation": 1})


def test_nothing_but_tls_reaches_queues_and_buckets(ministack: Emulator) -> None:
    outputs = ministack.make("data")

    with ministack.client("sqs") as sqs, ministack.client("s3") as s3:
        policies = [
            *(attributes_of(sqs, outputs[name])["Policy"] for name in ("QueueUrl", "DeadLetterQueueUrl")),
            *(
                s3.get_bucket_policy(Bucket=outputs[name])["Policy"]
                for name in ("SourceBucketName", "TargetBucketName")
            ),
        ]
    for text in policies:
        (statement,) = json.loads(text)["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_new_objects_and_a_topic_may_put_jobs_on_the_queue_where_that_is_asked_for(ministack: Emulator) -> None:
    with ministack.client("sns") as sns:
        topic = sns.create_topic(Name="jobs")["TopicArn"]

    outputs = ministack.make("data", NewObjectsAreJobs="true", JobTopicArn=topic)

    with ministack.client("sqs") as sqs, ministack.client("s3") as s3, ministack.client("sns") as sns:
        queue = attributes_of(sqs, outputs["QueueUrl"])
        bucket = outputs["SourceBucketName"]
        told = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
        (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    statements = {each["Sid"]: each for each in json.loads(queue["Policy"])["Statement"]}
    assert set(statements) == {"OnlyByTls", "NewObjects", "JobsByTopic"}
    assert statements["NewObjects"]["Condition"]["ArnEquals"] == {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}
    assert statements["JobsByTopic"]["Condition"] == {"ArnEquals": {"aws:SourceArn": topic}}
    assert [(each["QueueArn"], each["Events"]) for each in told] == [(queue["QueueArn"], ["s3:ObjectCreated:*"])]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("sqs", queue["QueueArn"])


def test_a_page_may_upload_from_its_own_origin_where_that_is_asked_for(ministack: Emulator) -> None:
    origins = ["https://gateway.example.com", "https://other.example.com"]

    outputs = ministack.make("data", PageOrigins=",".join(origins))

    with ministack.client("s3") as s3:
        (rule,) = s3.get_bucket_cors(Bucket=outputs["SourceBucketName"])["CORSRules"]
        with pytest.raises(s3.exceptions.ClientError, match="NoSuchCORSConfiguration"):
            s3.get_bucket_cors(Bucket=outputs["TargetBucketName"])
    assert (rule["AllowedOrigins"], set(rule["AllowedMethods"])) == (origins, {"POST", "PUT"})


def test_buckets_of_your_own_are_used_and_none_is_made(emulator: Emulator) -> None:
    outputs = emulator.make("data", SourceBucket="mine-in", TargetBucket="mine-out")

    assert (outputs["SourceBucketName"], outputs["TargetBucketName"]) == ("mine-in", "mine-out")
    with emulator.client("s3") as s3:
        assert not [each for each in s3.list_buckets()["Buckets"] if each["Name"].startswith(emulator.environment)]
    with emulator.client("iam") as iam:
        policy = iam.get_policy(PolicyArn=outputs["WorkerPolicyArn"])["Policy"]
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    written = {each["Sid"]: each["Resource"] for each in document["PolicyVersion"]["Document"]["Statement"]}
    assert (written["ReadSources"], written["WriteTargets"]) == ("arn:aws:s3:::mine-in/*", "arn:aws:s3:::mine-out/*")


def test_a_gateway_signs_for_its_prefixes_alone(emulator: Emulator) -> None:
    outputs = emulator.make("data", GatewaySourcePrefix="uploads/", GatewayTargetPrefix="made/")

    with emulator.client("iam") as iam:
        policy = iam.get_policy(PolicyArn=outputs["GatewayPolicyArn"])["Policy"]
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    written = {each["Sid"]: each["Resource"] for each in document["PolicyVersion"]["Document"]["Statement"]}
    assert written["SignUploads"] == f"arn:aws:s3:::{outputs['SourceBucketName']}/uploads/*"
    assert written["SignDownloads"] == f"arn:aws:s3:::{outputs['TargetBucketName']}/made/*"


@pytest.fixture(params=["moto", "ministack"])
def emulator(request: pytest.FixtureRequest, new_emulator: Callable[[str], Emulator]) -> Emulator:
    return new_emulator(request.param)


@pytest.fixture
def ministack(new_emulator: Callable[[str], Emulator]) -> Emulator:
    return new_emulator("ministack")
