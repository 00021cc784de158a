"""What network.yaml, cache.yaml and service.yaml make for each way to log in to Redis, read back.

moto keeps all of a container's definition and little else, ministack the rest.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis

from tests.deploy.conftest import Emulator
from tests.deploy.test_templates import OPTIONS, parameters_of
from tests.support.cloudformation import load
from tests.support.commands import worker
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.demo import servers
from worker.settings import RUN
from worker.settings import load as load_settings

# On a machine that is busy with other tests, 0.25 s may pass.
PATIENT = {"REDIS_CONNECT_TIMEOUT_SECONDS": "5", "REDIS_COMMAND_TIMEOUT_SECONDS": "5"}
IMAGE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/worker:1"


class Deployed:
    """All stacks of one environment."""

    def __init__(self, emulator: Emulator, **parameters: str) -> None:
        self.emulator = emulator
        self.network = emulator.make("network", **parameters)
        self.data = emulator.make("data", **parameters)
        self.monitoring = emulator.make("monitoring", **({"LogGroup": f"/{emulator.environment}"} | parameters))
        has_redis = parameters.get("Redis", "off") != "off"
        self.cache = emulator.make_cache(**parameters) if has_redis else {}
        self.service = emulator.make("service", **({"Image": IMAGE} | parameters))

    def container(self) -> dict[str, Any]:
        """The definition of the service's only container."""
        with self.emulator.client("ecs") as ecs:
            task = ecs.describe_task_definition(taskDefinition=f"{self.emulator.environment}-worker")["taskDefinition"]
        (container,) = task["containerDefinitions"]
        found: dict[str, Any] = container
        return found

    def described(self) -> dict[str, Any]:
        """The service."""
        names = (self.service["ClusterName"], [self.service["ServiceName"]])
        with self.emulator.client("ecs") as ecs:
            (service,) = ecs.describe_services(cluster=names[0], services=names[1])["services"]
            found: dict[str, Any] = service
            return found

    def environment(self) -> dict[str, str]:
        """What the worker sees, with the secrets that ECS puts in."""
        container = self.container()
        secrets = {each["name"]: "the secret" for each in container.get("secrets", [])}
        variables = [each for each in container["environment"] if each]  # moto keeps a None for what is left out
        return {each["name"]: each["value"] for each in variables} | secrets


Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(new_emulator: Callable[[str], Emulator]) -> Deploy:
    return lambda **parameters: Deployed(new_emulator("ministack"), **parameters)


@pytest.fixture
def deploy_on_moto(new_emulator: Callable[[str], Emulator]) -> Deploy:
    return lambda **parameters: Deployed(new_emulator("moto"), **parameters)


def test_without_redis_the_worker_is_told_of_none(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="off")

    environment = deployed.environment()

    assert [name for name in environment if name.startswith("REDIS_")] == []
    settings = load_settings(environment, needs=RUN)
    assert settings.redis_or_none is None
    assert (settings.queue_url, settings.table) == (deployed.data["QueueUrl"], deployed.data["TableName"])
    assert settings.concurrency == 2


def test_with_the_role_s_login_the_worker_is_given_the_cache_and_its_user(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="iam")

    environment = deployed.environment()

    redis = load_settings(environment, needs=RUN).redis
    assert (redis.endpoint, redis.port) == (deployed.cache["Endpoint"], int(deployed.cache["Port"]))
    assert (redis.tls, redis.iam_auth, redis.iam_cache_name) == (True, True, deployed.cache["CacheName"])
    assert environment["REDIS_USERNAME"] == deployed.cache["UserName"]
    assert deployed.container().get("secrets", []) == []


def test_with_a_password_ecs_reads_it_from_the_secret(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="password")

    (secret,) = deployed.container()["secrets"]

    assert secret == {"name": "REDIS_PASSWORD", "valueFrom": deployed.cache["PasswordArn"]}
    redis = load_settings(deployed.environment(), needs=RUN).redis
    assert (redis.tls, redis.iam_auth, redis.username) == (True, False, None)


