"""Which jobs of a busy service the page shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.page import drop, job
from tests.support.records import a_record, completed

LISTED = 200  # jobs that have ended, of those from elsewhere


def ended(numbers: range) -> list[dict[str, Any]]:
    """Records of completed jobs, the newest first."""
    return [ended_job(number).to_dict() for number in reversed(numbers)]


def ended_job(number: int) -> Any:
    record = completed(a_record(number, 1), 2)
    at = record.created_at + timedelta(seconds=number)
    return replace(record, job_id=f"job-{number}", source=f"s3://in/{number}.wav", created_at=at, updated_at=at)


def answer_lists_with(page: Page, records: list[dict[str, Any]]) -> None:
    page.route("**/jobs?*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(records)))


def test_ended_jobs_that_the_list_no_longer_has_leave_the_page(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "mine.wav"
    file.write_bytes(bytes(1000))
    drop(page, [file])
    page.get_by_role("button", name="Cancel mine.wav").click()
    expect(job(page, "mine.wav", status="cancelled")).to_be_visible()
    running = replace(a_record(), job_id="running", source="s3://in/running.wav").to_dict()
    answer_lists_with(page, [*ended(range(300)), running])
    expect(job(page, "299.wav")).to_be_visible()
    expect(job(page, "100.wav")).to_be_visible()
    expect(job(page, "99.wav")).to_have_count(0)
    expect(page.locator(".job[data-status=completed]")).to_have_count(LISTED)
    job(page, "150.wav").get_by_text("Outputs and details").click()
    page.evaluate("location.hash = '#job=job-151'")
    job(page, "151.wav").get_by_text("Outputs and details").click()

    answer_lists_with(page, ended(range(300, 600)))

    expect(job(page, "599.wav")).to_be_visible()
    for name in ("mine.wav", "running.wav", "150.wav", "151.wav", "400.wav"):
        expect(job(page, name)).to_be_visible()
    expect(page.locator(".job[data-status=completed]")).to_have_count(LISTED + 2)
    expect(page.locator("#count")).to_have_text(str(LISTED + 4))
