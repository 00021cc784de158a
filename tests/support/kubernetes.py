"""The overlays of deploy/k8s as kustomize makes them, and the parts of them that the tests ask for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.support.cloudformation import DEPLOY

FOLDER = DEPLOY / "k8s"
OVERLAYS = sorted(folder.name for folder in (FOLDER / "overlays").iterdir())
GATEWAYS = tuple(name for name in OVERLAYS if name.startswith("gateway"))
WORKERS = tuple(name for name in OVERLAYS if name not in GATEWAYS)
CUSTOM = json.loads((DEPLOY.parent / "tests" / "deploy" / "custom_resources.json").read_text(encoding="utf-8"))
SECRETS = {"redis": {"REDIS_PASSWORD": "the secret"}, "gateway": {"WORKER_SERVE_TOKEN": "the-token"}}

Rendered = dict[str, Any]


def rendered(kubectl: str, overlay: str) -> Rendered:
    """The resources of an overlay, by kind."""
    folder = str(FOLDER / "overlays" / overlay)
    text = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True)
    assert text.stderr == ""
    return {each["kind"]: each for each in yaml.safe_load_all(text.stdout)}


def read(path: str) -> Any:
    """A file of deploy/k8s."""
    return yaml.safe_load((FOLDER / path).read_text(encoding="utf-8"))


def pod_of(resources: Rendered) -> dict[str, Any]:
    spec = (
        resources["Deployment"]["spec"]
        if "Deployment" in resources
        else resources["ScaledJob"]["spec"]["jobTargetRef"]
    )
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def environment_of(resources: Rendered) -> Mapping[str, str]:
    """What the container sees: the settings by name, and the secrets where it takes them."""
    (container,) = pod_of(resources)["containers"]
    settings = resources["ConfigMap"]
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            assert source["configMapRef"]["name"] == settings["metadata"]["name"]
            found |= settings["data"]
        else:
            found |= SECRETS[source["secretRef"]["name"]]
    return found


def standard(resources: Rendered) -> Iterator[Mapping[str, Any]]:
    """The resources of Kubernetes itself; of a ScaledJob the job that KEDA makes of it."""
    for kind, each in resources.items():
        if kind == "ScaledJob":
            yield {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": each["metadata"],
                "spec": each["spec"]["jobTargetRef"],
            }
        elif kind not in CUSTOM["$defs"]:
            yield each
