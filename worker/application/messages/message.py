"""From a message's body to a job, and back; whatever is wrong is refused with the name of the field."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.errors import InvalidMessageError
from worker.domain.job import JOB_ID_RULE, Job, ObjectLocation, OutputSpec, is_job_id

MAX_OUTPUTS = 16
_MAX_FIELD = 64  # characters of a name that the producer chose

M = TypeVar("M", bound=BaseModel)

_PROBLEMS = {
    "missing": "is required",
    "extra_forbidden": "is not known",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing_size": "is too large",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


class _OutputBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    target: str
    format: str
    bitrate_kbps: int | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None


class _JobBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    job_id: str
    source: str
    outputs: list[_OutputBody]


def parse_job(body: str) -> Job:
    """Read a body (contract, section 1). Raises InvalidMessageError, and nothing else, for any text that is no job."""
    return job_from(read_object(body))


def job_from(document: dict[str, Any]) -> Job:
    """The job that a body's JSON describes. Raises InvalidMessageError."""
    try:
        return _to_job(validated(_JobBody, document))
    except InvalidMessageError as exc:
        exc.job_id = _readable_job_id(document)
        raise


def to_body(job: Job) -> str:
    """The body that `parse_job` reads back as the same job."""
    outputs = []
    for output in job.outputs:
        wishes = {
            "bitrate_kbps": output.bitrate_kbps,
            "sample_rate_hz": output.sample_rate_hz,
            "channels": output.channels,
        }
        given = {name: value for name, value in wishes.items() if value is not None}
        outputs.append({"target": str(output.target), "format": output.format.value, **given})
    return json.dumps(
        {"job_id": job.job_id, "source": str(job.source), "outputs": outputs}
    )  # ASCII: SQS takes not all of Unicode


# --- JSON --------------------------------------------------------------------------------------------------------


def read_object(text: str, field: str = "body") -> dict[str, Any]:
    """A JSON object. Raises InvalidMessageError, about `field`, for any text that is none."""
    document = read_json(text, field)
    if not isinstance(document, dict):
        raise InvalidMessageError(field, "must be a JSON object")
    return document


def read_json(text: str, field: str) -> Any:
    """Any JSON. Raises InvalidMessageError, about `field`, for any text that is none."""
    twice: list[str] = []
    try:
        document = json.loads(text, object_pairs_hook=partial(_read_pairs, twice), parse_constant=_no_constant)
    except json.JSONDecodeError as exc:
        raise InvalidMessageError(field, f"is not JSON (line {exc.lineno}, column {exc.colno})") from None
    except RecursionError:
        raise InvalidMessageError(field, "is nested too deeply") from None
    except _NoConstantError as exc:
        raise InvalidMessageError(field, f"is not JSON ({exc})") from None
    except ValueError:  # a whole number of thousands of digits
        raise InvalidMessageError(field, "holds a number that is too long") from None
    if twice:
        # Which of two wins differs from parser to parser, so nobody can say what the producer meant.
        job_id = None if "job_id" in twice else _readable_job_id(document)
        raise InvalidMessageError(_shown(twice[0]), "stands there twice", job_id=job_id)
    return document


def _read_pairs(twice: list[str], pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; names that it holds more than once are added to `twice`."""
    document = dict(pairs)
    if len(document) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice.extend(name for name, count in counts.items() if count > 1)
    return document


class _NoConstantError(ValueError):
    """NaN or Infinity, which Python reads and JSON does not know."""


def _no_constant(name: str) -> NoReturn:
    raise _NoConstantError(name)


# --- from pydantic's words to ours -------------------------------------------------------------------------------


def validated(model: type[M], document: object, within: str = "") -> M:
    """The document as a `model`. Raises InvalidMessageError about the first field that is wrong; `within` leads it."""
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(part for part in (within, _path(first["loc"])) if part)
        raise InvalidMessageError(field or "body", _problem(first)) from None


def _path(location: Sequence[int | str]) -> str:
    """`("outputs", 1, "format")` as `outputs[1].format`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" if path else _shown(part)
    return path


def _shown(name: str) -> str:
    """A name that the producer chose, fit for a log line and a record."""
    return name[:_MAX_FIELD] if name.isprintable() else ascii(name)[1:-1][:_MAX_FIELD]


def _problem(error: ErrorDetails) -> str:
    return _PROBLEMS.get(error["type"], "is not valid")


def _readable_job_id(document: object) -> str | None:
    job_id = document.get("job_id") if isinstance(document, dict) else None
    return job_id if isinstance(job_id, str) and is_job_id(job_id) else None


# --- the rules ---------------------------------------------------------------------------------------------------


def _to_job(body: _JobBody) -> Job:
    if not is_job_id(body.job_id):
        raise InvalidMessageError("job_id", f"must be {JOB_ID_RULE}")
    source = _location("source", body.source)
    if not 1 <= len(body.outputs) <= MAX_OUTPUTS:
        raise InvalidMessageError("outputs", f"must be 1 to {MAX_OUTPUTS}, not {len(body.outputs)}")
    outputs = tuple(_to_output(f"outputs[{index}]", output) for index, output in enumerate(body.outputs))
    _check_targets(source, outputs)
    return Job(body.job_id, source, outputs)


def _location(field: str, url: str) -> ObjectLocation:
    try:
        return ObjectLocation.parse(url)
    except ValueError as exc:
        raise InvalidMessageError(field, str(exc)) from None


def _to_output(path: str, output: _OutputBody) -> OutputSpec:
    target = _location(f"{path}.target", output.target)
    try:
        audio_format = AudioFormat(output.format)
    except ValueError:
        raise InvalidMessageError(f"{path}.format", "must be one of " + ", ".join(AudioFormat)) from None
    spec = OutputSpec(target, audio_format, output.bitrate_kbps, output.sample_rate_hz, output.channels)
    _check_wishes(path, spec)
    return spec


def _check_wishes(path: str, spec: OutputSpec) -> None:
    """Refuse what the format cannot have."""
    rules = FORMATS[spec.format]
    if spec.bitrate_kbps is not None:
        if rules.bitrates_kbps is None:
            raise InvalidMessageError(f"{path}.bitrate_kbps", f"cannot be chosen for {spec.format}, which is lossless")
        if not rules.bitrates_kbps.allows(spec.bitrate_kbps):
            raise InvalidMessageError(f"{path}.bitrate_kbps", f"must be {rules.bitrates_kbps} for {spec.format}")
    if spec.sample_rate_hz is not None:
        if not rules.rates_hz.allows(spec.sample_rate_hz):
            raise InvalidMessageError(f"{path}.sample_rate_hz", f"must be {rules.rates_hz} for {spec.format}")
        rates = rules.rates_with_bitrate_hz
        if spec.bitrate_kbps is not None and rates is not None and not rates.allows(spec.sample_rate_hz):
            problem = f"can be chosen for {spec.format} only with a sample_rate_hz {rates}"
            raise InvalidMessageError(f"{path}.bitrate_kbps", problem)
    if spec.channels is not None and not rules.channels.allows(spec.channels):
        raise InvalidMessageError(f"{path}.channels", f"must be {rules.channels} for {spec.format}")


def _check_targets(source: ObjectLocation, outputs: Sequence[OutputSpec]) -> None:
    first_with: dict[ObjectLocation, int] = {}
    for index, output in enumerate(outputs):
        if output.target == source:
            raise InvalidMessageError(f"outputs[{index}].target", "is the source")
        first = first_with.setdefault(output.target, index)
        if first != index:
            raise InvalidMessageError(f"outputs[{index}].target", f"is the target of outputs[{first}], too")
