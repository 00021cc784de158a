"""JSON Schema (draft 2020-12) of the message, the record and the completion event, made from their declarations.

Some rules of a message cannot be said in JSON Schema, so it accepts what `parse_job` refuses:

* a `preset` that is not known, and fields that do not fit those of a preset
* two outputs with one target, or with a source's or a cover's
* an `end_seconds` that is not above its `start_seconds`
* a `crossfade_seconds` where nothing is joined
* a target that is no prefix for `hls`; one that is an object of such a stream
* a target whose end says no form of a waveform, and options that this form does not have
* a key over 1024 bytes (a schema counts characters); a key or a tag with half a surrogate pair
* a whole number written as 128.0
* a tag that says how the file is made, such as `duration`; texts that are too long together for `webm` or `caf`
* a name that stands twice in an object
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, get_args, get_origin

from worker.application.messages.presets import PRESET
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.declaration import Field, Member, alternatives_of, members_of, options_of
from worker.domain.job import Job, OutputSpec
from worker.domain.progress import Record, Stage, Status, Version

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}

Schema = dict[str, Any]


def message_schema() -> Schema:
    """The schema of a job as a producer writes it (docs/messages.md)."""
    return {"$schema": _DIALECT, "title": "Job message"} | _message_object(Job)


def event_schema() -> Schema:
    """The schema of a completion event (docs/events-out.md)."""
    texts = {
        "event_id": "The same in every repetition, and of no other end: job_id, fence and seq of the record.",
        "type": "How the job ended.",
        "time": "When it ended.",
    }
    properties: dict[str, Schema] = {name: {"description": text, "type": "string"} for name, text in texts.items()}
    properties["type"]["enum"] = [f"job.{status.value}" for status in Status if status.is_final]
    properties["time"]["format"] = "date-time"
    record = {name: value for name, value in record_schema().items() if name not in {"$schema", "title"}}
    properties["record"] = {"description": "The final record of the run."} | record
    return {
        "$schema": _DIALECT,
        "title": "Completion event",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def record_schema() -> Schema:
    """The schema of a record (docs/progress.md). Members may be added to records, so unknown ones are allowed."""
    return {
        "$schema": _DIALECT,
        "title": "Progress record",
        **_record_object(Record),
        # The rules of Record.__post_init__.
        "allOf": [
            _if({"status": {"const": Status.COMPLETED.value}}, {"percent": {"const": 100}}),
            _if({"percent": {"const": 100}}, {"status": {"const": Status.COMPLETED.value}}),
            _if({"status": {"const": Status.RUNNING.value}}, {"stage": {"enum": [stage.value for stage in Stage]}}),
            _if({"stage": {"type": "string"}}, {"status": {"const": Status.RUNNING.value}}),
        ],
    }


SCHEMAS: Mapping[str, Callable[[], Schema]] = {
    "message": message_schema,
    "record": record_schema,
    "event": event_schema,
}


# --- messages: what may be left out may also be null, and what is not known is refused -----------------------------


def _message_object(kind: Any) -> Schema:
    members = members_of(kind)
    schema = {
        **_object((member, _property(member, _message_object, nullable=not member.is_required)) for member in members),
        "required": [member.name for member in members if member.is_required],
        "additionalProperties": False,
    }
    if kind is OutputSpec:
        schema["properties"]["preset"] = {"description": PRESET.meaning} | _or_null(
            {"type": "string"} | dict(PRESET.limits.keywords())
        )
        schema["required"].remove("format")
        schema["anyOf"] = [_given("format"), _given("preset")]
        schema["allOf"] = [_rules_of(audio_format) for audio_format in AudioFormat]
    return schema


def _given(name: str) -> Schema:
    return {"properties": {name: {"type": "string"}}, "required": [name]}


def _rules_of(audio_format: AudioFormat) -> Schema:
    """What the options of one format may be."""
    rules = FORMATS[audio_format]
    properties = {}
    companions = []
    for name, (_, option) in options_of(OutputSpec).items():
        limits = option.limits(rules)
        properties[name] = {"type": "null"} if limits is None else _or_null(dict(limits.keywords()))
        for companion in option.companions if limits is not None else ():
            if (others := companion.limits(rules)) is not None:
                condition = {"not": {"type": "null"}} if companion.given is None else {"const": companion.given}
                companions.append(_if({name: condition}, {companion.name: _or_null(dict(others.keywords()))}))
    schema = _if({"format": {"const": audio_format.value}}, properties)
    if companions:
        schema["then"]["allOf"] = companions
    return schema


# --- records: every member is there, and what is not known is passed over ------------------------------------------


def _record_object(kind: Any) -> Schema:
    members = [
        inner
        for member in members_of(kind)
        for inner in (
            members_of(Version) if member.type is Version else (member,)
        )  # fence and seq stand in the record
    ]
    return {
        **_object((member, _property(member, _record_object, nullable=member.is_nullable)) for member in members),
        "required": [
            member.name
            for member in members
            if not (isinstance(member.declared, Field) and member.declared.left_out_if_null)
        ],
    }


# --- both ----------------------------------------------------------------------------------------------------------


def _object(properties: Iterable[tuple[Member, Schema]]) -> Schema:
    return {"type": "object", "properties": {member.name: schema for member, schema in properties}}


def _property(member: Member, of_object: Callable[[Any], Schema], *, nullable: bool) -> Schema:
    schema = _type(member.type, of_object)
    if isinstance(member.declared, Field):
        schema |= member.declared.limits.keywords()
    return {"description": member.declared.meaning} | (_or_null(schema) if nullable else schema)


def _type(kind: Any, of_object: Callable[[Any], Schema]) -> Schema:
    alternatives = alternatives_of(kind)
    if len(alternatives) > 1:
        schemas = [_type(each, of_object) for each in alternatives]
        keywords = {name: value for schema in schemas for name, value in schema.items()}  # each is of one type alone
        return keywords | {"type": [schema["type"] for schema in schemas]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0], of_object)}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    if hasattr(kind, "parse"):
        return {"type": "string", **kind.TEXT.keywords()}
    if dataclasses.is_dataclass(kind):
        return of_object(kind)
    if issubclass(kind, StrEnum):
        return {"type": "string", "enum": [each.value for each in kind]}
    return {"type": _SCALARS[kind]}


def _or_null(schema: Schema) -> Schema:
    """The schema with null allowed as well. Keywords about numbers, texts, lists and objects do not apply to null."""
    widened = dict(schema)
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        widened["type"] = [*types, "null"]
    if "enum" in schema:
        widened["enum"] = [*schema["enum"], None]
    return widened


def _if(condition: Schema, consequence: Schema) -> Schema:
    """Where the properties are as in `condition`, and all there, they must be as in `consequence` too."""
    return {
        "if": {"properties": condition, "required": list(condition)},
        "then": {"properties": consequence},
    }
