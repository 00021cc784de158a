"""App Runner's file and compose.yaml: what they set is what the worker takes, and what they run is what is tested."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.support.cloudformation import DEPLOY
from worker.settings import RUN, load


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def test_app_runner_gives_the_worker_settings_that_it_takes_with_redis_and_without() -> None:
    given = {each["name"]: each["value"] for each in read("apprunner/apprunner.yaml")["run"]["env"]}
    without = {name: value for name, value in given.items() if not name.startswith("REDIS_")}

    redis = load(given, needs=RUN).redis

    assert (redis.port, redis.tls, redis.endpoint) == (6379, True, given["REDIS_ENDPOINT"])
    assert load(without, needs=RUN).redis_or_none is None
    assert load(given, needs=RUN).http_host == "0.0.0.0"


def test_app_runner_installs_what_the_image_installs() -> None:
    (command,) = read("apprunner/apprunner.yaml")["build"]["commands"]["build"]
    run = read("apprunner/apprunner.yaml")["run"]

    assert "--require-hashes --requirement locks/runtime.txt" in command
    assert (DEPLOY.parent / "locks" / "runtime.txt").exists()
    assert run["command"].endswith("python3 -m worker run")
    assert run["network"]["port"] == 8080


def test_the_composition_runs_the_emulator_that_the_tests_run() -> None:
    services = read("compose.yaml")["services"]

    assert services["aws"]["image"] == f"motoserver/moto:{version('moto')}"


def test_the_composition_listens_on_this_machine_alone_and_waits_for_what_it_needs() -> None:
    services = read("compose.yaml")["services"]

    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    needed = {name for service in services.values() for name in service.get("depends_on", ())}
    assert needed <= set(services)
    assert services["worker"]["depends_on"]["setup"] == {"condition": "service_completed_successfully"}
    assert int(services["worker"]["stop_grace_period"].rstrip("s")) > 100  # WORKER_DRAIN_SECONDS
