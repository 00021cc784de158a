"""`worker serve` is called by its own OpenAPI document, with what fits it and with what does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import GatewayClient, GatewayProcess
from tests.support.stack import Stack
from tests.support.worker_process import inherited

# 503 is a documented answer of a slow emulator. Not all rules of a message can be said in JSON Schema, so some are
# refused that fit it (`worker.application.messages.schema` lists these rules).
_CONFIGURATION = """\
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
positive_data_acceptance.enabled = false
"""

_JSON = ["application/json"]


def members_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Each member of each object in a JSON document."""
    if isinstance(value, dict):
        yield from value.items()
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from members_of(each)


async def test_every_schema_that_the_document_refers_to_is_in_it(client: GatewayClient) -> None:
    document = (await client.get("/openapi.json")).json

    named = {value for name, value in members_of(document) if name == "$ref"}

    assert "#/components/schemas/Status" in named
    assert named <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


async def test_the_document_names_the_content_types_that_are_answered(client: GatewayClient) -> None:
    paths = (await client.get("/openapi.json")).json["paths"]

    answers = {
        f"{method} {path} {status}": list(answer.get("content", ()))
        for path, operations in paths.items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
    }

    good = {name: types for name, types in answers.items() if int(name[-3:]) < 400 and types != _JSON}
    assert good == {
        "get /jobs/{job_id}/events 200": ["text/event-stream"],
        "get /jobs/{job_id}/events 204": [],
        "get /events 200": ["text/event-stream"],
        "get /jobs/{job_id}/outputs/{number} 307": [],
        "delete /uploads/multipart/{upload} 204": [],
    }
    assert {tuple(types) for name, types in answers.items() if int(name[-3:]) >= 400} == {
        ("application/problem+json",)
    }


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
    assert "Unresolvable references" not in done.stdout
    assert not [line for line in gateway.process.lines if "exception" in line]
