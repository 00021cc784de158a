"""`worker serve` is called by its own OpenAPI document, with what fits it and with what does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.stack import Stack
from tests.support.worker_process import inherited

# 503 is a documented answer of a slow emulator. Not all rules of a message can be said in JSON Schema, so some are
# refused that fit it (`worker.application.messages.schema` lists these rules).
_CONFIGURATION = """\
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
positive_data_acceptance.enabled = false
"""


@pytest.mark.timeout(430)
def test_no_request_that_schemathesis_makes_of_the_openapi_document_gets_an_answer_that_is_not_in_it(
    stack: Stack, start_gateway: Callable[..., GatewayProcess], tmp_path: Path
) -> None:
    gateway = start_gateway(
        stack, WORKER_SERVE_SOURCE=f"s3://{stack.sources}/", WORKER_SERVE_REQUESTS_PER_SECOND="100000"
    )
    program = Path(sys.executable).with_name("schemathesis")
    options = ["--seed", "1", "--phases", "coverage", "--no-color"]
    (tmp_path / "schemathesis.toml").write_text(_CONFIGURATION)

    done = subprocess.run(
        [str(program), "run", f"{gateway.url}/openapi.json", *options],
        env=inherited(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,  # 100 s alone
    )

    assert done.returncode == 0, done.stdout[-8000:]
    assert not [line for line in gateway.process.lines if "exception" in line]
