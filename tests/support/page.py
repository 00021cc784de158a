"""What a person does with the gateway's page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page


def open_page(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.locator("#outputs fieldset").first.wait_for()
    return page


def drop(page: Page, paths: Sequence[Path]) -> None:
    """Drop files and folders as a desktop does: a DataTransfer that a script makes has no folders."""
    page.locator("#drop").scroll_into_view_if_needed()
    box = page.locator("#drop").bounding_box()
    assert box is not None
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 10}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
    devtools.detach()


def job(page: Page, name: str, *, status: str | None = None) -> Locator:
    """The entry in the page's list of jobs whose title is that name."""
    state = "" if status is None else f'[data-status="{status}"]'
    return page.locator(f".job{state}").filter(has=page.get_by_role("heading", name=name, exact=True))