def test_the_task_is_stopped_late_and_writes_to_its_own_disk_alone(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="off")

    container = deployed.container()

    assert container["stopTimeout"] == 120 > load_settings(deployed.environment(), needs=RUN).drain_seconds
    assert (container["readonlyRootFilesystem"], container["user"]) == (True, "10001:10001")
    assert container["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
    (mount,) = container["mountPoints"]
    assert (mount["containerPath"], mount["readOnly"]) == ("/tmp", False)
    log = container["logConfiguration"]["options"]
    assert (log["mode"], log["awslogs-group"]) == ("non-blocking", "/audio/worker")


def test_the_size_of_a_task_is_given_by_parameters() -> None:
    """Neither emulator keeps these of a template's task."""
    task = load("service")["Resources"]["TaskDefinition"]["Properties"]

    assert (task["Cpu"], task["Memory"]) == ({"Ref": "Cpu"}, {"Ref": "Memory"})
    assert task["EphemeralStorage"] == {"SizeInGiB": {"Ref": "EphemeralStorage"}}
    assert task["RuntimePlatform"]["CpuArchitecture"] == {"Ref": "Architecture"}
    (mount,) = task["ContainerDefinitions"][0]["MountPoints"]
    assert {"Name": mount["SourceVolume"]} in task["Volumes"]
    assert task["RequiresCompatibilities"] == ["FARGATE"]


def test_the_cache_has_a_replica_and_tls_and_knows_the_role_s_user(deploy: Deploy) -> None:
    deployed = deploy(Redis="iam")

    with deployed.emulator.client("elasticache") as elasticache:
        name = deployed.cache["CacheName"]
        (group,) = elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"]

    assert (group["TransitEncryptionEnabled"], group["AutomaticFailover"]) == (True, "enabled")
    assert len(group["MemberClusters"]) == 2
    user = load("cache")["Resources"]["WorkerUser"]["Properties"]
    assert user["UserId"] == user["UserName"]  # ElastiCache demands it of a login by role
    assert policies_of(deployed) == {deployed.data["WorkerPolicyArn"], deployed.cache["LoginPolicyArn"]}


def test_the_password_may_be_read_by_ecs_and_not_by_the_worker(deploy: Deploy) -> None:
    deployed = deploy(Redis="password")

    with deployed.emulator.client("iam") as iam:
        (role,) = [
            each["RoleName"]
            for each in iam.list_roles()["Roles"]
            if f"{deployed.emulator.environment}-service-ExecutionRole" in each["RoleName"]
        ]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        (statement,) = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]

    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"] == deployed.cache["PasswordArn"]
    assert policies_of(deployed) == {deployed.data["WorkerPolicyArn"]}


def test_the_cluster_has_every_provider_that_the_service_s_strategy_names(deploy: Deploy) -> None:
    deployed = deploy(Redis="off", OnDemandBase="2", SpotWeight="5")

    strategy = {each["capacityProvider"]: each for each in deployed.described()["capacityProviderStrategy"]}

    with deployed.emulator.client("ecs") as ecs:
        (cluster,) = ecs.describe_clusters(clusters=[deployed.service["ClusterName"]])["clusters"]
    assert set(strategy) <= set(cluster["capacityProviders"])
    assert (strategy["FARGATE"]["base"], strategy["FARGATE_SPOT"]["weight"]) == (2, 5)


def test_a_deployment_that_fails_is_undone_by_itself_and_by_alarms(deploy: Deploy) -> None:
    deployed = deploy(Redis="off", DeploymentAlarms="audio-a,audio-b")

    configuration = deployed.described()["deploymentConfiguration"]

    assert configuration["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    alarms = configuration["alarms"]
    assert (alarms["alarmNames"], alarms["enable"], alarms["rollback"]) == (["audio-a", "audio-b"], True, True)
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (100, 200)


def test_a_task_may_keep_itself_from_being_ended_and_no_task_of_another_cluster(
    deploy: Deploy,
) -> None:
    deployed = deploy(Redis="off")

    with deployed.emulator.client("iam") as iam:
        role = deployed.service["TaskRoleArn"].rpartition("/")[2]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        (statement,) = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]

    assert set(statement["Action"]) == {"ecs:UpdateTaskProtection", "ecs:GetTaskProtection"}
    assert statement["Resource"].endswith(f":task/{deployed.service['ClusterName']}/*")


def test_workers_are_let_into_the_cache_and_nobody_is_let_into_workers(deploy: Deploy) -> None:
    deployed = deploy(Redis="off")

    network = deployed.network
    with deployed.emulator.client("ec2") as ec2:
        groups = ec2.describe_security_groups(GroupIds=[network["WorkerSecurityGroup"], network["CacheSecurityGroup"]])
    by_id = {group["GroupId"]: group for group in groups["SecurityGroups"]}
    assert by_id[network["WorkerSecurityGroup"]]["IpPermissions"] == []
    (rule,) = by_id[network["CacheSecurityGroup"]]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (6379, 6379)
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [network["WorkerSecurityGroup"]]


