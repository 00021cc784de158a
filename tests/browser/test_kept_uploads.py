"""Which uploads go on, and who sends them: files that look alike, entries of one file, two tabs, and refusals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.gateway import GatewayProcess
from tests.support.page import drop, job, open_page
from tests.support.page_uploads import MIB, Parts, kept, uploaded
from tests.support.stack import Stack, wait_for

# `window.sources` has the source of each of these blobs of one size, whose bytes are all the same number.
UPLOAD_BLOB = """async (byte) => {
    const { Jobs } = await import("/page/jobs.js");
    window.sources ??= {};
    window.giveUp = new AbortController();
    const blob = new Blob([new Uint8Array(9 * 1024 ** 2).fill(byte)]);
    new Jobs().upload(blob, { signal: window.giveUp.signal })
        .then((source) => { window.sources[byte] = source; }, () => { window.sources[byte] = null; });
}"""
EXPIRED = {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "another token is needed"}
GONE = "<Error><Code>NoSuchUpload</Code></Error>"


def wait_for_parts(stack: Stack, unfinished: Any, count: int) -> None:
    """Wait until S3 has so many parts of the only upload."""
    [upload] = unfinished()
    of = {"Bucket": stack.sources, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    wait_for(lambda: len(stack.aws["s3"].list_parts(**of).get("Parts", [])) == count or None, "the parts at S3")


def settled(page: Page, byte: int) -> str | None:
    page.wait_for_function("(byte) => window.sources[byte] !== undefined", arg=byte)
    source: str | None = page.evaluate("(byte) => window.sources[byte]", byte)
    return source


def test_two_blobs_of_one_size_are_never_mixed(page: Page, parts: Parts, stack: Stack, unfinished: Any) -> None:
    parts.held = {2}
    page.evaluate(UPLOAD_BLOB, 1)
    parts.wait_for(page, [1])
    page.evaluate("() => { window.giveUpFirst = window.giveUp; }")
    parts.held = set()

    page.evaluate(UPLOAD_BLOB, 2)
    source = settled(page, 2)
    page.evaluate("() => window.giveUpFirst.abort()")

    assert source is not None
    key = source.split("/", 3)[3]
    assert set(stack.aws["s3"].get_object(Bucket=stack.sources, Key=key)["Body"].read()) == {2}
    assert settled(page, 1) is None
    assert kept(page) == []


def test_a_file_that_is_dropped_twice_has_two_uploads_of_which_one_may_be_cancelled(
    page: Page, parts: Parts, stack: Stack, recording: Path, unfinished: Any
) -> None:
    parts.held = {4}
    drop(page, [recording])
    drop(page, [recording])
    parts.wait_for(page, [1, 1, 2, 2, 3, 3])

    page.get_by_role("button", name=f"Cancel the upload of {recording.name}").first.click()
    wait_for(lambda: len(unfinished()) == 1 or None, "the end of one at S3")
    parts.release()

    expect(job(page, recording.name, status="queued")).to_be_visible()
    assert uploaded(stack, page, recording.name) == recording.read_bytes()
    assert kept(page) == []
    page.get_by_role("button", name=f"Cancel {recording.name}").click()
    expect(job(page, recording.name, status="cancelled")).to_be_visible()


def test_an_upload_is_given_up_though_the_gateway_cannot_do_it_at_once(
    page: Page, context: BrowserContext, parts: Parts, recording: Path, unfinished: Any
) -> None:
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if route.request.method == "DELETE" and not refused:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "1"})
        else:
            route.continue_()

    context.route("**/uploads/multipart/*", refuse_once)
    parts.held = {4}
    drop(page, [recording])
    parts.wait_for(page, [1, 2, 3])

    page.get_by_role("button", name=f"Cancel the upload of {recording.name}").click()

    wait_for(lambda: (page.title() and not unfinished()) or None, "the end at S3")
    assert len(refused) == 1


def test_files_of_two_folders_that_look_alike_are_never_mixed(
    page: Page, parts: Parts, stack: Stack, tmp_path: Path, unfinished: Any
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())  # "Leave the page?"
    for folder, byte in (("one", b"1"), ("two", b"2")):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "alike.wav"
        file.write_bytes(byte * 9 * MIB)
        os.utime(file, (1_700_000_000, 1_700_000_000))
    parts.held = {2}
    drop(page, [tmp_path / "one"])
    parts.wait_for(page, [1])
    wait_for_parts(stack, unfinished, 1)
    page.reload()
    expect(page.get_by_text("Not uploaded to the end: alike.wav")).to_be_visible()
    parts.held = set()

    drop(page, [tmp_path / "two"])

    expect(job(page, "alike.wav", status="queued")).to_be_visible()
    assert uploaded(stack, page, "alike.wav") == b"2" * 9 * MIB
    drop(page, [tmp_path / "one"])
    expect(job(page, "alike.wav", status="queued")).to_have_count(2)
    assert sorted(parts.arrived) == [1, 1, 2, 2]


def test_another_tab_leaves_an_upload_that_is_under_way_to_its_own(
    page: Page,
    context: BrowserContext,
    gateway: GatewayProcess,
    parts: Parts,
    stack: Stack,
    recording: Path,
    unfinished: Any,
) -> None:
    parts.held = {4}
    drop(page, [recording])
    parts.wait_for(page, [1, 2, 3])
    other = open_page(context, gateway.url)
    drop(other, [recording])
    parts.wait_for(other, [1, 1, 2, 2, 3, 3])
    expect(other.locator("#interrupted")).to_be_hidden()

    other.get_by_role("button", name=f"Cancel the upload of {recording.name}").click()
    wait_for(lambda: len(unfinished()) == 1 or None, "the end of one at S3")
    parts.release()

    expect(job(page, recording.name, status="queued")).to_be_visible()
    assert uploaded(stack, page, recording.name) == recording.read_bytes()
    page.get_by_role("button", name=f"Cancel {recording.name}").click()
    expect(job(page, recording.name, status="cancelled")).to_be_visible()


def test_a_part_of_an_upload_that_is_complete_already_is_no_failure(
    page: Page, gateway: GatewayProcess, parts: Parts, stack: Stack, recording: Path, unfinished: Any
) -> None:
    parts.held = {4}
    drop(page, [recording])
    parts.wait_for(page, [1, 2, 3])
    parts.wait_for_held(page, 1)
    [upload] = unfinished()
    of = {"Bucket": stack.sources, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    s3 = stack.aws["s3"]
    wait_for_parts(stack, unfinished, 3)
    s3.upload_part(**of, PartNumber=4, Body=recording.read_bytes()[24 * MIB :])
    sent = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in s3.list_parts(**of)["Parts"]]
    s3.complete_multipart_upload(**of, MultipartUpload={"Parts": sent})

    for route in parts.waiting:
        route.fulfill(status=404, headers={"access-control-allow-origin": "*"}, body=GONE)

    expect(job(page, recording.name, status="queued")).to_be_visible()
    assert uploaded(stack, page, recording.name) == recording.read_bytes()
    page.get_by_role("button", name=f"Cancel {recording.name}").click()
    expect(job(page, recording.name, status="cancelled")).to_be_visible()


@pytest.mark.parametrize("is_full", [False, True], ids=["storage", "full storage"])
def test_an_upload_whose_token_is_refused_goes_on_where_it_stopped(
    is_full: bool, page: Page, parts: Parts, stack: Stack, recording: Path, unfinished: Any
) -> None:
    if is_full:
        page.evaluate(
            "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); } }"
        )

    def refuse(route: Route) -> None:
        route.fulfill(status=401, json=EXPIRED, content_type="application/problem+json")

    page.route("**/uploads/multipart/*/complete", refuse)
    drop(page, [recording])
    expect(job(page, recording.name, status="failed").locator(".error")).to_have_text("another token is needed")
    page.unroute("**/uploads/multipart/*/complete", refuse)
    page.get_by_role("button", name=f"Upload {recording.name} again").click()

    expect(job(page, recording.name, status="queued")).to_be_visible()
    assert sorted(parts.arrived) == [1, 2, 3, 4]  # none was sent twice
    assert uploaded(stack, page, recording.name) == recording.read_bytes()
    page.get_by_role("button", name=f"Cancel {recording.name}").click()
    expect(job(page, recording.name, status="cancelled")).to_be_visible()


def test_what_is_kept_of_an_upload_is_forgotten_after_a_day(page: Page) -> None:
    page.evaluate(
        """() => {
            const kept = { url: "", upload: "x", name: "a.wav", bytes: 1 };
            localStorage.setItem("audio-upload:old", JSON.stringify({ ...kept, at: Date.now() - 25 * 3600 * 1000 }));
            localStorage.setItem("audio-upload:new", JSON.stringify({ ...kept, at: Date.now() - 23 * 3600 * 1000 }));
        }"""
    )

    page.reload()

    expect(page.get_by_text("Not uploaded to the end: a.wav (1 B).")).to_be_visible()
    assert kept(page) == ["audio-upload:new"]
