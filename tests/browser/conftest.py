"""The page of a real gateway in a real Chromium, beside a real worker. Playwright drives Debian's browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.support.gateway import GatewayProcess
from tests.support.page import open_page
from tests.support.page_uploads import MIB, Parts
from tests.support.slow_converter import slow_converter
from tests.support.stack import Stack, aws_clients, make_stack
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

_SECONDS = 20  # for whatever is expected: the machine may be busy
SCREENSHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=_SECONDS * 1000)
    with sync_playwright() as playwright:
        # The sandbox of Chromium cannot be used by root, and CI is root.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def aws(aws_endpoint: str) -> Iterator[dict[str, Any]]:
    with aws_clients(aws_endpoint) as clients:
        yield clients


@pytest.fixture(scope="module")
def own_redis() -> Iterator[servers.Server]:
    """A Redis that the tests of a module may kill."""
    with servers.redis() as server:
        yield server


@pytest.fixture(scope="module")
def stack(aws: dict[str, Any], aws_endpoint: str, own_redis: servers.Server, request: pytest.FixtureRequest) -> Stack:
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    return make_stack(aws, name, endpoint=aws_endpoint, redis_port=own_redis.port)


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> Iterator[GatewayProcess]:
    prefixes = {
        "WORKER_SERVE_SOURCE": f"s3://{stack.sources}/uploads/",
        "WORKER_SERVE_TARGET": f"s3://{stack.targets}/made/",
    }
    with GatewayProcess(stack, **prefixes) as process:
        yield process


@pytest.fixture(scope="module")
def worker(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker that converts six seconds of sound in a second, so that there is something to see."""
    converter = slow_converter(tmp_path_factory.mktemp("converter"), times_real_time=6)
    process = WorkerProcess(stack.environment() | {"WORKER_CONCURRENCY": "3", "WORKER_FFMPEG": str(converter)})
    try:
        process.wait_for("worker.ready")
        yield process
    finally:
        process.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.set_default_timeout(_SECONDS * 1000)
    yield context
    context.close()


@pytest.fixture
def errors(context: BrowserContext) -> list[str]:
    """What went wrong in the pages of a test: exceptions, and whatever the content policy has stopped."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            found.append(message.text)

    context.on("console", hear)
    context.on("weberror", lambda error: found.append(str(error.error)))
    return found


@pytest.fixture
def page(context: BrowserContext, gateway: GatewayProcess, errors: list[str]) -> Iterator[Page]:
    """The page, ready. No test leaves an error behind."""
    yield open_page(context, gateway.url)
    assert errors == []


@pytest.fixture
def keep_screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture where SCREENSHOTS names a directory."""

    def keep(page: Page, name: str) -> None:
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")

    return keep


@pytest.fixture
def start_gateway(stack: Stack) -> Iterator[Callable[..., GatewayProcess]]:
    with ExitStack() as processes:
        yield lambda **settings: processes.enter_context(GatewayProcess(stack, **settings))


@pytest.fixture
def recording(tmp_path: Path, unique: Callable[[str], str]) -> Path:
    """A file of four parts."""
    path = tmp_path / f"{unique('long')} recording.wav"
    path.write_bytes(bytes(range(256)) * (30 * MIB // 256))
    return path


@pytest.fixture
def parts(context: BrowserContext) -> Parts:
    return Parts(context)


@pytest.fixture
def unfinished(stack: Stack) -> Iterator[Callable[[], list[Any]]]:
    """The uploads in parts that S3 holds. A test leaves none."""

    def look() -> list[Any]:
        found: list[Any] = stack.aws["s3"].list_multipart_uploads(Bucket=stack.sources).get("Uploads", [])
        return found

    yield look
    assert look() == []
