"""What `jobs.js` and the page make of requests that cannot be sent, and of answers that are lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.gateway import GatewayProcess
from tests.support.records import a_record, completed

PLACES = """async (token) => {
    const { Jobs } = await import("/page/jobs.js");
    return new Jobs({ token }).places().then(() => 200, (error) => error.status);
}"""
SUBMIT = """async (id) => {
    const { Jobs } = await import("/page/jobs.js");
    const message = { job_id: id, source: "s3://in/a.wav", outputs: [] };
    return new Jobs().submit(message).then((record) => record.status, (error) => error.status);
}"""
SUBMIT_NO_JSON = """async () => {
    const { Jobs } = await import("/page/jobs.js");
    return new Jobs().submit({ source: 1n }).then(() => null, (error) => error.name);
}"""
DONE = completed(a_record(), 2)
EXISTS = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "exists", "record": DONE.to_dict()}
ODD_TOKENS = ["open-sesame\u200b", "“open-sesame”", "open\nsesame"]


@pytest.mark.parametrize("token", ODD_TOKENS)
def test_a_token_that_no_header_can_carry_is_one_that_the_gateway_does_not_know(page: Page, token: str) -> None:
    assert page.evaluate(PLACES, token) == 401


def test_spaces_around_a_token_do_not_count(page: Page) -> None:
    assert page.evaluate(PLACES, " open-sesame\n") == 200


def test_the_page_asks_again_for_a_token_that_no_header_can_carry(
    context: BrowserContext, start_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = start_gateway(WORKER_SERVE_TOKEN="open-sesame")
    page = context.new_page()
    page.goto(gateway.url)
    for token in ODD_TOKENS[:2]:
        page.get_by_label("Token", exact=True).fill(token)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("The gateway does not know this token.")).to_be_visible()

    page.get_by_label("Token", exact=True).fill("open-sesame")
    page.get_by_role("button", name="Continue").click()

    expect(page.locator("#outputs fieldset").first).to_be_visible()


def test_a_message_that_is_no_json_is_an_error_of_the_caller_and_not_tried_again(page: Page) -> None:
    assert page.evaluate(SUBMIT_NO_JSON) == "TypeError"


@pytest.mark.parametrize(
    ("first", "seen"),
    [
        (None, "completed"),  # no answer
        (504, "completed"),  # of a proxy
        (429, 409),  # the gateway has not read it
        (409, 409),
    ],
)
def test_a_submission_whose_answer_is_lost_is_not_in_its_own_way(page: Page, first: int | None, seen: Any) -> None:
    answers = [first]

    def answer(route: Route) -> None:
        status = answers.pop() if answers else 409
        if status is None:
            route.abort("connectionreset")
        else:
            body = json.dumps(EXISTS if status == 409 else {})
            route.fulfill(status=status, content_type="application/problem+json", body=body)

    page.route("**/jobs", answer)

    assert page.evaluate(SUBMIT, DONE.job_id) == seen
    assert answers == []