def test_the_network_has_two_zones_and_an_endpoint_for_each_service(deploy: Deploy) -> None:
    deployed = deploy(Redis="off")

    with deployed.emulator.client("ec2") as ec2:
        subnets = ec2.describe_subnets(SubnetIds=deployed.network["Subnets"].split(","))["Subnets"]
        of_vpc = [{"Name": "vpc-id", "Values": [deployed.network["VpcId"]]}]
        endpoints = ec2.describe_vpc_endpoints(Filters=of_vpc)["VpcEndpoints"]

    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    services = {each["ServiceName"].partition("eu-central-1.")[2] for each in endpoints}
    assert services == {"s3", "dynamodb", "sqs", "logs", "ecr.api", "ecr.dkr", "secretsmanager"}


def test_each_alarm_is_over_a_metric_that_a_filter_of_the_log_or_a_service_of_aws_writes(deploy: Deploy) -> None:
    deployed = deploy(Redis="off")
    group = deployed.monitoring["LogGroupName"]

    with deployed.emulator.client("logs") as logs, deployed.emulator.client("cloudwatch") as cloudwatch:
        filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        alarms = [
            alarm
            for alarm in cloudwatch.describe_alarms()["MetricAlarms"]
            if alarm["AlarmName"].startswith(deployed.emulator.environment)
        ]

    written = {
        (each["metricNamespace"], each["metricName"]) for one in filters for each in one["metricTransformations"]
    }
    asked = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}
    by_workers = {name for name in asked if name[0] == "AudioConversionWorker"}  # WORKER_METRICS=emf
    assert len(asked) > 10
    assert {name for name in asked - written - by_workers if name[0] != "AWS/SQS"} == set()
    assert found["retentionInDays"] == 30


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_can_be_made_as_it_is(deploy: Deploy, option: str) -> None:
    parameters = parameters_of(option)
    del parameters["Environment"], parameters["LogGroup"]  # the emulator is shared

    deployed = deploy(**parameters)

    assert deployed.described()["status"] == "ACTIVE"
    assert bool(deployed.cache) == (option == "option-2-redis-on")


def test_the_health_check_of_the_task_asks_whether_the_worker_is_alive(
    stack_of_data: tuple[Stack, dict[str, str]],
) -> None:
    """The command as it stands in the template, against a worker, and against none."""
    (container,) = load("service")["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    kind, program, *arguments = container["HealthCheck"]["Command"]
    assert (kind, program) == ("CMD", "python")
    process = WorkerProcess(stack_of_data[0].environment())
    try:
        process.wait_for("worker.ready")
        port = process.wait_for("worker.started")["http_address"].rpartition(":")[2]
        alive = [argument.replace("8080", port) for argument in arguments]

        assert subprocess.run([sys.executable, *alive], check=False).returncode == 0
    finally:
        process.close()
    assert subprocess.run([sys.executable, *alive], check=False, capture_output=True).returncode == 1


def test_the_user_of_the_cache_may_do_all_that_worker_and_readers_do_and_touch_nothing_else(
    stack_of_data: tuple[Stack, dict[str, str]],
) -> None:
    """The access string as it stands in the template, in a real Valkey."""
    rules = load("cache")["Resources"]["WorkerUser"]["Properties"]["AccessString"]["Fn::Sub"]
    with servers.redis() as server, redis.Redis(port=server.port) as admin:
        rules = rules.replace("${RedisPrefix}", "audio:").split()
        admin.execute_command("ACL", "SETUSER", "worker", ">secret", *rules)
        stack = replace(stack_of_data[0], redis_port=server.port)
        login = {"REDIS_USERNAME": "worker", "REDIS_PASSWORD": "secret"} | PATIENT
        process = WorkerProcess(stack.environment() | login)
        try:
            process.wait_for("redis.connected")
            job = [stack.put_source("a.wav", sound("plain.wav")), "--output", stack.target("a.mp3"), "--job-id", "a"]
            assert worker(stack, "submit", *job, "--wait", **login).returncode == 0
        finally:
            process.close()

        assert process.find("redis.unavailable") is None
        assert admin.hget("audio:job:a", "status") == b"completed"
        assert admin.execute_command("ACL", "LOG") == []
        with redis.Redis(port=server.port, username="worker", password="secret") as other:
            with pytest.raises(redis.exceptions.NoPermissionError):
                other.set("theirs", "x")
            with pytest.raises(redis.exceptions.NoPermissionError):
                other.flushall()


def policies_of(deployed: Deployed) -> set[str]:
    role = deployed.service["TaskRoleArn"].rpartition("/")[2]
    with deployed.emulator.client("iam") as iam:
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return {policy["PolicyArn"] for policy in attached}
