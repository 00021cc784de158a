"""What `worker serve` tells a browser about its page, and what the page needs besides docs/gateway.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.gateway import GatewayClient, GatewayProcess
from tests.support.stack import Stack
from worker.gateway import page as page_module

FILES = Path(page_module.__file__).with_name("page_files")


@pytest.fixture(scope="module")
def gateway(shared: Stack) -> Iterator[GatewayProcess]:
    prefixes = {
        "WORKER_SERVE_SOURCE": f"s3://{shared.sources}/uploads/",
        "WORKER_SERVE_TARGET": f"s3://{shared.targets}/made/",
    }
    with GatewayProcess(shared, **prefixes) as process:
        yield process


def policy_in(header: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in header.split(";"))}


async def test_the_page_may_reach_the_gateway_and_the_buckets_and_nothing_else(
    client: GatewayClient, shared: Stack
) -> None:
    answer = await client.get("/")

    policy = policy_in(answer.headers["content-security-policy"])
    buckets = "http://" + urlsplit(shared.endpoint).netloc
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert policy["connect-src"] == policy["img-src"] == policy["media-src"] == ["'self'", buckets]
    assert policy["frame-ancestors"] == policy["form-action"] == ["'none'"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_file_that_the_page_names_is_served_without_a_token_and_none_is_of_another_host(
    shared: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(shared, WORKER_SERVE_TOKEN="secret")
    async with gateway.client() as client:
        page = (await client.get("/")).text
        files = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        for file in FILES.glob("*.js"):
            files += ["/page/" + name for name in re.findall(r'from "\./([^"]+)"', file.read_text(encoding="utf-8"))]
        for file in set(files):
            answer = await client.get(file)
            assert answer.status == 200, file
        refused = await client.get("/jobs")

    assert {"/page/app.js", "/page/jobs.js", "/page/page.css"} <= set(files)
    assert not re.search(r'(src|href)="https?:', page)
    assert "<script>" not in page
    assert refused.status == 401


@pytest.mark.parametrize("seen", ["{}", "W/{}", '"x", {}', '"x,y" , W/"z",W/{}', "*"])
async def test_a_file_of_the_page_is_sent_once(seen: str, client: GatewayClient) -> None:
    first = await client.get("/page/jobs.js")

    again = await client.get("/page/jobs.js", headers={"if-none-match": seen.format(first.headers["etag"])})

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (again.status, again.text) == (304, "")
    assert (await client.get("/page/secrets.js")).status == 404


@pytest.mark.parametrize("seen", ["", '"x"', "W/", '"x", W/"y"'])
async def test_a_file_of_the_page_that_has_changed_is_sent_again(seen: str, client: GatewayClient) -> None:
    answer = await client.get("/page/jobs.js", headers={"if-none-match": seen})

    assert answer.status == 200
    assert answer.text


async def test_a_client_learns_where_uploads_and_targets_lie(client: GatewayClient, shared: Stack) -> None:
    places = (await client.get("/uploads")).json
    presets = places.pop("presets")

    assert presets
    assert all(isinstance(fields, dict) for fields in presets.values())
    assert places == {
        "source": f"s3://{shared.sources}/uploads/",
        "target": f"s3://{shared.targets}/made/",
        "max_bytes": 5 * 1024**3,
    }


async def test_a_page_without_set_places_may_show_outputs_of_any_bucket(
    shared: Stack, start_gateway: Callable[..., GatewayProcess]
) -> None:
    async with start_gateway(shared).client() as client:
        policy = policy_in((await client.get("/")).headers["content-security-policy"])
        places = (await client.get("/uploads")).json

    assert policy["connect-src"] == ["'self'"]
    assert policy["media-src"] == ["'self'", "https:"]
    assert (places["source"], places["target"]) == (None, None)
