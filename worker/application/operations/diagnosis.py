"""Verdicts on the dependencies, from what an inspection found, each with what an operator should do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.domain.audio import AudioFormat
from worker.ports import ConverterFacts, QueueFacts, TableFacts

MIN_CONVERTER_VERSION = (7, 1)  # the first with stream specifiers by disposition (FFmpeg's Changelog)
WORKER_BYTES = 128 << 20  # of the worker's process at its peak
CONVERTER_BYTES = 80 << 20  # of the converter of a job with one output: 32 to 68 MB were measured
_FEW_RECEIVES = 10  # in an outage of the job table they last for an hour, and duplicates and deploys come on top
_MIN_FREE_BYTES = 1 << 20  # below this not even a short job fits


class State(StrEnum):
    """`degraded`: the worker runs, but lacks something. `failed`: it cannot do its jobs."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a dependency, what was found, and what to do about it."""

    state: State
    detail: str
    advice: str | None = None


def judge_denied(actions: Sequence[str]) -> Verdict:
    """The verdict where the role may not do actions that the worker cannot do without."""
    advice = "allow them in the role's policy (deploy/policies/worker.json has all that the worker needs)"
    return Verdict(State.FAILED, f"this role may not call {', '.join(actions)}", advice)


def judge_publisher(denied: Sequence[str]) -> Verdict:
    """The verdict on a topic or a bus to which ends of jobs are published. The jobs are done without it, too."""
    if denied:
        problem = f"this role may not call {', '.join(denied)}, so no end of a job is published"
        return Verdict(
            State.DEGRADED, problem, "allow it in the role's policy (deploy/policies/events.json has what this needs)"
        )
    return Verdict(State.OK, "ends of jobs are published here")


def judge_bucket(lacking: Sequence[str], *, is_written: bool) -> Verdict:
    """The verdict on a bucket that can be used. `lacking` are denied actions that only clearing up needs."""
    if lacking:
        detail = f"can be written to, but this role may not call {', '.join(lacking)}"
        return Verdict(State.DEGRADED, detail, "allow it, or give the bucket a lifecycle rule for incomplete uploads")
    return Verdict(State.OK, "can be read and written to" if is_written else "can be read")


def judge_address(*, is_free: bool) -> Verdict:
    if is_free:
        return Verdict(State.OK, "is free")
    return Verdict(
        State.DEGRADED, "a worker listens there already", "a second one here needs another WORKER_HTTP_PORT"
    )


def judge_queue(facts: QueueFacts, *, max_attempts: int, job_timeout_seconds: float) -> Verdict:
    kind = "FIFO" if facts.is_fifo else "standard"
    detail = f"{kind}, {facts.visible} waiting, {facts.in_flight} in flight"
    if facts.dead_letter_queue is None:
        return Verdict(
            State.DEGRADED,
            f"{detail}; it has no dead-letter queue, so refused messages are deleted",
            "give the queue a redrive policy with a dead-letter queue",
        )
    if facts.max_receive_count is not None and facts.max_receive_count <= max(max_attempts, _FEW_RECEIVES):
        return Verdict(
            State.DEGRADED,
            f"{detail}; its maxReceiveCount of {facts.max_receive_count} may move messages to the dead-letter "
            f"queue before {max_attempts} attempts or the end of an outage, and without a reason",
            "set maxReceiveCount to 100: deploys, duplicates and outages count as receives, and the worker itself "
            "rejects what fails for good",
        )
    if facts.retention_seconds < 2 * job_timeout_seconds:
        return Verdict(
            State.DEGRADED,
            f"{detail}; it keeps messages for {facts.retention_seconds} s only",
            "set MessageRetentionPeriod to some days: the message of a retried job must outlive its attempts",
        )
    name = facts.dead_letter_queue.rpartition(":")[2]
    return Verdict(State.OK, f"{detail}, dead-letter queue {name}")


