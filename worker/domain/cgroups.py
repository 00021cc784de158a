"""The limits that Linux control groups set to a process, from the text of the kernel's files.

https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_OCTAL = re.compile(r"\\([0-7]{3})")
_UNLIMITED_BYTES = 1 << 60  # version 1 says the largest number of whole pages where there is no limit


@dataclass(frozen=True, slots=True)
class Group:
    """A directory of a control group, as an absolute path, and the version of its files."""

    directory: PurePosixPath
    version: int


def groups_of(controller: str, membership: str, mounts: str) -> Sequence[Group]:
    """The groups that limit a process for `controller` (`cpu`, `memory`): its own and all above it that can be seen.

    `membership` is the text of /proc/self/cgroup, `mounts` that of /proc/self/mountinfo (proc(5)).
    """
    paths = _paths_by_controller(membership)
    groups: list[Group] = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == "cgroup2":
            path, version = paths.get(""), 2
        elif kinds[0] == "cgroup" and controller in kinds[2].split(","):
            path, version = paths.get(controller), 1
        else:
            continue
        if path is not None:
            root, mount = map(_unescaped, fields[3:5])
            groups += [Group(each, version) for each in _upwards(path, root=root, mount=mount)]
    return groups


def _unescaped(path: str) -> str:
    r"""The path. The kernel writes blanks, line ends and backslashes in mountinfo as octal numbers, such as \040."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)


def _paths_by_controller(membership: str) -> Mapping[str, str]:
    """The path of the process in each hierarchy of version 1, and in that of version 2 under the empty name."""
    paths: dict[str, str] = {}
    for line in membership.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        paths |= dict.fromkeys(controllers.split(","), path)
    return paths


def _upwards(path: str, *, root: str, mount: str) -> Sequence[PurePosixPath]:
    """The directories from that of `path` up to the mount point, which shows the hierarchy from `root` on.

    Within a container the path may lie outside of what is mounted: then the mount point is its own group.
    """
    try:
        below = PurePosixPath(path).relative_to(root)
    except ValueError:
        below = PurePosixPath()
    if ".." in below.parts:
        below = PurePosixPath()
    own = PurePosixPath(mount) / below
    return [each for each in (own, *own.parents) if each.is_relative_to(mount)]


def cpus_of_quota(quota: str, period: str) -> float | None:
    """How many CPUs, from quota and period in microseconds; None without a limit (`max`, or -1 in version 1)."""
    try:
        microseconds, length = int(quota), int(period)
    except ValueError:
        return None
    return microseconds / length if microseconds > 0 and length > 0 else None


def bytes_of_limit(text: str) -> int | None:
    """How many bytes the limit allows; None without a limit."""
    try:
        limit = int(text)
    except ValueError:
        return None
    return limit if 0 < limit < _UNLIMITED_BYTES else None
