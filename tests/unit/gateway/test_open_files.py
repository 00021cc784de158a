"""The gateway has as many connections as its process may have open files, less those that it needs itself."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from tests.support.events import logged_events
from worker.events import Event
from worker.gateway.open_files import connections_within, raise_open_files, streams_within


@pytest.fixture
def low_soft_limit() -> Iterator[int]:
    """This process with a low soft limit. Yields its hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_on_open_files_is_raised_to_the_hard_one(low_soft_limit: int) -> None:
    limit = raise_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (low_soft_limit, low_soft_limit)
    assert limit == (None if low_soft_limit == resource.RLIM_INFINITY else low_soft_limit)


def test_streams_that_the_open_files_do_not_allow_are_refused_and_logged() -> None:
    with logged_events() as log:
        assert streams_within(connections_within(1024), 4000) == 720
    line = log.one(Event.GATEWAY_LIMITED)
    assert (line["wanted"], line["max_streams"]) == (4000, 720)


@pytest.mark.parametrize("open_files", [None, 65_536])
def test_streams_that_the_open_files_allow_are_as_many_as_the_settings_say(open_files: int | None) -> None:
    with logged_events() as log:
        assert streams_within(connections_within(open_files), 4000) == 4000
    assert not log.of(Event.GATEWAY_LIMITED)
