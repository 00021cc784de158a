"""From what is typed after `worker submit` to a job; what is wrong is named as it was typed."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.application.messages.message import parse_job
from worker.application.messages.presets import BUILT_IN, Presets
from worker.cli.exits import UsageError
from worker.client import new_job_id
from worker.domain.audio import FORMATS
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_OUTPUT = re.compile(r"outputs\[(\d+)\]")


def read_job(arguments: Namespace, presets: Presets = BUILT_IN) -> tuple[Job, Path | None]:
    """The job that is asked for, and the file to upload first. Raises UsageError."""
    file = _local_file(arguments.source, arguments.upload_to)
    job_id = arguments.job_id or new_job_id(arguments.source)
    source = arguments.source if file is None else f"{arguments.upload_to.rstrip('/')}/{job_id}/{file.name}"
    outputs = [_with_format(output, presets) for output in arguments.outputs]
    if not outputs:
        raise UsageError("give at least one --output")
    try:
        return parse_job(json.dumps({"job_id": job_id, "source": source, "outputs": outputs}), presets), file
    except InvalidMessageError as exc:
        source_name = "SOURCE" if file is None else "--upload-to"
        raise UsageError(_as_typed(exc, source_name, outputs)) from exc


def _local_file(source: str, upload_to: str | None) -> Path | None:
    """The local file that SOURCE is; None where it is an object in S3. Raises UsageError."""
    url = _URL.match(source)
    if url is not None and url[1] != "s3":
        raise UsageError(f"SOURCE: must be s3://bucket/key or a local file; {url[1]}:// is not read")
    if url is not None:
        if upload_to is not None:
            raise UsageError("--upload-to is for local files, and SOURCE is in S3 already")
        return None
    if upload_to is None:
        raise UsageError("a local SOURCE needs --upload-to s3://bucket/prefix")
    if not upload_to.startswith("s3://"):
        raise UsageError("--upload-to: must be s3://bucket/prefix")
    file = Path(source)
    if not file.is_file():
        raise UsageError(f"SOURCE: {file} is not a file")
    return file


def _with_format(output: Mapping[str, Any], presets: Presets) -> Mapping[str, Any]:
    """The output with the format that its target's extension says, where neither it nor its preset has one.

    Raises UsageError.
    """
    preset = output.get("preset")
    if "format" in output or (preset is not None and "format" in presets.fields.get(preset, {"format": None})):
        return output
    target = output["target"]
    endings = {f".{extension}": name.value for name, rules in FORMATS.items() for extension in rules.extensions}
    said = [ending for ending in endings if target.rpartition("/")[2].lower().endswith(ending)]
    if not said:
        formats = ", ".join(FORMATS)
        raise UsageError(f"--output {target}: its extension says no format; give --format, one of {formats}")
    return {"format": endings[max(said, key=len)], **output}


def _as_typed(error: InvalidMessageError, source_name: str, outputs: Sequence[Mapping[str, Any]]) -> str:
    """The error in the words of the command line: arguments and flags in place of a message's fields."""

    def output_of(match: re.Match[str]) -> str:
        return f"--output {outputs[int(match[1])]['target']}"

    problem = _OUTPUT.sub(output_of, error.problem)
    output = _OUTPUT.match(error.field)
    if output is None:
        names = {"source": source_name, "job_id": "--job-id", "outputs": "--output"}
        return f"{names.get(error.field, error.field)}: {problem}"
    option = error.field[output.end() :].removeprefix(".")
    if option in {"", "target"}:
        return f"{output_of(output)}: {problem}"
    return f"--{option.replace('_', '-')} of {output_of(output)}: {problem}"