def judge_table(facts: TableFacts) -> Verdict:
    if facts.partition_key != ("job_id", "S") or facts.sort_key is not None:
        return Verdict(
            State.FAILED,
            f"its key is {facts.partition_key[0]} ({facts.partition_key[1]})"
            + (f" with {facts.sort_key[0]}" if facts.sort_key else ""),
            "make a table with the partition key job_id (S) and no sort key",
        )
    if facts.status not in {"ACTIVE", "UPDATING"}:
        return Verdict(State.FAILED, f"it is {facts.status}", "wait until the table is ACTIVE")
    if not facts.is_expiry_known:
        return Verdict(State.OK, "key job_id (S); the role may not ask whether items expire")
    if facts.expiry_attribute != "expires_at":
        return Verdict(
            State.DEGRADED,
            "key job_id (S); old records are never removed",
            "enable time to live on the attribute expires_at",
        )
    return Verdict(State.OK, "key job_id (S), items expire by expires_at")


# What to do, by the reason that the adapter gives.
REDIS_ADVICE = {
    "name not resolved": "check REDIS_ENDPOINT",
    "name resolution hangs": "check REDIS_ENDPOINT, and this machine's name servers",
    "no thread can be started": "raise the limit of processes and threads (ulimit -u, the container's pids limit)",
    "connection refused": "check REDIS_ENDPOINT and REDIS_PORT: nothing listens there",
    "connect timeout": "check the security group, and whether REDIS_TLS fits the server",
    "command timeout": "it accepts connections but does not answer: check its load",
    "TLS certificate not trusted": "name the authority that signed it in SSL_CERT_FILE",
    "TLS certificate not as RFC 5280 demands": "issue it anew, with what Python demands since 3.13: above all an "
    "authority key identifier, where another certificate has signed it",
    "TLS certificate of another name": "name the server in REDIS_ENDPOINT as its certificate does, and have the nodes "
    "of a cluster name themselves so (cluster-announce-hostname)",
    "TLS certificate expired": "renew it on the server, or check this machine's clock",
    "TLS certificate not yet valid": "check the clocks of the server and of this machine",
    "TLS handshake failed": "check whether REDIS_TLS fits the server",
    "authentication required": "set REDIS_PASSWORD, or REDIS_IAM_AUTH",
    "authentication failed": "check REDIS_USERNAME and REDIS_PASSWORD, or the role where REDIS_IAM_AUTH is set",
    "no AWS credentials to log in with": "give the worker a role, or unset REDIS_IAM_AUTH",
    "no password is set there": "unset REDIS_PASSWORD, or check REDIS_PORT: a sentinel has no password by default",
    "protected mode: serves its own machine only": "set a password there and in REDIS_PASSWORD, or protected-mode no",
    "permission denied": "allow the user to read, write and publish under WORKER_REDIS_PREFIX",
    "permission denied for channels": "allow the user the channels under WORKER_REDIS_PREFIX (&audio:*): "
    "since Redis 7 a user has none by default",
    "unknown command, as if to a sentinel": "name the primary's own host and port in REDIS_ENDPOINT and REDIS_PORT; "
    "it has to know EVALSHA and PUBLISH, which some proxies do not",
    "not Redis: unexpected reply": "check REDIS_ENDPOINT, REDIS_PORT and REDIS_TLS: what answers there is not Redis",
    "connection lost": "check whether REDIS_TLS fits the server, and its limit of clients",
    "loading its data": "wait until it has started",
    "busy with a script": "end the script with SCRIPT KILL",
    "cannot persist: refuses writes": "check its disk, or set stop-writes-on-bgsave-error to no",
    "not enough replicas": "check its replicas, or lower min-replicas-to-write",
    "cluster down": "check the nodes of the cluster",
    "primary down": "name the primary's endpoint in REDIS_ENDPOINT",
    "role changed": "name the primary's endpoint in REDIS_ENDPOINT",
    "cluster mode: key is elsewhere": "set REDIS_CLUSTER=true",
    "read only: not a primary": "name the primary's endpoint in REDIS_ENDPOINT",
    "out of memory": "give it more memory, or a maxmemory-policy that evicts",
}
CACHE_BY_DEFAULT = "redis"  # the cache that is spoken of where none is set
_CACHE_ADVICE = {"redis": REDIS_ADVICE}  # by the cache's name; one that is not here has the general advice


