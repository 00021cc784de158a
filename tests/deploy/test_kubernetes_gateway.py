"""The gateway of deploy/k8s: what it may reach and who may reach it, and the settings and paths of the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.kubernetes import GATEWAYS, WORKERS, Rendered, environment_of, pod_of, read
from tests.support.stack import Stack
from worker.settings import SERVE, load

Render = Callable[[str], Rendered]

LABELS = {"app.kubernetes.io/name": "audio-conversion-gateway"}
NOT_FOR_CLIENTS = {"/metrics", "/livez", "/readyz"}


@pytest.mark.parametrize("overlay", GATEWAYS)
def test_the_gateway_takes_the_environment_as_it_is(overlay: str, render: Render) -> None:
    resources = render(overlay)

    settings = load(environment_of(resources), needs=SERVE)

    assert (settings.redis_or_none is not None) == (overlay == "gateway-redis-on")
    assert (settings.serve.host, settings.serve.port) == ("0.0.0.0", 8081)
    assert settings.serve.token is not None
    assert settings.serve.source
    assert settings.serve.target
    assert pod_of(resources)["containers"][0]["ports"] == [{"name": "http", "containerPort": 8081}]


@pytest.mark.parametrize("overlay", GATEWAYS)
def test_a_gateway_has_the_role_of_its_own_service_account_and_not_the_worker_s(overlay: str, render: Render) -> None:
    account = render(overlay)["ServiceAccount"]["metadata"]["name"]

    assert pod_of(render(overlay))["serviceAccountName"] == account
    assert account not in {render(each)["ServiceAccount"]["metadata"]["name"] for each in WORKERS}


@pytest.mark.parametrize("overlay", GATEWAYS)
def test_only_the_balancer_and_metrics_reach_a_gateway_and_it_reaches_what_it_needs(
    overlay: str, render: Render
) -> None:
    resources = render(overlay)
    policy = resources["NetworkPolicy"]["spec"]

    balancer, monitoring = (rule["from"] for rule in policy["ingress"])

    assert balancer == [{"ipBlock": {"cidr": resources["ConfigMap"]["data"]["FORWARDED_ALLOW_IPS"]}}]
    assert monitoring == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == {8081}
    reached = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert reached == {53, 80, 443} | ({6379} if overlay == "gateway-redis-on" else set())


@pytest.mark.parametrize("overlay", GATEWAYS)
def test_everything_selects_the_gateways_and_no_workers(overlay: str, render: Render) -> None:
    resources = render(overlay)

    assert {each["metadata"]["namespace"] for each in resources.values()} == {"audio"}
    assert resources["NetworkPolicy"]["spec"]["podSelector"] == {"matchLabels": LABELS}
    assert resources["Service"]["spec"]["selector"] == LABELS
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        assert resources[kind]["spec"]["selector"] == {"matchLabels": LABELS}
    assert resources["Deployment"]["spec"]["template"]["metadata"]["labels"] == LABELS


def test_the_gateway_s_pod_is_kept_from_all_that_a_worker_is_kept_from() -> None:
    pod = read("gateway/deployment.yaml")["spec"]["template"]["spec"]
    of_worker = read("service/deployment.yaml")["spec"]["template"]["spec"]
    (container,), (worker,) = pod["containers"], of_worker["containers"]

    for name in ("enableServiceLinks", "automountServiceAccountToken", "securityContext"):
        assert pod[name] == of_worker[name], name
    assert container["args"] == ["serve"]
    for name in ("securityContext", "livenessProbe"):
        assert container[name] == worker[name], name


def test_a_pod_that_goes_has_time_to_leave_the_balancer_and_to_end() -> None:
    pod = read("gateway/deployment.yaml")["spec"]["template"]["spec"]

    (container,) = pod["containers"]

    leaving = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    ends_within = 5  # docs/gateway.md
    assert leaving + ends_within < pod["terminationGracePeriodSeconds"]


def _is_reachable(path: str, rules: list[dict[str, Any]]) -> bool:
    """https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types"""
    return any(
        path == rule["path"] or (rule["pathType"] == "Prefix" and path.startswith(f"{rule['path']}/"))
        for rule in rules
    )


def test_no_outage_of_the_table_takes_gateways_out_of_the_balancer_once_they_have_started() -> None:
    (container,) = read("gateway/deployment.yaml")["spec"]["template"]["spec"]["containers"]
    annotations = read("gateway/ingress.yaml")["metadata"]["annotations"]

    probes = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert probes == {"startupProbe": "/readyz", "livenessProbe": "/livez", "readinessProbe": "/livez"}
    assert annotations["alb.ingress.kubernetes.io/healthcheck-path"] == "/livez"


async def test_clients_reach_every_request_and_the_page_through_the_balancer_and_no_metrics(
    stack_of_data: tuple[Stack, dict[str, str]],
) -> None:
    (rule,) = read("gateway/ingress.yaml")["spec"]["rules"]
    rules = rule["http"]["paths"]

    with GatewayProcess(stack_of_data[0]) as gateway:
        async with gateway.client() as client:
            described = set((await client.get("/openapi.json")).json["paths"])
            page = (await client.get("/")).text

    files = set(_addresses_in(page))
    assert len(files) > 1
    assert {path for path in described | files if not _is_reachable(path, rules)} == set()
    assert {path for path in NOT_FOR_CLIENTS if _is_reachable(path, rules)} == set()
    assert _is_reachable("/", rules)
    assert _is_reachable("/health", rules)


def _addresses_in(page: str) -> Iterator[str]:
    """The files that the page loads from its own host."""
    for part in page.split('"'):
        if part.startswith("/page/"):
            yield part
