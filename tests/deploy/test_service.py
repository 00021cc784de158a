"""What network.yaml, cache.yaml and service.yaml make for each way to log in to Redis, read back from ministack."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis

from tests.deploy.test_templates import OPTIONS, parameters_of
from tests.support.cloudformation import load
from tests.support.commands import worker
from tests.support.emulators import Deploy, Deployed
from tests.support.monitoring import Monitoring
from tests.support.sounds import sound
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

# On a machine that is busy with other tests, 0.25 s may pass.
PATIENT = {"REDIS_CONNECT_TIMEOUT_SECONDS": "5", "REDIS_COMMAND_TIMEOUT_SECONDS": "5"}


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


def test_workers_are_let_into_the_cache_and_probes_alone_into_workers(deploy: Deploy) -> None:
    deployed = deploy(Redis="off")

    network = deployed.network
    with deployed.emulator.client("ec2") as ec2:
        names = ("WorkerSecurityGroup", "CacheSecurityGroup", "ProbeSecurityGroup")
        groups = ec2.describe_security_groups(GroupIds=[network[name] for name in names])
    by_id = {group["GroupId"]: group for group in groups["SecurityGroups"]}
    for let_in, into, port in (("Probe", "Worker", 8080), ("Worker", "Cache", 6379)):
        (rule,) = by_id[network[f"{into}SecurityGroup"]]["IpPermissions"]
        assert (rule["FromPort"], rule["ToPort"]) == (port, port)
        assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [network[f"{let_in}SecurityGroup"]]
    assert by_id[network["ProbeSecurityGroup"]]["IpPermissions"] == []
    service = deployed.described()["networkConfiguration"]["awsvpcConfiguration"]
    assert service["securityGroups"] == [network["WorkerSecurityGroup"]]


def test_the_network_has_two_zones_and_an_endpoint_for_each_service(deploy: Deploy) -> None:
    deployed = deploy(Redis="off")

    with deployed.emulator.client("ec2") as ec2:
        subnets = ec2.describe_subnets(SubnetIds=deployed.network["Subnets"].split(","))["Subnets"]
        endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]  # ministack passes over a filter by network

    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    ours = [each for each in endpoints if each["VpcId"] == deployed.network["VpcId"]]
    services = {each["ServiceName"].partition("eu-central-1.")[2] for each in ours}
    assert services == {"s3", "dynamodb", "sqs", "logs", "ecr.api", "ecr.dkr", "secretsmanager"}


def test_each_alarm_is_over_a_metric_that_a_filter_of_the_log_or_a_service_of_aws_writes(deploy: Deploy) -> None:
    deployed = deploy(Redis="off")
    group = deployed.monitoring["LogGroupName"]

    with deployed.emulator.client("logs") as logs, deployed.emulator.client("cloudwatch") as cloudwatch:
        filters = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
        (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{deployed.emulator.environment}-")["MetricAlarms"]

    written = {
        (each["metricNamespace"], each["metricName"]) for one in filters for each in one["metricTransformations"]
    }
    asked = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}
    by_workers = {name for name in asked if name[0] == "AudioConversionWorker"}  # WORKER_METRICS=emf
    of_one_metric = {name for name, alarm in Monitoring().alarms.items() if "MetricName" in alarm}
    assert {alarm["AlarmName"].removeprefix(f"{deployed.emulator.environment}-") for alarm in alarms} == of_one_metric
    assert {name for name in asked - written - by_workers if name[0] != "AWS/SQS"} == set()
    assert found["retentionInDays"] == 30


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_can_be_made_as_it_is(deploy: Deploy, option: str) -> None:
    parameters = parameters_of(option)
    del parameters["Environment"], parameters["LogGroup"]  # the emulator is shared

    deployed = deploy(**parameters)

    assert deployed.described()["status"] == "ACTIVE"
    assert bool(deployed.cache) == (option == "option-2-redis-on")


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
