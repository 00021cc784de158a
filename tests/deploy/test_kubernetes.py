"""The overlays of deploy/k8s as kustomize makes them: all are valid, and those of workers have what they need."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]

from tests.support.cloudformation import DEPLOY
from tests.support.kubernetes import (
    CUSTOM,
    OVERLAYS,
    WORKERS,
    Rendered,
    environment_of,
    pod_of,
    read,
    standard,
)
from worker.settings import RUN, load

SERVICES = ("redis-off", "redis-on")

Render = Callable[[str], Rendered]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_of_kubernetes_is_valid_and_has_no_unknown_member(
    overlay: str, render: Render, tool: Callable[[str], str], tmp_path: Path
) -> None:
    file = tmp_path / "rendered.yaml"
    documents = list(standard(render(overlay)))
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")

    done = subprocess.run(
        [tool("kubernetes-validate"), "--strict", str(file)], capture_output=True, text=True, check=False
    )

    text = done.stdout + done.stderr
    assert (done.returncode, text.count("passed for resource"), "WARN" in text) == (0, len(documents), False), text


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_custom_resource_is_valid_and_has_no_unknown_member(overlay: str, render: Render) -> None:
    found = {kind: each for kind, each in render(overlay).items() if kind in CUSTOM["$defs"]}

    assert found
    for kind, each in found.items():
        jsonschema.validate(each["spec"], CUSTOM | {"$ref": f"#/$defs/{kind}"})


def test_checkov_finds_nothing(render: Render, tool: Callable[[str], str], tmp_path: Path) -> None:
    command = [tool("checkov"), "--config-file", str(DEPLOY / ".checkov.yaml")]
    for overlay in OVERLAYS:
        file = tmp_path / f"{overlay}.yaml"
        file.write_text(yaml.safe_dump_all(standard(render(overlay))), encoding="utf-8")
        command += ["--file", str(file)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, "Passed checks" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize("overlay", WORKERS)
def test_the_worker_takes_the_environment_as_it_is(overlay: str, render: Render) -> None:
    resources = render(overlay)

    settings = load(environment_of(resources), needs=RUN)

    assert (settings.redis_or_none is not None) == (overlay == "redis-on")
    assert settings.queue_url == "https://sqs.eu-central-1.amazonaws.com/111122223333/audio-jobs"
    limit = pod_of(resources)["containers"][0]["resources"]["limits"]["cpu"]
    assert settings.concurrency == int(limit)


@pytest.mark.parametrize("overlay", WORKERS)
def test_a_pod_is_stopped_later_than_the_worker_drains(overlay: str, render: Render) -> None:
    resources = render(overlay)

    drain_seconds = load(environment_of(resources), needs=RUN).drain_seconds

    assert drain_seconds + 60 <= pod_of(resources)["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("overlay", WORKERS)
def test_nothing_may_reach_a_worker_but_metrics_and_it_reaches_what_it_needs(overlay: str, render: Render) -> None:
    policy = render(overlay)["NetworkPolicy"]["spec"]

    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}

    assert ports == {53, 80, 443} | ({6379} if overlay == "redis-on" else set())
    sources = [source for rule in policy["ingress"] for source in rule["from"]]
    assert len(sources) == (1 if overlay in SERVICES else 0)


@pytest.mark.parametrize("overlay", WORKERS)
def test_everything_selects_the_same_pods_in_the_same_namespace(overlay: str, render: Render) -> None:
    resources = render(overlay)
    labels = {"app.kubernetes.io/name": "audio-conversion-worker"}

    assert {each["metadata"]["namespace"] for each in resources.values()} == {"audio"}
    assert resources["NetworkPolicy"]["spec"]["podSelector"] == {"matchLabels": labels}
    for kind in {"Deployment", "PodDisruptionBudget", "PodMonitor"} & set(resources):
        assert resources[kind]["spec"]["selector"] == {"matchLabels": labels}
    assert pod_of(resources)["serviceAccountName"] == resources["ServiceAccount"]["metadata"]["name"]


@pytest.mark.parametrize("overlay", SERVICES)
def test_the_backlog_scales_the_deployment_which_says_no_number_itself(overlay: str, render: Render) -> None:
    resources = render(overlay)

    scaling = resources["ScaledObject"]["spec"]

    assert scaling["scaleTargetRef"]["name"] == resources["Deployment"]["metadata"]["name"]
    assert "replicas" not in resources["Deployment"]["spec"]
    assert (scaling["minReplicaCount"], scaling["triggers"][0]["metadata"]["scaleOnInFlight"]) == (0, "true")
    assert (
        scaling["triggers"][0]["authenticationRef"]["name"] == resources["TriggerAuthentication"]["metadata"]["name"]
    )


@pytest.mark.parametrize("folder", ["base", "gateway"])
def test_names_are_looked_up_wherever_the_cluster_does_that(folder: str) -> None:
    """In a namespace of its own, on the node (NodeLocal DNSCache), beside the cluster (EKS Auto Mode)."""
    rules = read(f"{folder}/networkpolicy.yaml")["spec"]["egress"]

    (names,) = (rule for rule in rules if {port["port"] for port in rule["ports"]} == {53})

    assert "to" not in names
    assert {port["protocol"] for port in names["ports"]} == {"UDP", "TCP"}


def test_a_job_s_pod_is_that_of_the_service_but_ends_when_the_queue_is_empty() -> None:
    pod = read("overlays/jobs/scaledjob.yaml")["spec"]["jobTargetRef"]["template"]["spec"]
    service = read("service/deployment.yaml")["spec"]["template"]["spec"]

    (container,), (of_service,) = pod["containers"], service["containers"]
    assert (container["args"], of_service["args"]) == (["run", "--until-empty"], ["run"])
    assert pod["restartPolicy"] == "Never"
    differ = {"containers", "restartPolicy", "topologySpreadConstraints"}
    assert {key: pod[key] for key in pod if key not in differ} == {
        key: service[key] for key in service if key not in differ
    }
    differ = {"args", "readinessProbe"}
    assert {key: container[key] for key in container if key not in differ} == {
        key: of_service[key] for key in of_service if key not in differ
    }


def test_neither_karpenter_nor_the_cluster_autoscaler_moves_a_pod_that_runs_until_its_queue_is_empty() -> None:
    metadata = read("overlays/jobs/scaledjob.yaml")["spec"]["jobTargetRef"]["template"]["metadata"]

    assert metadata["annotations"] == {
        "karpenter.sh/do-not-disrupt": "true",
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    }


def test_the_service_s_pod_is_kept_from_all_that_it_does_not_need() -> None:
    pod = read("service/deployment.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    probes = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert probes == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