def judge_cache(name: str, problem: str, detail: str | None = None) -> Verdict:
    """The worker runs without the cache of that `name`, so no problem of it is worse than `degraded`.

    `detail` is what the verdict says in place of the problem alone.
    """
    advice = _CACHE_ADVICE.get(name, {}).get(problem, f"check the server and the {name.upper()}_ settings")
    return Verdict(State.DEGRADED, detail or problem, advice)


def judge_converter(facts: ConverterFacts) -> Verdict:
    if facts.version and facts.version < MIN_CONVERTER_VERSION:
        return Verdict(
            State.FAILED,
            f"ffmpeg {facts.version_text}; {'.'.join(map(str, MIN_CONVERTER_VERSION))} or later is needed",
            "unset WORKER_FFMPEG to use the one that is installed with the worker",
        )
    missing = [audio_format.value for audio_format in AudioFormat if audio_format not in facts.formats]
    if missing:
        return Verdict(
            State.DEGRADED,
            f"ffmpeg {facts.version_text} cannot write {', '.join(missing)}",
            "unset WORKER_FFMPEG, or name a build with libmp3lame, libvorbis and libopus",
        )
    return Verdict(State.OK, f"ffmpeg {facts.version_text}, all {len(AudioFormat)} formats")


def judge_sandbox(mode: str, *, has_seccomp: bool, landlock_abi: int, is_script: bool) -> Verdict:
    """Whether a converter that a hostile source controls is kept from all else. `mode`: of WORKER_SANDBOX."""
    if mode == "off":
        return Verdict(State.OK, "is off: the converter has its limits only")
    worse = State.FAILED if mode == "required" else State.DEGRADED
    if is_script:
        detail = "the converter is a script, and a sandbox lets no program start another"
        return Verdict(worse, detail, "name the ffmpeg binary itself in WORKER_FFMPEG")
    lacking = [name for name, is_there in (("seccomp", has_seccomp), ("Landlock", landlock_abi > 0)) if not is_there]
    if lacking:
        return Verdict(
            worse,
            f"there is no {' and no '.join(lacking)} here",
            "use Linux 5.13 or later with Landlock switched on, in a container whose own filter allows both",
        )
    return Verdict(State.OK, f"seccomp and Landlock (version {landlock_abi})")


def judge_memory(limit_bytes: int | None, *, jobs: int, workspace_bytes: int) -> Verdict:
    """Whether so many jobs at once fit into the memory of the container.

    `limit_bytes`: None where only the machine is the limit. `workspace_bytes`: what a full workspace takes of it.
    """
    if limit_bytes is None:
        return Verdict(State.OK, "no limit but the machine's")
    needed = WORKER_BYTES + jobs * CONVERTER_BYTES + workspace_bytes
    in_memory = f", {workspace_bytes >> 20} MiB of it for the workspace, which is in memory" if workspace_bytes else ""
    detail = f"{limit_bytes >> 20} MiB; {jobs} jobs at once may need {needed >> 20} MiB{in_memory}"
    if needed <= limit_bytes:
        return Verdict(State.OK, detail)
    elsewhere = ", set WORKER_WORKSPACE to a disk" if workspace_bytes else ""
    return Verdict(State.DEGRADED, detail, f"raise the container's memory, lower WORKER_CONCURRENCY{elsewhere}")


def judge_workspace(free_bytes: int, *, slots: int, max_source_bytes: int) -> Verdict:
    """Whether the largest sources, and outputs of the same size, fit for as many jobs as run at once."""
    detail = f"{_gib(free_bytes)} free"
    if free_bytes < _MIN_FREE_BYTES:
        return Verdict(
            State.FAILED, f"its disk is full: {free_bytes} bytes free", "set WORKER_WORKSPACE to another disk"
        )
    wanted = 2 * max_source_bytes * slots
    if free_bytes < wanted:
        jobs = "a job" if slots == 1 else f"{slots} jobs at once"
        return Verdict(
            State.DEGRADED,
            f"{detail}; {jobs} with the largest sources may need {_gib(wanted)}",
            "set WORKER_WORKSPACE to a larger disk, or lower WORKER_CONCURRENCY or WORKER_MAX_SOURCE_BYTES",
        )
    return Verdict(State.OK, detail)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 1024**3:.1f} GiB"
