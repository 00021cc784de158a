"""deploy/monitoring.yaml with its parameters filled in, as far as that needs no AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.support.cloudformation import DEPLOY, load
from tests.support.cloudwatch import Line, Metrics, goes_off, rule_goes_off

QUEUE, DEAD_LETTERS = "audio-data-QueueName", "audio-data-DeadLetterQueueName"  # an import has its own name here

_RULES = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8"))
RULES: Mapping[str, Mapping[str, Any]] = {rule["alert"]: rule for group in _RULES["groups"] for rule in group["rules"]}
ALERTS: Mapping[str, str] = {name: rule["expr"] for name, rule in RULES.items()}
_NO_VALUE = object()  # what stands for it is left out of its list


class Monitoring:
    """The resources of the template, by type. A reference to a resource is its name."""

    def __init__(self, **parameters: object) -> None:
        template = load("monitoring")
        defaults = {name: each["Default"] for name, each in template["Parameters"].items()}
        self._values: dict[str, Any] = {"AWS::Region": "eu-central-1", **defaults, **parameters}
        self._conditions: dict[str, Any] = template["Conditions"]
        self._resources = {
            name: each for name, each in template["Resources"].items() if self._holds(each.get("Condition"))
        }

    def of_type(self, kind: str) -> Mapping[str, dict[str, Any]]:
        """The properties of each resource of the type, by its name in the template."""
        return {
            name: self._resolved(resource["Properties"])
            for name, resource in self._resources.items()
            if resource["Type"] == kind
        }

    @property
    def filters(self) -> Sequence[Mapping[str, Any]]:
        return list(self.of_type("AWS::Logs::MetricFilter").values())

    @property
    def alarms(self) -> Mapping[str, Mapping[str, Any]]:
        """The alarms but for the composite one, by the last part of their names."""
        found = self.of_type("AWS::CloudWatch::Alarm").values()
        return {each["AlarmName"].partition("-")[2]: each for each in found}

    @property
    def composite(self) -> Mapping[str, Any]:
        (found,) = self.of_type("AWS::CloudWatch::CompositeAlarm").values()
        return found

    @property
    def queries(self) -> Mapping[str, str]:
        """The saved queries by their names without the environment."""
        found = self.of_type("AWS::Logs::QueryDefinition").values()
        return {each["Name"].partition("/")[2]: each["QueryString"] for each in found}

    @property
    def dashboard(self) -> Mapping[str, Any]:
        (found,) = self.of_type("AWS::CloudWatch::Dashboard").values()
        body: Mapping[str, Any] = json.loads(found["DashboardBody"])
        return body

    def alarms_of(self, lines: Sequence[Line], queue: Metrics, begin: float, end: float) -> set[str]:
        """The names of the alarms that go off between two times, over these lines and what SQS measures itself."""
        queue.collect(lines, self.filters)
        states = {name: goes_off(alarm, queue, begin, end) for name, alarm in self.alarms.items()}
        by_full_name = {alarm["AlarmName"]: states[name] for name, alarm in self.alarms.items()}
        composite = self.composite
        states[composite["AlarmName"].partition("-")[2]] = rule_goes_off(composite["AlarmRule"], by_full_name)
        return {name for name, is_off in states.items() if is_off}

    def _resolved(self, value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return self._named(name)
            case {"Fn::Sub": [text, more]}:
                return self._substituted(text, {name: self._resolved(each) for name, each in more.items()})
            case {"Fn::Sub": text}:
                return self._substituted(text, {})
            case {"Fn::ImportValue": name}:
                return self._resolved(name)
            case {"Fn::If": [condition, yes, no]}:
                return self._resolved(yes if self._holds(condition) else no)
            case dict():
                return {name: self._resolved(each) for name, each in value.items()}
            case list():
                found = [self._resolved(each) for each in value]
                return [each for each in found if each is not _NO_VALUE]
            case _:
                return value

    def _holds(self, condition: Any) -> bool:
        match condition:
            case None:
                return True
            case str(name):
                return self._holds(self._conditions[name])
            case {"Fn::Not": [negated]}:
                return not self._holds(negated)
            case {"Fn::Equals": [left, right]}:
                return bool(self._resolved(left) == self._resolved(right))
        raise ValueError(f"this condition is not known here: {condition}")

    def _named(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self._values:
            return self._values[name]
        properties = self._resources[name]["Properties"]
        return self._resolved(properties.get("AlarmName") or properties["LogGroupName"])

    def _substituted(self, text: str, more: Mapping[str, Any]) -> str:
        return re.sub(
            r"\$\{([\w:]+)\}", lambda match: str(more[match[1]] if match[1] in more else self._named(match[1])), text
        )
