"""What holds of the templates as they are written: each is sound by itself, and they fit together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudformation import DEPLOY, load, templates, types_of
from tests.support.emulators import LACKS, UNKNOWN
from worker.settings.tree import VARIABLES

NAMES = templates()
OPTIONS = sorted(file.parent.name for file in DEPLOY.glob("*/parameters.json"))
IN_ORDER = ("events", "network", "data", "cache", "monitoring", "service", "gateway")  # as docs tell to make them

OPTIONAL = {"gateway"}  # beside an option, with parameters of its own


def parts_of(value: Any) -> Iterator[Any]:
    """The value, and all that is in it."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts_of(part)


def parameters_of(option: str) -> dict[str, str]:
    listed = json.loads((DEPLOY / option / "parameters.json").read_text(encoding="utf-8"))
    return {each["ParameterKey"]: each["ParameterValue"] for each in listed}


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint_finds_nothing(name: str) -> None:
    program = str(Path(sys.executable).with_name("cfn-lint"))

    done = subprocess.run(
        [
            program,
            "--non-zero-exit-code",
            "informational",
            "--include-checks",
            "I",
            "--",
            str(DEPLOY / f"{name}.yaml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_each_type_of_resource_is_made_on_an_emulator_but_for_those_that_none_knows() -> None:
    types = {each for name in NAMES for each in types_of(load(name))}

    nowhere = {each for each in types if all(each in UNKNOWN | lacks for lacks in LACKS.values())}

    assert nowhere == UNKNOWN


@pytest.mark.parametrize("name", NAMES)
def test_what_a_template_imports_another_exports_that_is_made_before(name: str) -> None:
    exports = {
        f"${{Environment}}-{other}-{output}"
        for other in IN_ORDER[: IN_ORDER.index(name)]
        if other in NAMES
        for output, value in load(other)["Outputs"].items()
        if value.get("Export") == {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{output}"}}
    }

    imports = {
        part["Fn::ImportValue"]["Fn::Sub"]
        for part in parts_of(load(name))
        if isinstance(part, dict) and "Fn::ImportValue" in part
    }

    assert imports - exports == set()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_for_some_is_exported_for_them_alone(name: str) -> None:
    template = load(name)
    conditions = {name: each.get("Condition") for name, each in template["Resources"].items()}

    for output in template["Outputs"].values():
        value = output["Value"]
        target = value.get("Ref") or value.get("Fn::GetAtt", [None])[0]
        assert target is None or output.get("Condition") == conditions.get(target), output


@pytest.mark.parametrize("name", ["data", "cache", "events"])
def test_what_holds_data_is_kept_when_its_stack_goes(name: str) -> None:
    holders = {"AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket"}  # what a cache holds is there, too

    for resource in load(name)["Resources"].values():
        is_kept = {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} == {"Retain"}
        assert is_kept == (resource["Type"] in holders)


@pytest.mark.parametrize("option", OPTIONS)
def test_each_parameter_of_an_option_is_one_of_a_template_and_may_have_that_value(option: str) -> None:
    known = {name: each for template in NAMES for name, each in load(template)["Parameters"].items()}

    for name, value in parameters_of(option).items():
        assert value in [str(each) for each in known[name].get("AllowedValues", [value])], name


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_names_what_has_no_default(option: str) -> None:
    needed = {
        name
        for template in set(NAMES) - OPTIONAL
        for name, each in load(template)["Parameters"].items()
        if "Default" not in each
    }

    assert needed - set(parameters_of(option)) == set()


def test_a_parameter_is_the_same_in_each_template_that_has_it() -> None:
    seen: dict[str, dict[str, Any]] = {}

    for template in NAMES:
        for name, each in load(template)["Parameters"].items():
            alike = {key: each.get(key) for key in ("Type", "AllowedPattern")}
            assert seen.setdefault(name, alike) == alike, (template, name)


@pytest.mark.parametrize("name", ["service", "gateway"])
def test_every_variable_that_a_task_gets_is_a_setting(name: str) -> None:
    (container,) = load(name)["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    given = {part["Name"] for part in parts_of(container) if isinstance(part, dict) and "Name" in part}

    names = {each for each in given if each.startswith(("WORKER_", "REDIS_"))}

    assert names - {variable.name for variable in VARIABLES} == set()
    assert {"WORKER_QUEUE_URL", "WORKER_TABLE", "REDIS_ENDPOINT", "REDIS_PASSWORD"} <= names
