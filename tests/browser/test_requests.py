"""What `jobs.js` and the page make of requests that cannot be sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.gateway import GatewayProcess

PLACES = """async (token) => {
    const { Jobs } = await import("/page/jobs.js");
    return new Jobs({ token }).places().then(() => 200, (error) => error.status);
}"""
SUBMIT_NO_JSON = """async () => {
    const { Jobs } = await import("/page/jobs.js");
    return new Jobs().submit({ source: 1n }).then(() => null, (error) => error.name);
}"""
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
