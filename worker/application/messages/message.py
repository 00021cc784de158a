"""From a message's body to a job, and back. A body that is wrong is refused with the name of the field."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from worker.application.messages.codec import read, write
from worker.application.messages.json_text import read_object, readable_job_id
from worker.application.messages.options import check_output, check_span
from worker.application.messages.presets import BUILT_IN, Presets
from worker.domain.claim import JobMessage
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.redaction import redact
from worker.domain.stream_layout import is_made_by

_MOST_KEPT_BYTES = 131_072  # an item holds 400 KB, its record included


def parse_job(body: str, presets: Presets = BUILT_IN) -> Job:
    """Read a body (docs/messages.md). Raises InvalidMessageError, and nothing else, for any text that is no job."""
    return job_from(read_object(body), presets)


def job_from(document: dict[str, Any], presets: Presets = BUILT_IN) -> Job:
    """The job that a body's JSON describes, with the fields of presets in their place. Raises InvalidMessageError."""
    try:
        job = read(Job, presets.expanded(document))
        for index, output in enumerate(job.outputs):
            check_output(output, f"outputs[{index}]")
        _check_parts(job)
        _check_targets({part.source for part in job.parts}, job.outputs)
        _check_streams(job)
    except InvalidMessageError as exc:
        problem = exc.problem + presets.hint(exc.field, document)
        raise InvalidMessageError(exc.field, problem, job_id=readable_job_id(document)) from exc.__cause__
    return job


def to_body(job: Job) -> str:
    """The body that `parse_job` reads back as the same job."""
    return json.dumps(write(job))  # ASCII: SQS takes not all of Unicode


def message_to_keep(job: Job, group_id: str | None) -> JobMessage | None:
    """What asks for the job, to be kept beside its record for `worker retry`.

    None where it may not be kept, because it holds what looks like a secret, or is too large for an item of the
    job table (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
    """
    body = to_body(job)
    return JobMessage(body, group_id) if len(body) <= _MOST_KEPT_BYTES and redact(body) == body else None


def _check_parts(job: Job) -> None:
    for index, part in enumerate(job.parts):
        check_span(part, f"source[{index}]")
    if job.crossfade_seconds and len(job.parts) == 1:
        raise InvalidMessageError("crossfade_seconds", "must be 0 where there is one source")


def _check_targets(sources: Collection[ObjectLocation], outputs: Sequence[OutputSpec]) -> None:
    first_with: dict[ObjectLocation, int] = {}
    covers = {output.cover.location for output in outputs if output.cover}
    for index, output in enumerate(outputs):
        if output.target in covers:
            raise InvalidMessageError(f"outputs[{index}].target", "is the cover of an output")
        if output.target in sources:
            what = "the source" if len(sources) == 1 else "one of the sources"
            raise InvalidMessageError(f"outputs[{index}].target", f"is {what}")
        first = first_with.setdefault(output.target, index)
        if first != index:
            raise InvalidMessageError(f"outputs[{index}].target", f"is the target of outputs[{first}], too")


def _check_streams(job: Job) -> None:
    """No object that the job makes of a stream may be another one of the job."""
    covers = {output.cover_location: "an output's cover" for output in job.outputs if output.cover_location}
    inputs = covers | {part.source: "a source" for part in job.parts}
    for number, stream in enumerate(job.outputs):
        if not stream.is_stream:
            continue
        for location, what in inputs.items():
            if is_made_by(job.job_id, stream.target, location):
                raise InvalidMessageError(f"outputs[{number}].target", f"would put an object in the place of {what}")
        for index, output in enumerate(job.outputs):
            if is_made_by(job.job_id, stream.target, output.target):
                problem = f"is one of the objects beneath the target of outputs[{number}]"
                raise InvalidMessageError(f"outputs[{index}].target", problem)
