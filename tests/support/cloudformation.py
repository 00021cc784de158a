"""The templates of deploy/, read as CloudFormation reads them, and made into stacks on an emulator."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import yaml  # type: ignore[import-untyped]

from tests.support.stack import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
ENVIRONMENT = "audio"
_SHORT_FORMS = {"Ref": "Ref", "Condition": "Condition"}  # all others become Fn::NAME

Template = dict[str, Any]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
    """Knows the short forms of CloudFormation's functions, such as `!Ref`."""


def _function(loader: _Loader, name: str, node: Any) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {_SHORT_FORMS.get(name, f"Fn::{name}"): value}


_Loader.add_multi_constructor("!", _function)


def templates() -> list[str]:
    """The names of the templates, such as `data`."""
    return sorted(
        file.stem
        for file in DEPLOY.glob("*.yaml")
        if "AWSTemplateFormatVersion" in file.read_text(encoding="utf-8").partition("\n")[0]
    )


def load(name: str) -> Template:
    """The template of that name, with all functions in their long form."""
    template: Template = yaml.load((DEPLOY / f"{name}.yaml").read_text(encoding="utf-8"), Loader=_Loader)
    return template


def types_of(template: Template) -> set[str]:
    return {resource["Type"] for resource in template["Resources"].values()}


def without(template: Template, lacking: Collection[str]) -> Template:
    """The template less the resources of these types or names, and less what depends on them or shows them."""
    left = {name: each for name, each in template["Resources"].items() if not {each["Type"], name} & set(lacking)}
    gone = set(template["Resources"]) - set(left)
    for resource in left.values():
        if resource.get("DependsOn") in gone:
            del resource["DependsOn"]
    outputs = {name: each for name, each in template["Outputs"].items() if not gone & set(_references(each["Value"]))}
    return template | {"Resources": left, "Outputs": outputs}


def standing_in_for(template: Template, values: Mapping[str, str]) -> Template:
    """A template that exports what the other does, with these values, for an emulator that cannot make the other."""
    outputs = {name: {"Value": values[name], "Export": template["Outputs"][name]["Export"]} for name in values}
    return {"Parameters": {}, "Resources": {"StandIn": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": name}:
            yield name
        case {"Fn::GetAtt": [name, *_]}:
            yield name
        case dict():
            for part in value.values():
                yield from _references(part)
        case list():
            for part in value:
                yield from _references(part)


def make(endpoint: str, stack: str, template: Template, parameters: Mapping[str, str]) -> dict[str, str]:
    """Make a stack of the template, and return its outputs. It gets those of the parameters that it declares.

    Raises AssertionError, with the reason, where the stack is not made.
    """
    given = {name: value for name, value in parameters.items() if name in template["Parameters"]}
    body = template | {"Resources": _with_numbers(template["Resources"], template["Parameters"], given)}
    with closing(boto3.client("cloudformation", endpoint_url=endpoint)) as client:
        client.create_stack(
            StackName=stack,
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        made = wait_for(lambda: _ended(client, stack), f"the end of {stack}")
        assert made["StackStatus"] == "CREATE_COMPLETE", "\n".join(_failures(client, stack))
    return {output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", [])}


def _with_numbers(value: Any, parameters: Mapping[str, Any], given: Mapping[str, str]) -> Any:
    """The value with numbers in place of references to parameters that are numbers: emulators would put in texts."""
    match value:
        case {"Name": _, "Value": _}:
            return value  # of a variable, which is a text
        case {"Ref": str(name)} if parameters.get(name, {}).get("Type") == "Number":
            return int(given.get(name, parameters[name]["Default"]))
        case dict():
            return {key: _with_numbers(part, parameters, given) for key, part in value.items()}
        case list():
            return [_with_numbers(part, parameters, given) for part in value]
    return value


def _ended(client: Any, stack: str) -> dict[str, Any] | None:
    made: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
    return None if made["StackStatus"].endswith("_IN_PROGRESS") else made


def _failures(client: Any, stack: str) -> Iterator[str]:
    for event in client.describe_stack_events(StackName=stack)["StackEvents"]:
        if event["ResourceStatus"].endswith("FAILED"):
            yield f"{stack} {event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
