"""The list of what is in the image, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), from the lock."""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def sbom(lock: Path, ffmpeg_version: str, version: str) -> str:
    """The document. Packages of the lock that this platform has no use for, or that were removed, are not in it."""
    installed = {_normal(each.name): each for each in distributions()}
    text = lock.read_text(encoding="utf-8")
    pins = list(_PIN.finditer(text))
    ends = [pin.start() for pin in pins[1:]] + [len(text)]
    components = [
        _component(installed[_normal(pin[1])], pin[2], _HASH.findall(text[pin.end() : end]))
        for pin, end in zip(pins, ends, strict=True)
        if _normal(pin[1]) in installed
    ]
    ffmpeg = {
        "type": "application",
        "bom-ref": "ffmpeg",
        "name": "ffmpeg",
        "version": ffmpeg_version,
        "licenses": [{"license": {"id": "GPL-3.0-or-later"}}],
    }
    worker = {"type": "application", "bom-ref": "worker", "name": "audio-conversion-worker", "version": version}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": worker | {"licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": [*components, ffmpeg],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _component(distribution: Any, version: str, hashes: list[str]) -> dict[str, Any]:
    """One package. The lock has a hash for each of its files; which file was installed is no longer known."""
    name = _normal(distribution.name)
    purl = f"pkg:pypi/{name}@{version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "properties": [{"name": "lock:sha256", "value": each} for each in hashes],
    }
    if (expression := distribution.metadata.get("License-Expression")) is not None:
        component["licenses"] = [{"expression": expression}]
    return component


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
