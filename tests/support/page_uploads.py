"""Uploads that the gateway's page sends in parts: those on their way, and what has come of them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import BrowserContext, Page, Route

from tests.support.page import job
from tests.support.stack import Stack, wait_for

MIB = 1024**2


class Parts:
    """The parts that pages send. Those in `lost` do not arrive, and those in `held` stay on the way."""

    def __init__(self, context: BrowserContext) -> None:
        self.arrived: list[int] = []
        self.lost: list[int] = []  # each entry is for one try
        self.held: set[int] = set()
        self.waiting: list[Route] = []
        context.route("**/*partNumber=*", self._judge)

    def _judge(self, route: Route) -> None:
        if route.request.method != "PUT":
            route.continue_()
            return
        number = int(parse_qs(urlsplit(route.request.url).query)["partNumber"][0])
        if number in self.lost:
            self.lost.remove(number)
            route.abort("connectionreset")
        elif number in self.held:
            self.waiting.append(route)
        else:
            self.arrived.append(number)
            route.continue_()

    def wait_for(self, page: Page, numbers: list[int]) -> None:
        """Wait until these parts have been sent on. Playwright calls the route only within a call of its own."""
        wait_for(lambda: (page.title() and sorted(self.arrived) == numbers) or None, f"the parts {numbers}")

    def wait_for_held(self, page: Page, count: int) -> None:
        """Wait until so many parts are held."""
        wait_for(lambda: (page.title() and len(self.waiting) == count) or None, f"{count} held parts")

    def release(self) -> None:
        """Let the held parts arrive, as far as their page still waits for them."""
        self.held = set()
        while self.waiting:
            self.waiting.pop(0).continue_()


def uploaded(stack: Stack, page: Page, name: str) -> bytes:
    """What lies at the source of the job."""
    entry = job(page, name, status="queued")
    entry.get_by_text("Details").click()
    source = entry.locator("dd").first.text_content()
    assert source is not None
    body: bytes = stack.aws["s3"].get_object(Bucket=stack.sources, Key=source.split("/", 3)[3])["Body"].read()
    return body


def held_by_s3(stack: Stack) -> list[int]:
    """The parts of the only upload in parts that S3 holds. The bar of the page is ahead: it counts what was sent."""
    s3 = stack.aws["s3"]
    (upload,) = s3.list_multipart_uploads(Bucket=stack.sources)["Uploads"]
    parts = s3.list_parts(Bucket=stack.sources, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts", [])
    return [part["PartNumber"] for part in parts]


def kept(page: Page) -> list[str]:
    """The names under which the browser keeps uploads that have begun."""
    names: list[str] = page.evaluate("() => Object.keys(localStorage).filter((key) => key.startsWith('audio-upload'))")
    return names
