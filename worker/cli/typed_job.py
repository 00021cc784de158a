"""Makes a job of what is typed after `worker submit`. Errors name things as they were typed."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.application.messages.message import parse_job
from worker.application.messages.presets import BUILT_IN, Presets
from worker.cli.exits import UsageError
from worker.client import new_job_id
from worker.domain.audio import FORMATS
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_OUTPUT = re.compile(r"outputs\[(\d+)\]")
_FLAGS = {"job_id": "--job-id", "outputs": "--output", "crossfade_seconds": "--crossfade-seconds"}
_SOURCE = re.compile(r"source\[(\d+)\]\.source")


def read_job(arguments: Namespace, presets: Presets = BUILT_IN) -> tuple[Job, Mapping[ObjectLocation, Path]]:
    """The job that is asked for, and where files are to be uploaded first. Raises UsageError."""
    files = _local_files(arguments.sources, arguments.upload_to)
    job_id = arguments.job_id or new_job_id(arguments.sources[0])
    names = _names_of(files.values())
    sources = [
        f"{arguments.upload_to.rstrip('/')}/{job_id}/{names[files[each]]}" if each in files else each
        for each in arguments.sources
    ]
    outputs = [_with_format(output, presets) for output in arguments.outputs]
    if not outputs:
        raise UsageError("give at least one --output")
    message = {
        "job_id": job_id,
        "source": sources[0] if len(sources) == 1 else [{"source": each} for each in sources],
        "outputs": outputs,
        "crossfade_seconds": arguments.crossfade_seconds,
    }
    try:
        job = parse_job(json.dumps(message), presets)
    except InvalidMessageError as exc:
        source_names = ["--upload-to" if each in files else "SOURCE" for each in arguments.sources]
        raise UsageError(_as_typed(exc, source_names, outputs)) from exc
    typed = zip(job.parts, arguments.sources, strict=True)
    return job, {part.source: files[each] for part, each in typed if each in files}


def _local_files(sources: Sequence[str], upload_to: str | None) -> Mapping[str, Path]:
    """The sources that are local files, by what was typed; the others are objects in S3. Raises UsageError."""
    urls = {source: url for source in sources if (url := _URL.match(source))}
    for url in urls.values():
        if url[1] != "s3":
            raise UsageError(f"SOURCE: must be s3://bucket/key or a local file; {url[1]}:// is not read")
    files = {source: Path(source) for source in sources if source not in urls}
    if upload_to is None and files:
        raise UsageError("a local SOURCE needs --upload-to s3://bucket/prefix")
    if upload_to is not None and not files:
        raise UsageError("--upload-to is for local files, and SOURCE is in S3 already")
    if upload_to is not None and not upload_to.startswith("s3://"):
        raise UsageError("--upload-to: must be s3://bucket/prefix")
    for file in files.values():
        if not file.is_file():
            raise UsageError(f"SOURCE: {file} is not a file")
    return files


def _names_of(files: Collection[Path]) -> Mapping[Path, str]:
    """What the files are called in S3: by their own names, or with numbers where two have the same."""
    if len({file.name for file in files}) == len(files):
        return {file: file.name for file in files}
    return {file: f"{number}-{file.name}" for number, file in enumerate(files, 1)}


def _with_format(output: Mapping[str, Any], presets: Presets) -> Mapping[str, Any]:
    """The output with the format that its target's extension says, where neither it nor its preset has one.

    Raises UsageError.
    """
    preset = output.get("preset")
    if "format" in output or (preset is not None and "format" in presets.fields.get(preset, {"format": None})):
        return output
    target = output["target"]
    endings = {ending: name.value for name, rules in FORMATS.items() for ending in rules.endings}
    said = [ending for ending in endings if target.lower().endswith(ending)]
    if not said:
        formats = ", ".join(FORMATS)
        raise UsageError(f"--output {target}: its extension says no format; give --format, one of {formats}")
    return {"format": endings[max(said, key=len)], **output}


def _as_typed(error: InvalidMessageError, source_names: Sequence[str], outputs: Sequence[Mapping[str, Any]]) -> str:
    """The error in the words of the command line: arguments and flags in place of a message's fields."""

    def output_of(match: re.Match[str]) -> str:
        return f"--output {outputs[int(match[1])]['target']}"

    problem = _OUTPUT.sub(output_of, error.problem)
    output = _OUTPUT.match(error.field)
    if output is None:
        source = _SOURCE.match(error.field)
        names = {"source": source_names[0], **_FLAGS}
        name = source_names[int(source[1])] if source else names.get(error.field, error.field)
        return f"{name}: {problem}"
    option = error.field[output.end() :].removeprefix(".")
    if option in {"", "target"}:
        return f"{output_of(output)}: {problem}"
    return f"--{option.replace('_', '-')} of {output_of(output)}: {problem}"
