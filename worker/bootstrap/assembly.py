"""Makes every object of a worker and connects them: the adapters first, then what uses them."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from functools import partial

from worker import metrics
from worker.adapters.disk import LocalVolume
from worker.adapters.ecs import open_protection
from worker.adapters.ffmpeg import FfmpegConverter
from worker.adapters.ffmpeg.splitting import SplittingConverter
from worker.adapters.http import CannotListenError, HttpServer
from worker.adapters.resources import MachineResources
from worker.adapters.s3.store import S3Store
from worker.adapters.sandbox.launcher import shared_launcher
from worker.adapters.sandbox.policy import Sandbox
from worker.adapters.sqs.queue import CONTROL_LIMITS
from worker.application.consuming.consumer import Consumer
from worker.application.consuming.credentials_check import CredentialsCheck
from worker.application.consuming.dependencies import S3Access, S3Rights, TableAccess, WorkspaceAccess
from worker.application.consuming.lease_renewer import LeaseRenewer
from worker.application.consuming.pause import Pauses
from worker.application.consuming.poller import Poller
from worker.application.consuming.protection import ProtectionController
from worker.application.consuming.reject_limit import RejectLimit
from worker.application.consuming.settlement import Settlement
from worker.application.consuming.slots import Slots
from worker.application.jobs.announcement import announcing
from worker.application.jobs.attempt import JobLimits
from worker.application.jobs.cancel_watch import CancelWatch
from worker.application.jobs.claims import JobClaims
from worker.application.jobs.completion_events import CompletionEvents
from worker.application.jobs.conversion import Conversion, ConversionLimits
from worker.application.jobs.delivery_handler import DeliveryHandler
from worker.application.jobs.dependency_watch import DependencyWatch
from worker.application.jobs.finisher import JobFinisher
from worker.application.jobs.job_claimer import JobClaimer
from worker.application.jobs.job_runner import JobRunner
from worker.application.jobs.job_runs import JobRuns
from worker.application.jobs.outputs import PublishedOutputs
from worker.application.jobs.tracing import tracing
from worker.application.jobs.workspace import Workspace, open_workspace
from worker.application.operations.doctor import Check, report_failures
from worker.application.operations.health import HealthMonitor
from worker.application.operations.heartbeat import Heartbeat, Resources
from worker.application.operations.lifecycle import Lifecycle, SideTask
from worker.application.operations.metric_lines import MetricLines
from worker.application.progress.failover import FailoverStore
from worker.application.progress.reporter import Reporters
from worker.bootstrap.checks import queue_checks, refuse_no_ffmpeg, table_check
from worker.bootstrap.converter import ffmpeg_of
from worker.bootstrap.failover import failover_store
from worker.bootstrap.memory import warn_of_memory
from worker.bootstrap.parts import Clients, s3_limits, s3_options, utc_now
from worker.bootstrap.publishing import completion_events
from worker.bootstrap.queues import failures_of, open_queue, poll_seconds_for
from worker.bootstrap.sandbox import described, sandbox_of
from worker.bootstrap.stores import open_stores
from worker.bootstrap.tracing import open_tracer
from worker.ports import (
    AudioConverter,
    Credentials,
    JobQueue,
    JobTable,
    ObjectStore,
    ProgressCache,
    ScaleInProtection,
    Tracer,
)
from worker.settings import ConfigurationError, Fault, Settings


@dataclass(frozen=True, slots=True)
class _Adapters:
    """The outside world as the application sees it. Each field has its port's type: there mypy checks the adapter."""

    workspace: Workspace
    queue: JobQueue
    table: JobTable
    cache: ProgressCache | None
    objects: ObjectStore
    converter: AudioConverter
    sandbox: Sandbox
    protection: ProtectionController | None
    events: CompletionEvents
    tracer: Tracer | None
    checks: Sequence[Check]
    credentials: Credentials


