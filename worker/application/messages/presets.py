"""Presets: names for sets of an output's fields, which the output's own fields override, and null takes away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from worker.application.messages.codec import read
from worker.application.messages.json_text import shown
from worker.application.messages.options import check_output
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.declaration import Field, members_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.limits import Pattern

PRESET = Field(
    "A set of fields by its name; the output's own fields override it, and null takes one of them away.",
    Pattern(".{1,64}", "a name"),
)
NAME = Pattern("[A-Za-z0-9._-]{1,64}", "1 to 64 of A-Z a-z 0-9 . _ -")

# The loudness of podcasts is Apple's, that of broadcasts EBU R 128's, that of streaming what most services play at:
# https://podcasters.apple.com/support/893-audio-requirements
# https://tech.ebu.ch/publications/r128
_BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "podcast": {"format": "mp3", "loudness": {"target_lufs": -16, "max_true_peak_dbtp": -1}},
    "speech-to-text": {"format": "flac", "sample_rate_hz": 16_000, "channels": 1},
    "voice-message": {"format": "opus", "bitrate_kbps": 24, "channels": 1},
    "audiobook": {"format": "m4a"},
    "broadcast": {
        "format": "wav",
        "sample_rate_hz": 48_000,
        "bits_per_sample": 24,
        "loudness": {"target_lufs": -23, "max_true_peak_dbtp": -1},
    },
    "telephony": {"format": "wav", "codec": "mulaw", "sample_rate_hz": 8000, "channels": 1},
    "streaming": {"format": "m4a", "loudness": {"target_lufs": -14, "max_true_peak_dbtp": -1}},
    "preview": {"format": "mp3", "end_seconds": 30, "fade_in_seconds": 0.5, "fade_out_seconds": 2},
}


class Presets:
    """The built-in presets, and `more`: the JSON of a file, which may replace some of them.

    Raises InvalidMessageError, with the name of the preset and the field, where no output could have its fields.
    """

    def __init__(self, more: object = None) -> None:
        added = {} if more is None else more
        if not isinstance(added, dict):
            raise InvalidMessageError("presets", "must be an object of names and fields")
        for name, fields in added.items():
            _check(name, fields)
        self.fields: Mapping[str, Mapping[str, Any]] = {**_BUILT_IN, **added}

    def __str__(self) -> str:
        return ", ".join(self.fields)

    def expanded(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """A message's JSON with the fields of its presets in their place. Raises InvalidMessageError.

        What is not the JSON of a message stays as it is, for its reader to refuse.
        """
        outputs = document.get("outputs")
        if not isinstance(outputs, list):
            return document
        return {**document, "outputs": [self._expanded(each, f"outputs[{at}]") for at, each in enumerate(outputs)]}

    def hint(self, field: str, document: Mapping[str, Any]) -> str:
        """What to add to a refusal of that field, where an output has it from its preset and does not show it."""
        found = _FIELD_OF_OUTPUT.match(field)
        if found is None or field in map(shown, document):  # a member of the message itself may have such a name
            return ""
        output = document["outputs"][int(found[1])]
        preset, name = output.get("preset"), found[2]
        if name in output or name not in self.fields.get(preset, ()):
            return ""
        return f"; the preset {preset} has it, and null takes it away"

    def _expanded(self, output: object, path: str) -> object:
        if not isinstance(output, dict) or "preset" not in output:
            return output
        own = {name: value for name, value in output.items() if name != "preset"}
        name = output["preset"]
        if name is None:
            return own
        if not isinstance(name, str):
            raise InvalidMessageError(f"{path}.preset", "must be a string")
        if name not in self.fields:
            raise InvalidMessageError(f"{path}.preset", f"{shown(name)} is none of {self}")
        return {**self.fields[name], **own}


_FIELD_OF_OUTPUT = re.compile(r"outputs\[(\d+)\]\.(\w+)")
_ENDINGS = {name.value: rules.endings for name, rules in FORMATS.items()}


def _check(name: str, fields: object) -> None:
    """Raises InvalidMessageError where the fields cannot be those of an output, in any format that they may have."""
    if not NAME.allows(name):
        raise InvalidMessageError(shown(name), f"a preset's name must be {NAME}")
    if not isinstance(fields, dict):
        raise InvalidMessageError(name, "must be an object of an output's fields")
    known = {member.name for member in members_of(OutputSpec)} - {"target"}
    for each in fields:
        if each not in known:
            raise InvalidMessageError(f"{name}.{shown(each)}", "is no field that a preset can have")
    formats = [fields["format"]] if fields.get("format") is not None else [each.value for each in AudioFormat]
    refusals = [refusal for each in formats if (refusal := _refusal(name, {**fields, "format": each}))]
    if len(refusals) == len(formats):
        raise refusals[0]


def _refusal(name: str, fields: Mapping[str, Any]) -> InvalidMessageError | None:
    """Why no output can have the fields. None where one can, with some ending of its target."""
    first = None
    for ending in _ENDINGS.get(str(fields["format"]), ("",)):
        target = str(ObjectLocation("sample-bucket", f"sample{ending}"))
        try:
            check_output(read(OutputSpec, {**fields, "target": target}, name), name)
        except InvalidMessageError as refusal:
            first = first or refusal
        else:
            return None
    return first


BUILT_IN = Presets()
