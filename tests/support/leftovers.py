"""What a worker must not leave behind: processes, files, unfinished uploads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.support.stack import Stack


def leftovers(stack: Stack, workspace: Path) -> Iterator[str]:
    """One sentence for each thing that is left after the workers of that workspace have ended."""
    for path in workspace.rglob("*"):
        yield f"{path} was left in the workspace"
    for pid in _processes_in(workspace):
        yield f"process {pid} still runs in the workspace"
    for upload in stack.aws["s3"].list_multipart_uploads(Bucket=stack.targets).get("Uploads", ()):
        yield f"an upload to {upload['Key']} was never finished"


def _processes_in(workspace: Path) -> Iterator[int]:
    """The ids of processes that run there. /proc keeps the name of a job's directory after it was removed."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                directory = (entry / "cwd").readlink()
            except OSError:  # it has ended, or is another user's
                continue
            if directory.is_relative_to(workspace):
                yield int(entry.name)
