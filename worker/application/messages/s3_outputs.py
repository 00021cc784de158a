"""From a new object in S3 to its job: the outputs that the operator asks for, with placeholders in the targets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from worker.application.messages.json_text import read_json
from worker.application.messages.message import job_from
from worker.application.messages.presets import BUILT_IN, Presets
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation
from worker.domain.naming import readable_id_part, stem_of
from worker.domain.stream_layout import target_that_made

PLACEHOLDERS = ("bucket", "key", "folder", "name", "stem", "job_id")
_PLACEHOLDER = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")
_TELLS_OBJECTS_APART = re.compile("{(key|name|stem|job_id)}")
_HASH_CHARACTERS = 20  # 80 bits
_SAMPLE = ObjectLocation("sample-bucket", "folder/name.wav")


class S3EventOutputs:
    """The value of WORKER_S3_EVENT_OUTPUTS: a message's `outputs`, whose targets hold placeholders.

    Raises InvalidMessageError where no message could have such outputs, or every object would overwrite the last.
    """

    def __init__(self, text: str, presets: Presets = BUILT_IN) -> None:
        self._presets = presets
        self._text = text
        self._outputs = read_json(text, "outputs")
        job_from(self._document(_SAMPLE, "sample"), presets)
        for index, target in enumerate(self._targets):
            field = f"outputs[{index}].target"
            if set("{}") & set(_PLACEHOLDER.sub("", target)):
                known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                raise InvalidMessageError(field, f"may hold no other braces than {known}")
            if not _TELLS_OBJECTS_APART.search(target):
                raise InvalidMessageError(field, "must hold {key}, {name}, {stem} or {job_id}: else all share it")

    def __str__(self) -> str:
        return self._text

    def job(self, source: ObjectLocation, version: str) -> Job:
        """The job of one version of an object; always the same for the same one. Raises InvalidMessageError."""
        return job_from(self._document(source, job_id_of(source, version)), self._presets)

    def may_have_made(self, location: ObjectLocation) -> bool:
        """Whether the object could be an output of ours: a job of it might ask for itself, over and over.

        Of a target that is a prefix, only what a stream has beneath it could be.
        """
        prefix = target_that_made(location.key)
        made = [location] if prefix is None else [location, ObjectLocation(location.bucket, prefix)]
        targets = [target.replace("{bucket}", location.bucket) for target in self._targets]
        return any(_fits(str(each), target) for each in made for target in targets)

    @property
    def target_prefixes(self) -> Sequence[str]:
        """What stands before the placeholders of each target that names its bucket, such as `s3://bucket/folder/`."""
        beginnings = dict.fromkeys(_PLACEHOLDER.split(target)[0] for target in self._targets)
        return [beginning for beginning in beginnings if beginning.count("/") >= 3]

    @property
    def _targets(self) -> Sequence[str]:
        return [output["target"] for output in self._outputs]

    def _document(self, source: ObjectLocation, job_id: str) -> dict[str, Any]:
        folder, slash, name = source.key.rpartition("/")
        values = {
            "bucket": source.bucket,
            "key": source.key,
            "folder": folder + slash,
            "name": name,
            "stem": stem_of(name),
            "job_id": job_id,
        }
        outputs = self._outputs
        if isinstance(outputs, list):
            outputs = [_filled(output, values) for output in outputs]
        return {"job_id": job_id, "source": str(source), "outputs": outputs}


def job_id_of(source: ObjectLocation, version: str) -> str:
    """A job id for one version of an object: its name, for people, and a hash of bucket, key and version."""
    identity = "\0".join((source.bucket, source.key, version))
    digest = hashlib.sha256(identity.encode(errors="backslashreplace")).hexdigest()[:_HASH_CHARACTERS]
    return f"{readable_id_part(source.key)}-{digest}"


def _filled(output: object, values: Mapping[str, str]) -> object:
    if not isinstance(output, dict) or not isinstance(output.get("target"), str):
        return output
    # In one pass: a key that holds a placeholder's name is only a key.
    return {**output, "target": _PLACEHOLDER.sub(lambda match: values[match[1]], output["target"])}


def _fits(url: str, target: str) -> bool:
    """Whether the target becomes the URL with some values of its placeholders. In linear time."""
    first, *middle, last = _PLACEHOLDER.split(target)[::2]
    if len(url) < len(first) + len(last) or not (url.startswith(first) and url.endswith(last)):
        return False
    rest = url[len(first) : len(url) - len(last)]
    for piece in filter(None, middle):
        _, found, rest = rest.partition(piece)
        if not found:
            return False
    return True
