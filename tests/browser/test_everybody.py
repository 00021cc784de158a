"""The page with 200 jobs: by keyboard, by screen reader as far as axe-core can tell, on a phone, light and dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.gateway import GatewayProcess, a_message
from tests.support.page import job, open_page
from tests.support.records import NOW, a_record, completed
from tests.support.sounds import silence
from tests.support.stack import Stack, make_stack, wait_for
from worker.domain.progress import Record, Status

JOBS = 200
_SERIOUS = {"serious", "critical"}

Keep = Callable[[Page, str], None]


def ask(gateway: GatewayProcess, method: str, path: str, document: object = None) -> Any:
    """A request of somebody else. It raises where the answer is an error."""
    body = None if document is None else json.dumps(document).encode()
    request = Request(gateway.url + path, body, {"content-type": "application/json"}, method=method)
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def open_streams(gateway: GatewayProcess) -> int:
    count: int = ask(gateway, "GET", "/health")["streams"]["open"]
    return count


def faults_of(page: Page) -> list[Any]:
    """What axe-core finds that keeps somebody from using the page, by WCAG 2.2 A and AA."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run({runOnly: tags})", tags)
    assert len(found["passes"]) > 20
    return [
        (fault["id"], [node["html"] for node in fault["nodes"]][:3])
        for fault in found["violations"]
        if fault["impact"] in _SERIOUS
    ]


def records_of(jobs: int) -> Sequence[Record]:
    """Jobs that have ended, the newest first; every fifth is cancelled."""
    records = []
    for number in reversed(range(jobs)):
        name = f"ep-{number:04}"
        over: dict[str, Any] = {"job_id": name, "source": f"s3://podcasts-in/{name}.wav"}
        over["created_at"] = NOW + timedelta(minutes=number)
        running = a_record(1000 + number, 1, **over)
        cancelled = replace(running, status=Status.CANCELLED, stage=None, eta_seconds=None)
        records.append(cancelled if number % 5 == 0 else completed(running, 2))
    return records


def copy_jobs(stack: Stack, job_id: str, count: int) -> None:
    """Put copies of a job into the table, each a second older than the one before."""
    item = stack.item(job_id)
    assert item is not None
    copies = [copy_of(item, number) for number in range(1, count + 1)]
    for first in range(0, count, 25):  # the most that one request takes
        puts = [{"PutRequest": {"Item": copy}} for copy in copies[first : first + 25]]
        stack.aws["dynamodb"].batch_write_item(RequestItems={stack.table: puts})


def copy_of(item: dict[str, Any], number: int) -> dict[str, Any]:
    name = f"{item['job_id']['S']}-{number}"
    record = json.dumps(json.loads(item["record"]["S"]) | {"job_id": name})
    status_at = str(int(item["status_at"]["N"]) - 1000 * number)
    return item | {"job_id": {"S": name}, "record": {"S": record}, "status_at": {"N": status_at}}


def show_jobs(context: BrowserContext, jobs: int) -> None:
    """Have the page list so many jobs. The emulator is too slow to list hundreds within the gateway's second."""
    body = json.dumps([record.to_dict() for record in records_of(jobs)])
    context.route("**/jobs?limit=*", lambda route: route.fulfill(body=body, content_type="application/json"))


