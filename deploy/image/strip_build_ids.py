"""Takes out of an image what differs from build to build: `strip_build_ids.py DIRECTORY`.

The directory is one that `buildah push ... dir:DIRECTORY` has written.
Docker's configuration names the containers that the build ran in, and no reader of images uses these fields
(https://github.com/moby/docker-image-spec/blob/main/spec.md). Without them, two builds have the same digest.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

_OF_THE_BUILD = ("container", "container_config", "parent")


def strip(directory: Path) -> str:
    """The digest of the image as it is now. Raises OSError, and ValueError or KeyError where that is no image."""
    manifest = json.loads((directory / "manifest.json").read_text())
    old = directory / manifest["config"]["digest"].removeprefix("sha256:")
    configuration = json.loads(old.read_text())
    for name in _OF_THE_BUILD:
        configuration.pop(name, None)
    configuration["config"].pop("Hostname", None)
    for step in configuration["history"]:
        step.pop("comment", None)  # the id of the image before the step
    content = json.dumps(configuration, separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()
    old.unlink()
    (directory / digest).write_bytes(content)
    manifest["config"] |= {"digest": f"sha256:{digest}", "size": len(content)}
    text = json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()
    (directory / "manifest.json").write_bytes(text)
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


if __name__ == "__main__":
    sys.stdout.write(f"{strip(Path(sys.argv[1]))}\n")
