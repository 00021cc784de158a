"""A person uploads large files on the page, with a connection that breaks and a tab that is closed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.gateway import GatewayProcess
from tests.support.page import drop, job, open_page
from tests.support.page_uploads import MIB, Parts, held_by_s3, kept, uploaded
from tests.support.stack import Stack, wait_for

SIZE = 30 * MIB

Keep = Callable[[Page, str], None]


def test_a_part_that_is_lost_on_the_way_is_sent_again_and_the_bar_shows_what_has_been_sent(
    page: Page, parts: Parts, stack: Stack, recording: Path, unfinished: Any, keep_screenshot: Keep
) -> None:
    parts.held = {4}
    parts.lost = [2]
    drop(page, [recording])
    bar = job(page, recording.name).locator("progress")
    wait_for(lambda: float(bar.get_attribute("value") or 0) == 24 * MIB or None, "the other parts")
    assert sorted(parts.arrived) == [1, 2, 3]
    expect(job(page, recording.name).get_by_text("24.0 MiB of 30.0 MiB")).to_be_visible()
    keep_screenshot(page, "uploading")

    page.get_by_role("button", name=f"Cancel the upload of {recording.name}").click()

    expect(job(page, recording.name)).to_have_count(0)
    wait_for(lambda: unfinished() == [] or None, "the end of the upload at S3")
    assert kept(page) == []


@pytest.mark.parametrize("is_closed", [False, True], ids=["reload", "closed tab"])
def test_an_upload_goes_on_after_a_reload_and_in_another_tab_with_the_parts_that_are_missing(
    is_closed: bool,
    page: Page,
    context: BrowserContext,
    gateway: GatewayProcess,
    parts: Parts,
    stack: Stack,
    recording: Path,
    unfinished: Any,
    keep_screenshot: Keep,
) -> None:
    parts.held = {3}
    page.on("dialog", lambda dialog: dialog.accept())  # "Leave the page?"
    drop(page, [recording])
    bar = job(page, recording.name).locator("progress")
    wait_for(lambda: float(bar.get_attribute("value") or 0) == SIZE - 8 * MIB or None, "all parts but one")
    wait_for(lambda: held_by_s3(stack) == [1, 2, 4] or None, "their arrival")
    if is_closed:
        page.close()
        page = open_page(context, gateway.url)
    else:
        page.reload()
    expect(page.get_by_text(f"Not uploaded to the end: {recording.name} (30.0 MiB).")).to_be_visible()
    keep_screenshot(page, "interrupted")
    parts.held, parts.arrived = set(), []

    drop(page, [recording])

    expect(job(page, recording.name, status="queued")).to_be_visible()
    assert parts.arrived in ([3], [])  # the browser may have sent what the closed page had on its way
    assert uploaded(stack, page, recording.name) == recording.read_bytes()
    expect(page.locator("#interrupted")).to_be_hidden()
    page.get_by_role("button", name=f"Cancel {recording.name}").click()
    expect(job(page, recording.name, status="cancelled")).to_be_visible()


def test_an_upload_that_a_lost_network_interrupts_goes_on_by_itself_when_it_is_back(
    page: Page,
    context: BrowserContext,
    parts: Parts,
    stack: Stack,
    recording: Path,
    unfinished: Any,
    keep_screenshot: Keep,
) -> None:
    parts.lost = [2] * 5  # as often as it is tried
    drop(page, [recording])
    interrupted = job(page, recording.name, status="interrupted")
    expect(interrupted).to_be_visible(timeout=60_000)
    expect(interrupted.locator(".error")).to_have_text("The connection to S3 was lost.")
    expect(interrupted.locator(".words")).not_to_contain_text("/s")
    keep_screenshot(page, "lost-network")

    context.set_offline(True)
    context.set_offline(False)

    expect(job(page, recording.name, status="queued")).to_be_visible()
    assert sorted(parts.arrived) == [1, 2, 3, 4]
    assert uploaded(stack, page, recording.name) == recording.read_bytes()
    page.get_by_role("button", name=f"Cancel {recording.name}").click()
    expect(job(page, recording.name, status="cancelled")).to_be_visible()


def test_uploads_and_submissions_go_on_by_themselves_when_the_gateway_is_back(
    page: Page, gateway: GatewayProcess, parts: Parts, stack: Stack, recording: Path, unfinished: Any, tmp_path: Path
) -> None:
    short = tmp_path / f"short {recording.name}"
    short.write_bytes(bytes(1000))
    away = re.compile(re.escape(gateway.url) + "/")
    posted = re.compile(re.escape(gateway.url) + "/jobs$")
    parts.held = {4}
    page.route(posted, lambda route: route.abort("connectionrefused"))
    with page.expect_request(posted):
        drop(page, [recording, short])
    parts.wait_for(page, [1, 2, 3])
    parts.wait_for_held(page, 1)  # the gateway has given its address: without that it is not sent
    page.route(away, lambda route: route.abort("connectionrefused"))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")  # in another tab
    parts.release()
    for file in (recording, short):
        expect(job(page, file.name, status="interrupted")).to_be_visible(timeout=60_000)
    page.get_by_label("Format of output 1").select_option("flac")

    page.unroute(away)
    page.unroute(posted)

    for file in (recording, short):
        expect(job(page, file.name, status="queued")).to_be_visible()
        job(page, file.name).get_by_text("Details").click()
        expect(job(page, file.name).get_by_text(f"{file.stem}.mp3", exact=True)).to_be_visible()
    for file in (recording, short):
        page.get_by_role("button", name=f"Cancel {file.name}", exact=True).click()
        expect(job(page, file.name, status="cancelled")).to_be_visible()


def test_a_job_whose_answers_are_lost_is_the_same_job_when_it_is_tried_again_with_other_outputs(
    page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "answers are lost.wav"
    file.write_bytes(bytes(1000))
    ids: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            ids.append(json.loads(route.request.post_data or "")["job_id"])
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/jobs", lose)
    drop(page, [file])
    expect(job(page, file.name, status="interrupted")).to_be_visible(timeout=60_000)
    page.unroute("**/jobs", lose)
    page.get_by_label("Format of output 1").select_option("flac")
    page.get_by_role("button", name=f"Upload {file.name} again").click()

    expect(job(page, file.name, status="queued")).to_be_visible()
    expect(page.locator(".job.upload")).to_have_count(0)
    expect(job(page, file.name).get_by_role("link", name=ids[0])).to_be_visible()
    assert len(set(ids)) == 1
    page.get_by_role("button", name=f"Cancel {file.name}").click()
    expect(job(page, file.name, status="cancelled")).to_be_visible()