def test_200_jobs_are_listed_the_newest_first_and_one_is_found_among_them(
    context: BrowserContext, gateway: GatewayProcess, errors: list[str], keep_screenshot: Keep
) -> None:
    show_jobs(context, JOBS)
    page = open_page(context, gateway.url)
    expect(page.locator(".job")).to_have_count(JOBS)
    titles = page.locator(".job h3").all_text_contents()
    assert titles == [f"ep-{number:04}.wav" for number in reversed(range(JOBS))]
    keep_screenshot(page, "200-jobs")

    page.get_by_label("Show").select_option("cancelled")

    expect(page.locator(".job:visible")).to_have_count(JOBS // 5)
    expect(page.locator("#count")).to_have_text(str(JOBS // 5))
    assert errors == []


def test_200_real_jobs_are_listed_page_by_page(
    context: BrowserContext, errors: list[str], aws: dict[str, Any], aws_endpoint: str, keep_screenshot: Keep
) -> None:
    stack = make_stack(aws, "page-200", endpoint=aws_endpoint, redis_port=None)
    with GatewayProcess(stack) as gateway:
        ask(gateway, "POST", "/jobs", a_message(stack, "ended"))
        ask(gateway, "DELETE", "/jobs/ended")
        copy_jobs(stack, "ended", JOBS - 2)
        ask(gateway, "POST", "/jobs", a_message(stack, "queued"))
        page = context.new_page()
        page.goto(gateway.url)

        expect(page.locator(".job")).to_have_count(JOBS, timeout=60_000)  # the emulator is slow
        expect(page.locator('.job[data-status="cancelled"]')).to_have_count(JOBS - 1)
        keep_screenshot(page, "200-real-jobs")
    assert errors == []


def test_a_long_list_fits_a_window_that_has_become_narrow(context: BrowserContext, gateway: GatewayProcess) -> None:
    show_jobs(context, JOBS)
    page = open_page(context, gateway.url)
    expect(page.locator(".job")).to_have_count(JOBS)
    page.locator(".job").nth(JOBS // 2).scroll_into_view_if_needed()
    page.locator("#drop").scroll_into_view_if_needed()

    page.set_viewport_size({"width": 360, "height": 740})

    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_what_is_submitted_and_changes_elsewhere_is_shown_by_one_stream_for_all_jobs(
    page: Page, stack: Stack, gateway: GatewayProcess
) -> None:
    names = [f"elsewhere-{number}" for number in range(8)]
    with page.expect_request(lambda asked: "/events?" in asked.url and all(name in asked.url for name in names)):
        for name in names:
            output = {"target": f"s3://{stack.targets}/made/{name}.mp3", "format": "mp3"}
            source = f"s3://{stack.sources}/uploads/{name}.wav"
            ask(gateway, "POST", "/jobs", {"job_id": name, "source": source, "outputs": [output]})
        for name in names:
            expect(job(page, f"{name}.wav", status="queued")).to_be_visible()
    wait_for(lambda: open_streams(gateway) == len(names) or None, "no other stream, and a place for each job")

    for name in names:
        ask(gateway, "DELETE", f"/jobs/{name}")

    for name in names:
        expect(job(page, f"{name}.wav", status="cancelled")).to_be_visible()
    wait_for(lambda: open_streams(gateway) == 0 or None, "the end of the stream")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    scheme: str, width: int, height: int, context: BrowserContext, gateway: GatewayProcess, keep_screenshot: Keep
) -> None:
    show_jobs(context, 6)
    page = open_page(context, gateway.url)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": height})
    page.locator("details:visible summary").first.click()
    page.locator(".job details:visible summary").first.click()

    assert faults_of(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    keep_screenshot(page, f"{scheme}-{width}")


def test_everything_can_be_done_by_keyboard(page: Page, tmp_path: Path) -> None:
    (tmp_path / "typed.wav").write_bytes(silence(1.0))
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the jobs")).to_be_focused()
    page.locator("#files").focus()
    expect(page.locator("#files")).to_be_focused()  # the chooser itself belongs to the system
    page.locator("#files").set_input_files(tmp_path / "typed.wav")
    expect(job(page, "typed.wav", status="queued")).to_be_visible()

    page.get_by_role("button", name="Cancel typed.wav").focus()
    page.keyboard.press("Enter")

    expect(job(page, "typed.wav", status="cancelled")).to_be_visible()
    expect(page.locator("#announcements")).to_contain_text("typed.wav: cancelled")
    expect(job(page, "typed.wav")).to_be_focused()


def test_a_gateway_that_goes_away_is_said_and_the_page_goes_on_when_it_is_back(
    context: BrowserContext, gateway: GatewayProcess
) -> None:
    page = open_page(context, gateway.url)
    expect(page.locator("#store-text")).to_have_text("Progress is read from Redis.")

    context.set_offline(True)
    expect(page.get_by_role("alert").get_by_text("The gateway cannot be reached")).to_be_visible()
    expect(page.locator("#store-text")).to_have_text("The state of the stores is not known.")
    context.set_offline(False)

    expect(page.locator("#offline")).to_be_hidden()
