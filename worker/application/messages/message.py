"""From a message's body to a job, and back. A body that is wrong is refused with the name of the field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from worker.application.messages.codec import read, write
from worker.application.messages.json_text import read_object, readable_job_id
from worker.domain.audio import FORMATS
from worker.domain.claim import JobMessage
from worker.domain.declaration import options_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation, OutputSpec
from worker.domain.redaction import redact

_MOST_KEPT_BYTES = 131_072  # an item holds 400 KB, its record included


def parse_job(body: str) -> Job:
    """Read a body (contract, section 1). Raises InvalidMessageError, and nothing else, for any text that is no job."""
    return job_from(read_object(body))


def job_from(document: dict[str, Any]) -> Job:
    """The job that a body's JSON describes. Raises InvalidMessageError."""
    try:
        job = read(Job, document)
        for index, output in enumerate(job.outputs):
            check_options(output, f"outputs[{index}]")
            _check_cut(output, f"outputs[{index}]")
        _check_targets(job.source, job.outputs)
    except InvalidMessageError as exc:
        exc.job_id = readable_job_id(document)
        raise
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


def check_options(output: OutputSpec, path: str) -> None:
    """Raises InvalidMessageError about the first option that the output's format cannot have."""
    rules = FORMATS[output.format]
    options = options_of(type(output))
    given = {name: value for name in options if (value := getattr(output, name)) != options[name][0].default}
    for name, value in given.items():
        option = options[name][1]
        limits = option.limits(rules)
        if limits is None:
            reason = f", {option.unavailable}" if option.unavailable else ""
            raise InvalidMessageError(f"{path}.{name}", f"cannot be chosen for {output.format}{reason}")
        if problem := limits.problem_with(value):
            raise InvalidMessageError(f"{path}.{name}", f"{problem} for {output.format}")
    for name, value in given.items():
        for companion in options[name][1].companions:
            if companion.name not in given or companion.given not in {None, value}:
                continue
            limits = companion.limits(rules)
            if limits is not None and not limits.allows(given[companion.name]):
                chosen = "" if companion.given is None else f"{value} "
                problem = f"{chosen}can be chosen for {output.format} only {limits.beside(companion.name)}"
                raise InvalidMessageError(f"{path}.{name}", problem)


def _check_cut(output: OutputSpec, path: str) -> None:
    if output.end_seconds is not None and output.end_seconds <= (output.start_seconds or 0):
        raise InvalidMessageError(
            f"{path}.end_seconds", "must be above start_seconds, which is 0 where it is left out"
        )


def _check_targets(source: ObjectLocation, outputs: Sequence[OutputSpec]) -> None:
    first_with: dict[ObjectLocation, int] = {}
    covers = {output.cover.location for output in outputs if output.cover}
    for index, output in enumerate(outputs):
        if output.target in covers:
            raise InvalidMessageError(f"outputs[{index}].target", "is the cover of an output")
        if output.target == source:
            raise InvalidMessageError(f"outputs[{index}].target", "is the source")
        first = first_with.setdefault(output.target, index)
        if first != index:
            raise InvalidMessageError(f"outputs[{index}].target", f"is the target of outputs[{first}], too")