async def assemble(settings: Settings, name: str, stack: AsyncExitStack, began_at: float) -> Lifecycle:
    """A worker that is ready to run, under this `name`.

    `stack` closes what it has open; `began_at` is the process's first loop time.

    Raises ConfigurationError.
    """
    slots = Slots(settings.concurrency)
    adapters = await _open_adapters(settings, name, slots, stack)
    warn_of_memory(settings, adapters.workspace.directory)
    table_access = TableAccess(adapters.table)
    store = failover_store(adapters.table, adapters.cache, settings, on_table_failure=table_access.failed)
    cancels = CancelWatch(adapters.table)
    watch = DependencyWatch(
        table_access,
        S3Access(adapters.objects),
        S3Rights(adapters.objects),
        WorkspaceAccess(adapters.workspace.probe),
    )
    claims = JobClaims(adapters.table, store, _job_limits(settings), worker=name, now=utc_now, random=random.random)
    handler = _make_handler(settings, adapters, store, cancels, claims, slots, watch)
    renewer = LeaseRenewer(adapters.queue, lease_seconds=settings.visibility_timeout_seconds, random=random.random)
    credentials = CredentialsCheck(adapters.credentials, random=random.random)
    consumer = _make_consumer(settings, adapters.queue, handler, renewer, watch, credentials, slots)
    monitor = HealthMonitor(store, consumer, lambda: failures_of(adapters.queue))
    side_tasks: dict[str, SideTask] = {
        "lease renewer": renewer.run,
        "progress store": store.run,
        "claims": claims.run,
        "cancel watch": cancels.run,
        "health": monitor.run,
        "heartbeat": Heartbeat(monitor, adapters.queue, _resources_of(adapters), now=utc_now).run,
        "checks": partial(_report_failures, credentials, adapters.checks),
    }
    if settings.metrics == "emf":
        side_tasks["metrics"] = MetricLines(monitor, environment=settings.environment, now=utc_now).run
    if adapters.protection is not None:
        side_tasks["scale-in protection"] = adapters.protection.run
    return Lifecycle(
        consumer,
        side_tasks,
        drain_seconds=settings.drain_seconds,
        announced=_announced(settings, adapters.sandbox, http_address=_serve_http(settings, monitor, stack)),
        began_at=began_at,
    )


async def _report_failures(credentials: CredentialsCheck, checks: Sequence[Check]) -> None:
    await credentials.passed.wait()
    await report_failures(checks)


async def _open_adapters(settings: Settings, name: str, slots: Slots, stack: AsyncExitStack) -> _Adapters:
    sandbox = sandbox_of(settings, ffmpeg_of(settings))
    if settings.ffmpeg is not None:
        await refuse_no_ffmpeg(settings.ffmpeg, sandbox)
    workspace = _open_workspace(settings, stack)
    clients = Clients(settings, stack)
    table, cache = await open_stores(settings, clients, stack)
    metrics.expect_writes_to(table.name, *([] if cache is None else [cache.name]))
    sqs = await clients.open("sqs", CONTROL_LIMITS)
    return _Adapters(
        workspace=workspace,
        queue=await open_queue(settings, clients, sqs),
        table=table,
        cache=cache,
        objects=S3Store(await clients.open("s3", s3_limits(jobs=settings.concurrency)), s3_options(settings)),
        converter=SplittingConverter(FfmpegConverter(str(ffmpeg_of(settings)), sandbox=sandbox), slots.spare),
        sandbox=sandbox,
        protection=await _open_protection_controller(settings, slots, stack),
        events=await completion_events(settings, clients),
        tracer=open_tracer(settings, name, stack),
        checks=[table_check(await clients.open("dynamodb", CONTROL_LIMITS), settings), *queue_checks(sqs, settings)],
        credentials=clients.session,
    )


