"""From S3's events about new objects to jobs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation
from worker.domain.outcome import Ignored

_MAX_SHOWN = 64  # characters of what the producer chose
_PROBLEMS = {  # from pydantic's words to ours
    "missing": "is required",
    "string_type": "must be a string",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_CREATED = "ObjectCreated:"
_CREATED_IN_EVENT_BRIDGE = "Object Created"

M = TypeVar("M", bound=BaseModel)

Entry = Job | Ignored | InvalidMessageError


class _Bucket(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str


class _Object(BaseModel):
    model_config = ConfigDict(strict=True)

    key: str
    version_id: str | None = Field(None, validation_alias=AliasChoices("versionId", "version-id"))
    sequencer: str | None = None
    etag: str | None = Field(None, validation_alias=AliasChoices("eTag", "etag"))

    @property
    def version(self) -> str:
        """What identifies this write of the object, the same in each delivery of its event."""
        version_id = None if self.version_id == "null" else self.version_id  # where versioning is suspended
        return version_id or self.sequencer or self.etag or ""


class _Entity(BaseModel):
    """The `s3` of a record, or the `detail` of an EventBridge event."""

    model_config = ConfigDict(strict=True)

    bucket: _Bucket
    object: _Object


def is_notification(document: Mapping[str, Any]) -> bool:
    """Whether a message is what S3 sends to a queue or a topic."""
    return "Records" in document or document.get("Event") == "s3:TestEvent"


def entries_of_notification(document: Mapping[str, Any], outputs: S3EventOutputs | None) -> Sequence[Entry]:
    """An entry for each record. Raises InvalidMessageError where there are no records to look at."""
    if "Records" not in document:
        return [Ignored("s3:TestEvent: S3 has tried whether it may send")]
    records = document["Records"]
    if not isinstance(records, list):
        raise InvalidMessageError("Records", "must be a list")
    return [_entry_of_record(f"Records[{index}]", record, outputs) for index, record in enumerate(records)]


def is_event_bridge(document: Mapping[str, Any]) -> bool:
    """Whether a message is what EventBridge makes of something in S3."""
    return document.get("source") == "aws.s3" and "detail-type" in document


def entry_of_event_bridge(document: Mapping[str, Any], outputs: S3EventOutputs | None) -> Entry:
    """The job of an "Object Created" event. Raises InvalidMessageError."""
    kind = _text("detail-type", document["detail-type"])
    if kind != _CREATED_IN_EVENT_BRIDGE:
        return _not_new(kind)
    entity = _validated(_Entity, document.get("detail"), "detail")
    return _entry_of_object("detail", entity, entity.object.key, outputs)  # this key is not URL-encoded


def _entry_of_record(field: str, record: object, outputs: S3EventOutputs | None) -> Entry:
    try:
        return _read_record(field, record, outputs)
    except InvalidMessageError as refusal:  # of this record; the others are jobs of their own
        return refusal


def _read_record(field: str, record: object, outputs: S3EventOutputs | None) -> Entry:
    if not isinstance(record, dict):
        raise InvalidMessageError(field, "must be an object")
    if not _text(f"{field}.eventSource", record.get("eventSource")).endswith(":s3"):
        raise InvalidMessageError(f"{field}.eventSource", "is not S3")
    name = _text(f"{field}.eventName", record.get("eventName")).removeprefix("s3:")  # MinIO has it in front
    if not name.startswith(_CREATED):
        return _not_new(name)
    entity = _validated(_Entity, record.get("s3"), f"{field}.s3")
    return _entry_of_object(f"{field}.s3", entity, _decoded(f"{field}.s3.object.key", entity.object.key), outputs)


def _entry_of_object(field: str, entity: _Entity, key: str, outputs: S3EventOutputs | None) -> Entry:
    if key.endswith("/"):
        return Ignored("a folder's marker holds no audio")
    if outputs is None:
        raise InvalidMessageError(field, "is about a new object, and WORKER_S3_EVENT_OUTPUTS is not set")
    try:
        source = ObjectLocation.parse(f"s3://{entity.bucket.name}/{key}")
    except ValueError as exc:
        raise InvalidMessageError(field, str(exc)) from None
    if outputs.may_have_made(source):
        return Ignored(f"{source} may be an output itself: its target is among WORKER_S3_EVENT_OUTPUTS")
    return outputs.job(source, entity.object.version)


def _not_new(event: str) -> Ignored:
    return Ignored(f"{event[:_MAX_SHOWN]}: only new objects are converted")


def _decoded(field: str, key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise InvalidMessageError(field, "is not UTF-8 when it is URL-decoded") from None


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidMessageError(field, "must be a string")
    return value


def _validated(model: type[M], document: object, within: str) -> M:
    """The document as a `model`. Raises InvalidMessageError about the first field that is wrong; `within` leads it."""
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join((within, *map(str, first["loc"])))
        raise InvalidMessageError(field, _PROBLEMS.get(first["type"], "is not valid")) from None
