"""What gateway.yaml makes beside the other stacks: a service behind a load balancer, and what its process takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.cloudformation import load
from tests.support.emulators import IMAGE, Deployed, Emulator
from tests.support.gateway import GatewayProcess
from tests.support.stack import Stack
from worker.settings import SERVE
from worker.settings import load as load_settings

PREFIXES = {"GatewaySourcePrefix": "uploads/", "GatewayTargetPrefix": "made/"}

NewEmulator = Callable[[str], Emulator]


class Gateway:
    """The stack of gateway.yaml in an environment of its own."""

    def __init__(self, emulator: Emulator, **parameters: str) -> None:
        self.emulator = emulator
        self.deployed = Deployed(emulator, **parameters)
        with emulator.client("acm") as acm:
            self.certificate = acm.request_certificate(DomainName="audio.example.com")["CertificateArn"]
        given = {"Image": IMAGE, "CertificateArn": self.certificate} | PREFIXES | parameters
        self.outputs = emulator.make("gateway", **given)

    def container(self) -> dict[str, Any]:
        with self.emulator.client("ecs") as ecs:
            name = f"{self.emulator.environment}-gateway"
            (found,) = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["containerDefinitions"]
        container: dict[str, Any] = found
        return container

    def environment(self) -> dict[str, str]:
        container = self.container()
        secrets = {each["name"]: "the-secret" for each in container["secrets"] if each}
        return {each["name"]: each["value"] for each in container["environment"] if each} | secrets

    def secrets_of_ecs(self) -> set[str]:
        with self.emulator.client("iam") as iam:
            (role,) = [
                each["RoleName"]
                for each in iam.list_roles()["Roles"]
                if f"{self.emulator.environment}-gateway-ExecutionRole" in each["RoleName"]
            ]
            policy = iam.get_role_policy(RoleName=role, PolicyName="read-the-secrets")["PolicyDocument"]
        (statement,) = policy["Statement"]
        return set(statement["Resource"])


@pytest.mark.parametrize("redis", ["off", "iam", "password"])
def test_the_gateway_takes_its_environment_as_it_is(redis: str, new_emulator: NewEmulator) -> None:
    gateway = Gateway(new_emulator("moto"), Redis=redis)

    settings = load_settings(gateway.environment(), needs=SERVE)

    data = gateway.deployed.data
    assert (settings.queue_url, settings.table) == (data["QueueUrls"], data["TableName"])
    assert settings.serve.source == f"s3://{data['SourceBucketName']}/uploads/"
    assert settings.serve.target == f"s3://{data['TargetBucketName']}/made/"
    assert (settings.serve.host, settings.serve.port) == ("0.0.0.0", 8081)
    assert settings.serve.token is not None
    assert (settings.redis_or_none is not None) is (redis != "off")
    assert gateway.container()["command"] == ["serve"]


def test_workers_and_gateways_take_the_prefix_that_the_cache_lets_them_use(new_emulator: NewEmulator) -> None:
    gateway = Gateway(new_emulator("moto"), Redis="iam", RedisPrefix="sound:")

    assert load_settings(gateway.environment(), needs=SERVE).redis_prefix == "sound:"
    assert gateway.deployed.environment()["WORKER_REDIS_PREFIX"] == "sound:"


def test_its_role_has_the_rights_of_a_gateway_and_ecs_reads_its_secrets(new_emulator: NewEmulator) -> None:
    gateway = Gateway(new_emulator("ministack"), Redis="password")

    with gateway.emulator.client("iam") as iam:
        role = gateway.outputs["TaskRoleArn"].rpartition("/")[2]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert {each["PolicyArn"] for each in attached} == {gateway.deployed.data["GatewayPolicyArn"]}
    assert gateway.secrets_of_ecs() == {gateway.outputs["TokenArn"], gateway.deployed.cache["PasswordArn"]}


def test_a_gateway_that_cancels_a_job_may_publish_its_end(new_emulator: NewEmulator) -> None:
    topic = "arn:aws:sns:eu-central-1:123456789012:audio-ends"
    bus = "arn:aws:events:eu-central-1:123456789012:event-bus/audio-ends"
    gateway = Gateway(new_emulator("ministack"), Redis="off", EventTopicArn=topic, EventBusArn=bus)

    with gateway.emulator.client("iam") as iam:
        role = gateway.outputs["TaskRoleArn"].rpartition("/")[2]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    allowed = {(each["Statement"][0]["Action"], each["Statement"][0]["Resource"]) for each in documents}
    assert allowed == {("sns:Publish", topic), ("events:PutEvents", bus)}
    settings = load_settings(gateway.environment() | {"WORKER_SERVE_TOKEN": "secret"}, needs=SERVE)
    assert (settings.event_topic_arn, settings.event_bus) == (topic, bus)


def test_the_load_balancer_sends_tls_requests_to_tasks_that_live_and_no_probes_of_clients(
    new_emulator: NewEmulator,
) -> None:
    gateway = Gateway(new_emulator("moto"), Redis="off")

    with gateway.emulator.client("elbv2") as elbv2:
        balancers = elbv2.describe_load_balancers()["LoadBalancers"]
        (balancer,) = [each for each in balancers if each["DNSName"] == gateway.outputs["Address"]]
        (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        (group,) = elbv2.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
        rules = elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    assert (balancer["Scheme"], listener["Protocol"], listener["Port"]) == ("internal", "HTTPS", 443)
    assert listener["Certificates"] == [{"CertificateArn": gateway.certificate}]
    # ECS replaces the tasks that fail the check, so that it may be about nothing but the process.
    assert (group["HealthCheckPath"], group["Port"], group["TargetType"]) == ("/livez", 8081, "ip")
    assert group["TargetGroupArn"] == listener["DefaultActions"][0]["TargetGroupArn"]
    (rule,) = [each for each in rules if not each["IsDefault"]]
    assert rule["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    assert set(rule["Conditions"][0]["PathPatternConfig"]["Values"]) == {"/metrics", "/livez", "/readyz"}


def test_the_load_balancer_alone_is_let_into_a_gateway(new_emulator: NewEmulator) -> None:
    gateway = Gateway(new_emulator("ministack"), Redis="off")

    with gateway.emulator.client("ec2") as ec2, gateway.emulator.client("ecs") as ecs:
        groups = {each["GroupId"]: each for each in ec2.describe_security_groups()["SecurityGroups"]}
        (service,) = ecs.describe_services(
            cluster=gateway.deployed.service["ClusterName"], services=[gateway.outputs["ServiceName"]]
        )["services"]
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    (own,) = set(network["securityGroups"]) - {gateway.deployed.network["WorkerSecurityGroup"]}
    assert gateway.deployed.network["WorkerSecurityGroup"] in network["securityGroups"]
    (rule,) = groups[own]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (8081, 8081)
    (source,) = [pair["GroupId"] for pair in rule["UserIdGroupPairs"]]
    assert [each["FromPort"] for each in groups[source]["IpPermissions"]] == [443]
    assert service["loadBalancers"][0]["containerPort"] == 8081
    assert network["assignPublicIp"] == "DISABLED"


def test_the_health_check_of_the_task_asks_whether_the_gateway_is_alive(
    stack_of_data: tuple[Stack, dict[str, str]],
) -> None:
    """The command as it stands in the template, against a gateway, and against none."""
    (container,) = load("gateway")["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    kind, program, *arguments = container["HealthCheck"]["Command"]
    assert (kind, program) == ("CMD", "python")

    with GatewayProcess(stack_of_data[0]) as gateway:
        port = gateway.url.rpartition(":")[2]
        asked = [sys.executable, *(each.replace("8081", port) for each in arguments)]
        assert subprocess.run(asked, check=False).returncode == 0

    assert subprocess.run(asked, check=False, capture_output=True).returncode != 0