def _make_handler(
    settings: Settings,
    adapters: _Adapters,
    store: FailoverStore,
    cancels: CancelWatch,
    claims: JobClaims,
    slots: Slots,
    watch: DependencyWatch,
) -> DeliveryHandler:
    limits = _job_limits(settings)
    conversion_limits = ConversionLimits(
        settings.max_source_bytes, settings.max_duration_seconds, settings.max_output_bytes
    )
    outputs = PublishedOutputs(adapters.objects)
    on_end = announcing(watch.ended)
    if adapters.tracer is not None:
        on_end = tracing(adapters.tracer, on_end)
    finisher = JobFinisher(store, outputs, adapters.events, now=utc_now, random=random.random, on_end=on_end)
    runner = JobRunner(
        Conversion(adapters.objects, adapters.converter, adapters.workspace, conversion_limits, random=random.random),
        Reporters(store, now=utc_now, random=random.random, lease_seconds=limits.lease_seconds),
        cancels,
        finisher,
        limits,
        random=random.random,
    )
    claimer = JobClaimer(
        claims,
        runner,
        finisher,
        JobRuns(store, finisher, now=utc_now),
        slots,
        protected_job=nullcontext if adapters.protection is None else adapters.protection.protected_job,
    )
    return DeliveryHandler(claimer, finisher, limits, s3_outputs=settings.s3_event_outputs, presets=settings.presets)


def _make_consumer(
    settings: Settings,
    queue: JobQueue,
    handler: DeliveryHandler,
    renewer: LeaseRenewer,
    watch: DependencyWatch,
    credentials: CredentialsCheck,
    slots: Slots,
) -> Consumer:
    reject_limit = RejectLimit(settings.reject_limit)
    pauses = Pauses([*watch.causes, reject_limit], watch.suspicion, random=random.random)
    return Consumer(
        Poller(queue, pauses, credentials, poll_seconds=poll_seconds_for(settings), random=random.random),
        handler,
        renewer,
        Settlement(queue, reject_limit, random=random.random),
        slots,
        random=random.random,
    )


def _announced(settings: Settings, sandbox: Sandbox, *, http_address: str | None) -> Mapping[str, object]:
    """The fields of `worker.started`."""
    return {
        "settings": settings.effective(),
        "sandbox": described(settings, sandbox),
        "http_address": http_address,
        "python": sys.version.split()[0],
    }


def _resources_of(adapters: _Adapters) -> Resources:
    return MachineResources(lambda: adapters.workspace.directory, lambda: shared_launcher().pid)


def _open_workspace(settings: Settings, stack: AsyncExitStack) -> Workspace:
    try:
        return stack.enter_context(open_workspace(settings.workspace, LocalVolume()))
    except OSError as exc:
        raise ConfigurationError(Fault(("WORKER_WORKSPACE",), f"cannot be used: {exc.strerror}")) from exc


def _job_limits(settings: Settings) -> JobLimits:
    return JobLimits(
        lease_seconds=settings.visibility_timeout_seconds,
        job_timeout_seconds=settings.job_timeout_seconds,
        stall_seconds=settings.stall_seconds,
        max_attempts=settings.max_attempts,
        max_crashes=settings.max_crashes,
    )


def _serve_http(settings: Settings, monitor: HealthMonitor, stack: AsyncExitStack) -> str | None:
    if settings.http_port is None:
        return None
    try:
        server = HttpServer(
            settings.http_host, settings.http_port, health=monitor.snapshot, render_metrics=metrics.render
        )
    except CannotListenError as exc:
        name = "WORKER_HTTP_HOST" if exc.is_due_to_host else "WORKER_HTTP_PORT"
        raise ConfigurationError(Fault((name,), str(exc))) from exc
    stack.callback(server.close)
    server.start()
    return server.address


async def _open_protection_controller(
    settings: Settings, slots: Slots, stack: AsyncExitStack
) -> ProtectionController | None:
    if settings.ecs_agent_uri is None:
        return None
    agent: ScaleInProtection = await stack.enter_async_context(open_protection(settings.ecs_agent_uri))
    return ProtectionController(agent, slots)
