"""The CPUs and the memory that this process may use: those of the machine, of its control groups, and of its ECS task.

ECS sets the limits of a task on a control group above the container's, which the container need not see. Its metadata
endpoint states them:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from worker.domain.cgroups import Group, bytes_of_limit, cpus_of_quota, groups_of

_METADATA_SECONDS = 1.0  # it is on the same machine
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """What may be used in all. `memory_bytes` is None where only the machine's own memory is the limit."""

    cpus: int
    memory_bytes: int | None
    task: str | None = None  # the id of the ECS task


def machine_limits(environ: Mapping[str, str], *, root: Path = Path("/")) -> MachineLimits:
    """The limits of this process; part of a CPU counts as one. Waits for ECS up to a second, where `environ` names it.

    `root` is the directory in which /proc and /sys are.
    """
    task = _task(environ.get("ECS_CONTAINER_METADATA_URI_V4"))
    limits = task.get("Limits")
    limits = limits if isinstance(limits, dict) else {}
    cpus = [*_cpus_of_groups(root), *_positive(limits.get("CPU"))]
    memory = [*_memory_of_groups(root), *(int(mib * _MIB) for mib in _positive(limits.get("Memory")))]
    count = max(1, math.ceil(min([_available_cpus(), *cpus])))
    return MachineLimits(count, min(memory, default=None), _task_id(task))


def _available_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _task(uri: str | None) -> Mapping[str, Any]:
    """What ECS says of the task; nothing where it does not answer.

    `Limits` has `CPU` in CPUs and `Memory` in MiB, where the task has such limits.
    """
    if not uri or not uri.startswith("http://"):
        return {}
    with (
        suppress(OSError, ValueError),
        build_opener(ProxyHandler({})).open(f"{uri}/task", timeout=_METADATA_SECONDS) as response,
    ):
        task = json.load(response)
        return task if isinstance(task, dict) else {}
    return {}


def _task_id(task: Mapping[str, Any]) -> str | None:
    """The id of the task: the last part of its ARN."""
    arn = task.get("TaskARN")
    return arn.rpartition("/")[2] if isinstance(arn, str) else None


def _positive(value: object) -> Sequence[float]:
    return [value] if isinstance(value, int | float) and value > 0 else []


def _cpus_of_groups(root: Path) -> Iterator[float]:
    for group in _groups(root, "cpu"):
        if group.version == 2:
            quota, _, period = _text(root, group, "cpu.max").partition(" ")
        else:
            quota, period = _text(root, group, "cpu.cfs_quota_us"), _text(root, group, "cpu.cfs_period_us")
        cpus = cpus_of_quota(quota, period)
        if cpus is not None:
            yield cpus


def _memory_of_groups(root: Path) -> Iterator[int]:
    for group in _groups(root, "memory"):
        limit = bytes_of_limit(_text(root, group, "memory.max" if group.version == 2 else "memory.limit_in_bytes"))
        if limit is not None:
            yield limit


def _groups(root: Path, controller: str) -> Sequence[Group]:
    try:
        membership = os.fsdecode((root / "proc/self/cgroup").read_bytes())
        mounts = os.fsdecode((root / "proc/self/mountinfo").read_bytes())
    except OSError:
        return ()
    return groups_of(controller, membership, mounts)


def _text(root: Path, group: Group, name: str) -> str:
    """The file's text without spaces around it; empty where there is no such file."""
    try:
        return (root / group.directory.relative_to("/") / name).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def memory_of_workspace(directory: Path) -> int:
    """How many bytes of memory a full workspace takes: the size of its file system if that is in memory, else 0."""
    best, kind = "", ""
    with suppress(OSError):
        wanted = str(directory.resolve())
        for line in Path("/proc/self/mounts").read_text("utf-8", errors="replace").splitlines():
            _, mount, fstype, *_ = (*line.split(), "", "", "")
            covers = wanted == mount or wanted.startswith(mount.rstrip("/") + "/")
            if covers and len(mount) >= len(best):
                best, kind = mount, fstype
    if kind not in {"tmpfs", "ramfs"}:
        return 0
    stats = os.statvfs(best)
    return stats.f_blocks * stats.f_frsize
