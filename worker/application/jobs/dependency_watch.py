"""Passes the ends of jobs on to the causes of pauses: which dependency failed a job, and whether S3 served one."""

from __future__ import annotations

import asyncio

from worker.application.consuming.dependencies import S3Access, S3Rights, TableAccess, WorkspaceAccess
from worker.domain.errors import (
    AccessDeniedError,
    DependencyUnavailableError,
    JobError,
    PermanentError,
    WorkspaceFullError,
)
from worker.domain.job import Job
from worker.domain.outcome import Completed, Ending, Failed, PutOff, WillRetry


class DependencyWatch:
    """Notes for each dependency when a job ended because of it, and for S3 when it served one."""

    def __init__(self, table: TableAccess, s3: S3Access, rights: S3Rights, workspace: WorkspaceAccess) -> None:
        self._table = table
        self._s3 = s3
        self._rights = rights
        self._workspace = workspace

    @property
    def suspicion(self) -> asyncio.Event:
        """Set when a dependency has failed that is to be asked at once."""
        return self._table.suspicion

    @property
    def causes(self) -> tuple[TableAccess, WorkspaceAccess, S3Access, S3Rights]:
        """The causes of pauses, in the order in which they are to be asked."""
        return self._table, self._workspace, self._s3, self._rights

    def ended(self, ending: Ending, job: Job | None) -> None:
        """Take note of an ending; `job` is the one that has run, None where none has."""
        match ending:
            case PutOff():
                self._table.put_off()
            case Completed():
                self._served()
            case Failed(error) | WillRetry(error) if job is not None:
                self._failed(error, job)

    def _failed(self, error: JobError, job: Job) -> None:
        match error:
            case DependencyUnavailableError(dependency="S3"):
                self._s3.failed(job)
            case WorkspaceFullError() | DependencyUnavailableError(dependency="the workspace"):
                self._workspace.failed()
            case DependencyUnavailableError():
                self._table.failed()
            case AccessDeniedError():
                self._s3.served()
                self._rights.failed(job)
            case PermanentError():
                self._served()

    def _served(self) -> None:
        self._s3.served()
        self._rights.served()
