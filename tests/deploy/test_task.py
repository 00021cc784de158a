"""The task that service.yaml defines, for each way to log in to Redis. moto keeps all of a container's definition."""

from __future__ import annotations

import subprocess
import sys

from tests.support.cloudformation import load
from tests.support.emulators import Deploy
from tests.support.stack import Stack
from tests.support.worker_process import WorkerProcess
from worker.settings import RUN
from worker.settings import load as load_settings


def test_without_redis_the_worker_is_told_of_none(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="off")

    environment = deployed.environment()

    assert [name for name in environment if name.startswith("REDIS_")] == []
    settings = load_settings(environment, needs=RUN)
    assert settings.redis_or_none is None
    assert (settings.queue_url, settings.table) == (deployed.data["QueueUrl"], deployed.data["TableName"])
    assert settings.concurrency == 2


def test_of_several_queues_the_worker_is_given_all_the_most_urgent_first(deploy_on_moto: Deploy) -> None:
    deployed = deploy_on_moto(Redis="off", Queues="2")

    settings = load_settings(deployed.environment(), needs=RUN)

    assert len(settings.queue_urls) == 2
    assert settings.queue_urls[0].endswith(deployed.data["UrgentQueueName"])
    assert settings.queue_urls[1] == deployed.data["QueueUrl"]


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
