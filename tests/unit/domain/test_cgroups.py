"""Limits of control groups, from what the kernel says in containers of all kinds."""

from __future__ import annotations

import pytest

from worker.domain.cgroups import bytes_of_limit, cpus_of_quota, groups_of

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate\n"
V1 = (
    "32 31 0:29 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "33 32 0:30 {root} /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 32 0:31 {root} /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"
)
CPU, MEMORY = "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory"


@pytest.mark.parametrize(
    ("membership", "mounts", "directories"),
    [
        ("0::/\n", V2, ["/sys/fs/cgroup"]),
        (
            "0::/ecs/task/container\n",
            V2,
            [
                "/sys/fs/cgroup/ecs/task/container",
                "/sys/fs/cgroup/ecs/task",
                "/sys/fs/cgroup/ecs",
                "/sys/fs/cgroup",
            ],
        ),
        ("0::/../../elsewhere\n", V2, ["/sys/fs/cgroup"]),
        ("4:cpu,cpuacct:/ecs/task\n", V1.format(root="/"), [f"{CPU}/ecs/task", f"{CPU}/ecs", CPU]),
        ("4:cpu,cpuacct:/ecs/task/c\n0::/\n", V1.format(root="/ecs/task/c"), [CPU]),
        ("4:cpu,cpuacct:/docker/abc\n", V1.format(root="/another"), [CPU]),
        ("4:memory:/ecs/task\n", V1.format(root="/"), []),
        ("nonsense\n", "nonsense\n", []),
        ("0::/\n", "31 23 0:28 / /sys/fs/cgroup - cgroup2 cgroup rw\n", ["/sys/fs/cgroup"]),
        ("0::/\n", "31 23 0:28 / /sys/fs/cgroup - cgroup2 cgroup\n", []),
        ("0::/\n", "31 23 0:28 / - cgroup2 cgroup rw\n", []),
        ("2:cpu:/a\n", "33 32 0:30 / /cpu rw - cgroup systemd rw,cpu\n", ["/cpu/a", "/cpu"]),
        ("2:cpu:/a\n", "33 32 0:30 / /cpu rw - tmpfs cgroup rw,cpu\n", []),
        ("0::/a:b\n", V2, ["/sys/fs/cgroup/a:b", "/sys/fs/cgroup"]),
        ("0::/\n", V2.replace("/sys/fs/cgroup", r"/a\040b\134"), ["/a b\\"]),
    ],
    ids=[
        "v2, namespace of its own",
        "v2, host's namespace",
        "v2, above the namespace",
        "v1, host's mount",
        "v1, container's mount",
        "v1, another mount",
        "another controller",
        "nonsense",
        "no more fields than are needed",
        "no options",
        "no mount point",
        "v1, source of any name",
        "no cgroup",
        "colon in a path",
        "octal numbers",
    ],
)
def test_a_process_is_limited_by_its_own_group_and_all_above_it(
    membership: str, mounts: str, directories: list[str]
) -> None:
    assert [str(group.directory) for group in groups_of("cpu", membership, mounts)] == directories


def test_controllers_of_both_versions_side_by_side_are_found() -> None:
    membership = "4:memory:/job\n0::/system\n"

    groups = groups_of("memory", membership, V1.format(root="/") + V2.replace("/sys/fs/cgroup", "/unified"))

    assert [(str(group.directory), group.version) for group in groups] == [
        (f"{MEMORY}/job", 1),
        (MEMORY, 1),
        ("/unified/system", 2),
        ("/unified", 2),
    ]


@pytest.mark.parametrize(
    ("quota", "period", "cpus"),
    [
        ("150000", "100000", 1.5),
        ("max", "100000", None),
        ("-1", "100000", None),
        ("", "", None),
        ("1", "0", None),
        ("1", "1", 1.0),
        ("1", "2", 0.5),
        ("0", "1", None),
    ],
)
def test_a_quota_of_cpu_time_is_a_number_of_cpus(quota: str, period: str, cpus: float | None) -> None:
    assert cpus_of_quota(quota, period) == cpus


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("536870912", 536870912),
        ("1", 1),
        ("0", None),
        ("max", None),
        ("9223372036854771712", None),
        ("1152921504606846976", None),
        ("1152921504606846975", 1152921504606846975),
        ("", None),
    ],
)
def test_a_limit_of_memory_is_a_number_of_bytes(text: str, limit: int | None) -> None:
    assert bytes_of_limit(text) == limit
