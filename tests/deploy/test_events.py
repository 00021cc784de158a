"""What events.yaml makes, and what the other stacks are made with where ends of jobs are published."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cloudformation import DEPLOY, load
from tests.support.emulators import Deploy, Deployed, Emulator
from tests.support.stack import wait_for
from worker.adapters.eventbridge.bus import SOURCE
from worker.settings import RUN
from worker.settings import load as load_settings

WEBHOOK = "https://example.com/ends"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:audio-ends"
BUS = "arn:aws:events:eu-central-1:123456789012:event-bus/audio-ends"


@pytest.fixture(params=["moto", "ministack"])
def emulator(request: pytest.FixtureRequest, new_emulator: Callable[[str], Emulator]) -> Emulator:
    return new_emulator(request.param)


def rule() -> dict[str, Any]:
    """The rule of the webhook as it stands in the template: no emulator makes its target."""
    found: dict[str, Any] = load("events")["Resources"]["WebhookRule"]["Properties"]
    return found


def test_a_topic_and_a_bus_are_made_and_no_webhook(emulator: Emulator) -> None:
    outputs = emulator.make("events")

    with emulator.client("events") as events, emulator.client("sqs") as sqs:
        bus = events.describe_event_bus(Name=f"{emulator.environment}-ends")
        queues = sqs.list_queues(QueueNamePrefix=emulator.environment).get("QueueUrls", [])
    assert bus["Arn"] == outputs["BusArn"]
    assert queues == []
    assert set(outputs) == {"TopicArn", "BusArn", "EventsPolicyArn"}


def test_the_topic_is_encrypted(new_emulator: Callable[[str], Emulator]) -> None:
    emulator = new_emulator("moto")
    outputs = emulator.make("events")

    with emulator.client("sns") as sns:
        topic = sns.get_topic_attributes(TopicArn=outputs["TopicArn"])["Attributes"]

    assert topic["KmsMasterKeyId"] == "alias/aws/sns"


def test_nothing_but_tls_reaches_the_topic(new_emulator: Callable[[str], Emulator]) -> None:
    emulator = new_emulator("ministack")
    outputs = emulator.make("events")

    with emulator.client("sns") as sns:
        policy = sns.get_topic_attributes(TopicArn=outputs["TopicArn"])["Attributes"]["Policy"]

    (statement,) = json.loads(policy)["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sns:Publish")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_policy_as_json_is_the_one_of_the_template(emulator: Emulator) -> None:
    outputs = emulator.make("events")

    with emulator.client("iam") as iam:
        version = iam.get_policy(PolicyArn=outputs["EventsPolicyArn"])["Policy"]["DefaultVersionId"]
        made = iam.get_policy_version(PolicyArn=outputs["EventsPolicyArn"], VersionId=version)
    written = json.loads((DEPLOY / "policies" / "events.json").read_text(encoding="utf-8"))["Statement"]
    statements = made["PolicyVersion"]["Document"]["Statement"]
    assert [(each["Sid"], each["Action"]) for each in statements] == [
        (each["Sid"], each["Action"]) for each in written
    ]
    assert [each["Resource"] for each in statements] == [outputs["TopicArn"], outputs["BusArn"]]


def test_the_rule_of_the_webhook_takes_every_end_that_the_worker_publishes_and_nothing_else(
    new_emulator: Callable[[str], Emulator],
) -> None:
    emulator = new_emulator("moto")
    bus = emulator.make("events", WebhookUrl=WEBHOOK)["BusArn"].rpartition("/")[2]
    ends = ["job.completed", "job.failed", "job.cancelled"]

    with emulator.client("events") as events, emulator.client("sqs") as sqs:
        url = sqs.create_queue(QueueName=f"{bus}-taken")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="webhook", EventBusName=bus, EventPattern=json.dumps(rule()["EventPattern"]))
        events.put_targets(Rule="webhook", EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
        sent = [(SOURCE, "job.started"), ("another-program", ends[0]), *((SOURCE, each) for each in ends)]
        for source, kind in sent:
            entry = {"EventBusName": bus, "Source": source, "DetailType": kind, "Detail": "{}"}
            assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        taken: list[str] = []

        def all_are_taken() -> bool:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            taken.extend(json.loads(message["Body"])["detail-type"] for message in messages)
            return len(taken) >= len(ends)

        wait_for(lambda: all_are_taken() or None, "the ends of jobs")
    assert sorted(taken) == sorted(ends)


def test_the_webhook_gets_the_event_itself_with_a_secret_and_what_it_does_not_take_is_kept(
    new_emulator: Callable[[str], Emulator],
) -> None:
    resources = load("events")["Resources"]
    (target,) = rule()["Targets"]
    key = resources["WebhookConnection"]["Properties"]["AuthParameters"]["ApiKeyAuthParameters"]
    emulator = new_emulator("ministack")

    outputs = emulator.make("events", WebhookUrl=WEBHOOK)

    with emulator.client("sqs") as sqs:
        attributes = sqs.get_queue_attributes(QueueUrl=outputs["UndeliveredEventsUrl"], AttributeNames=["All"])
    statements = {each["Sid"]: each for each in json.loads(attributes["Attributes"]["Policy"])["Statement"]}
    source = statements["FromTheRule"]["Condition"]["ArnEquals"]["aws:SourceArn"]
    environment = emulator.environment
    assert source.endswith(f":rule/{environment}-ends/{environment}-webhook")
    assert rule()["Name"] == {"Fn::Sub": "${Environment}-webhook"}
    assert (target["InputPath"], target["DeadLetterConfig"]["Arn"]) == (
        "$.detail",
        {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]},
    )
    assert key["ApiKeyValue"] == {"Fn::Sub": "{{resolve:secretsmanager:${WebhookSecret}:SecretString}}"}


def test_the_rule_may_post_to_its_webhook_and_to_no_other(new_emulator: Callable[[str], Emulator]) -> None:
    emulator = new_emulator("ministack")
    emulator.make("events", WebhookUrl=WEBHOOK)

    with emulator.client("iam") as iam:
        (role,) = [
            each["RoleName"]
            for each in iam.list_roles()["Roles"]
            if f"{emulator.environment}-events-WebhookRole" in each["RoleName"]
        ]
        (statement,) = iam.get_role_policy(RoleName=role, PolicyName="post-to-the-webhook")["PolicyDocument"][
            "Statement"
        ]

    assert load("events")["Resources"]["Webhook"]["Properties"]["Name"] == {"Fn::Sub": "${Environment}-webhook"}
    assert statement["Action"] == "events:InvokeApiDestination"
    assert statement["Resource"].endswith(f":api-destination/{emulator.environment}-webhook/*")


def test_a_task_publishes_nothing_unless_it_is_given_a_topic_or_a_bus(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="off")

    assert publishers_of(deployed) == (None, None)
    assert endpoints_of(deployed) & {"sns", "events"} == set()


GIVEN = [{"EventTopicArn": TOPIC}, {"EventBusArn": BUS}, {"EventTopicArn": TOPIC, "EventBusArn": BUS}]


@pytest.mark.parametrize("given", GIVEN)
def test_a_task_with_a_topic_or_a_bus_knows_it_and_has_a_way_to_it(
    deploy_on_moto: Deploy, given: dict[str, str]
) -> None:
    deployed = deploy_on_moto(Redis="off", **given)

    assert publishers_of(deployed) == (given.get("EventTopicArn"), given.get("EventBusArn"))
    services = {"EventTopicArn": "sns", "EventBusArn": "events"}
    assert endpoints_of(deployed) & {"sns", "events"} == {services[name] for name in given}


@pytest.mark.parametrize("given", GIVEN)
def test_a_task_with_a_topic_or_a_bus_may_publish_to_it_and_to_no_other(deploy: Deploy, given: dict[str, str]) -> None:
    deployed = deploy(Redis="off", **given)

    written = json.loads((DEPLOY / "policies" / "events.json").read_text(encoding="utf-8"))["Statement"]
    actions = dict(zip(("EventTopicArn", "EventBusArn"), (each["Action"] for each in written), strict=True))
    rights = rights_of_task(deployed)
    assert rights == [(actions[name], arn) for name, arn in given.items()]


def publishers_of(deployed: Deployed) -> tuple[str | None, str | None]:
    settings = load_settings(deployed.environment(), needs=RUN)
    return settings.event_topic_arn, settings.event_bus


def rights_of_task(deployed: Deployed) -> list[tuple[Any, str]]:
    """What the task's role may do with which topic and bus."""
    role = deployed.service["TaskRoleArn"].rpartition("/")[2]
    with deployed.emulator.client("iam") as iam:
        names = sorted(iam.list_role_policies(RoleName=role)["PolicyNames"], reverse=True)
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    statements = [statement for document in documents for statement in document["Statement"]]
    return [(each["Action"], each["Resource"]) for each in statements if each["Sid"].startswith("TellEnds")]


def endpoints_of(deployed: Deployed) -> set[str]:
    """The services that the network has a way to."""
    of_vpc = [{"Name": "vpc-id", "Values": [deployed.network["VpcId"]]}]
    with deployed.emulator.client("ec2") as ec2:
        found = ec2.describe_vpc_endpoints(Filters=of_vpc)["VpcEndpoints"]
    return {each["ServiceName"].partition("eu-central-1.")[2] for each in found}
