"""A person converts files on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import mutagen.flac
import mutagen.mp3
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.gateway import GatewayProcess
from tests.support.page import drop, job, open_page
from tests.support.sounds import silence, sound
from tests.support.stack import Stack, wait_for
from tests.support.worker_process import WorkerProcess
from worker.demo import servers

Keep = Callable[[Page, str], None]


def a_file(directory: Path, name: str, seconds: float = 1.0) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(silence(seconds))
    return path


def id_of(page: Page, name: str) -> str:
    identifier: str | None = job(page, name).get_attribute("id")
    assert identifier is not None
    return identifier.removeprefix("job-")


def test_files_and_a_folder_that_are_dropped_become_outputs_that_can_be_played_and_downloaded(
    page: Page, stack: Stack, worker: WorkerProcess, tmp_path: Path, keep_screenshot: Keep
) -> None:
    a_file(tmp_path, "album/one.wav")
    a_file(tmp_path, "album/deep/two.wav")
    a_file(tmp_path, "album/.hidden.wav")
    single = a_file(tmp_path, "ä & 'single'.wav")

    drop(page, [single, tmp_path / "album"])

    for name in ("one.wav", "two.wav", single.name):
        expect(job(page, name, status="completed")).to_be_visible()
    expect(page.locator(".job")).to_have_count(3)
    done = job(page, single.name)
    done.get_by_text("Outputs and details").click()
    expect(done.get_by_text("ä & 'single'.mp3", exact=True)).to_be_visible()
    assert done.locator(".result > *").evaluate_all("each => each.map(one => one.tagName)") == ["UL", "DL"]
    done.get_by_role("button", name="Play").click()
    player = done.locator("audio")
    wait_for(lambda: player.evaluate("each => each.readyState >= 1 && each.duration > 0.5") or None, "a sound")
    with page.expect_download() as download:
        done.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "ä & 'single'.mp3"
    assert download.value.path().read_bytes() == stack.output(f"made/{id_of(page, single.name)}/ä & 'single'.mp3")
    keep_screenshot(page, "completed")


def test_a_bar_goes_on_while_redis_is_killed_and_says_where_it_reads_from(
    page: Page, worker: WorkerProcess, own_redis: servers.Server, tmp_path: Path, keep_screenshot: Keep
) -> None:
    drop(page, [a_file(tmp_path, "broadcast.wav", 60.0)])
    running = job(page, "broadcast.wav", status="running")
    expect(running.get_by_text("converting")).to_be_visible()
    expect(page.locator("#store-text")).to_have_text("Progress is read from Redis.")
    bar = running.locator("progress")
    wait_for(lambda: float(bar.get_attribute("value") or 0) > 5 or None, "some progress")

    own_redis.kill()
    try:
        expect(page.locator("#store-text")).to_contain_text("Redis is out of reach since")
        expect(running.get_by_text("read from DynamoDB")).to_be_visible()
        seen = float(bar.get_attribute("value") or 0)
        keep_screenshot(page, "outage")
        wait_for(lambda: float(bar.get_attribute("value") or 0) > seen or None, "more progress")
    finally:
        own_redis.start()

    expect(page.locator("#store-text")).to_have_text("Progress is read from Redis.")
    expect(job(page, "broadcast.wav", status="completed")).to_be_visible(timeout=40_000)


def test_a_job_is_cancelled_and_tried_again(page: Page, worker: WorkerProcess, tmp_path: Path) -> None:
    drop(page, [a_file(tmp_path, "long.wav", 200.0)])
    expect(job(page, "long.wav", status="running")).to_be_visible()

    page.get_by_role("button", name="Cancel long.wav").click()

    cancelled = job(page, "long.wav", status="cancelled")
    expect(cancelled).to_be_visible()
    expect(cancelled.locator(".error code")).to_have_text("cancelled")
    cancelled.get_by_role("button", name="Try long.wav again").click()
    expect(job(page, "long.wav", status="running")).to_contain_text("run 2")
    page.get_by_role("button", name="Cancel long.wav").click()
    expect(job(page, "long.wav", status="cancelled")).to_be_visible()


def test_the_link_of_a_job_shows_it_after_a_reload_and_in_another_window(
    page: Page, context: BrowserContext, worker: WorkerProcess, tmp_path: Path
) -> None:
    drop(page, [a_file(tmp_path, "kept.wav")])
    expect(job(page, "kept.wav", status="completed")).to_be_visible()
    page.get_by_role("link", name=id_of(page, "kept.wav")).click()

    page.reload()

    expect(job(page, "kept.wav").locator("details")).to_have_attribute("open", "")
    other = open_page(context, page.url)
    expect(job(other, "kept.wav", status="completed").locator("details")).to_have_attribute("open", "")


def test_a_source_that_is_no_audio_fails_in_words_and_with_the_code(
    page: Page, worker: WorkerProcess, tmp_path: Path, keep_screenshot: Keep
) -> None:
    (tmp_path / "notes.wav").write_text("these are only words " * 100)

    drop(page, [tmp_path / "notes.wav"])

    failed = job(page, "notes.wav", status="failed")
    expect(failed.locator(".error")).to_contain_text("the source is not audio of a format that can be read")
    expect(failed.locator(".error code")).to_have_text("unsupported_audio")
    keep_screenshot(page, "failed")


def test_the_form_has_the_options_of_the_schema_for_each_format_and_sends_them(
    page: Page, stack: Stack, worker: WorkerProcess, tmp_path: Path, keep_screenshot: Keep
) -> None:
    first = page.locator("fieldset.output").first
    first.get_by_text("Options").click()
    first.get_by_label("Bitrate (kbit/s)").fill("32")
    first.get_by_label("Tags", exact=True).fill("title: Größe <b>\nartist: Ana")
    first.get_by_label("Target (LUFS)").fill("-20")
    page.get_by_role("button", name="Add another output").click()
    second = page.locator("fieldset.output").nth(1)
    second.get_by_label("Format of output 2").select_option("flac")
    second.get_by_text("Options").click()
    expect(second.get_by_label("Bitrate (kbit/s)")).to_have_count(0)
    second.get_by_label("Channels").fill("1")
    keep_screenshot(page, "options")

    drop(page, [a_file(tmp_path, "a.wav")])

    completed = job(page, "a.wav", status="completed")
    completed.locator("summary").click()
    expect(completed).to_contain_text("too quiet to be measured")
    folder = tmp_path / "outputs"
    folder.mkdir()
    for name in ("a.mp3", "a.flac"):
        (folder / name).write_bytes(stack.output(f"made/{id_of(page, 'a.wav')}/{name}"))
    mp3 = mutagen.mp3.MP3(folder / "a.mp3")
    assert mp3.info.bitrate == 32_000
    assert [str(mp3.tags[frame]) for frame in ("TIT2", "TPE1")] == ["Größe <b>", "Ana"]
    assert mutagen.flac.FLAC(folder / "a.flac").info.channels == 1
    page.reload()
    expect(page.locator("fieldset.output").first.get_by_label("Bitrate (kbit/s)")).to_have_value("32")


def test_a_tag_may_hold_the_line_separators_of_unicode(page: Page, worker: WorkerProcess, tmp_path: Path) -> None:
    first = page.locator("fieldset.output").first
    first.get_by_text("Options").click()
    first.get_by_label("Tags", exact=True).fill("title: a\u2028b\ncomment: \u2029c\nartist")
    with page.expect_request(lambda asked: asked.method == "POST" and asked.url.endswith("/jobs")) as submitted:
        drop(page, [a_file(tmp_path, "separated.wav")])

    message = json.loads(submitted.value.post_data or "")
    assert message["outputs"][0]["tags"] == {"title": "a\u2028b", "comment": "c", "artist": None}
    expect(job(page, "separated.wav", status="completed")).to_be_visible()


def test_a_group_of_options_is_turned_on_with_all_its_defaults(
    page: Page, worker: WorkerProcess, tmp_path: Path
) -> None:
    first = page.locator("fieldset.output").first
    first.get_by_text("Options").click()
    trim = first.get_by_role("group", name="Trim silence")
    trim.get_by_label("On", exact=True).check()
    with page.expect_request(lambda asked: asked.method == "POST" and asked.url.endswith("/jobs")) as submitted:
        drop(page, [a_file(tmp_path, "trimmed.wav")])

    message = json.loads(submitted.value.post_data or "")
    assert message["outputs"] == [{"format": "mp3", "trim_silence": {}, "target": message["outputs"][0]["target"]}]
    page.reload()
    first.get_by_text("Options").click()
    expect(trim.get_by_label("On", exact=True)).to_be_checked()
    trim.get_by_role("button", name="Clear Trim silence").click()
    expect(trim.get_by_label("On", exact=True)).not_to_be_checked()


def test_the_picture_of_a_waveform_is_shown_beside_its_job(
    page: Page, worker: WorkerProcess, tmp_path: Path, keep_screenshot: Keep
) -> None:
    page.get_by_label("Format of output 1").select_option("waveform")
    page.locator("fieldset.output").get_by_text("Options").click()
    page.get_by_label("Width").fill("640")

    drop(page, [a_file(tmp_path, "drawn.wav")])

    done = job(page, "drawn.wav", status="completed")
    expect(done).to_be_visible()
    done.get_by_text("Details").click()
    picture = done.get_by_role("img", name="Waveform of drawn.wav")
    expect(picture).to_be_visible()
    size = "each => each.complete && [each.naturalWidth, each.naturalHeight]"
    assert wait_for(lambda: picture.evaluate(size) or None, "the picture") == [640, 140]
    keep_screenshot(page, "waveform")


def test_a_preset_is_chosen_by_its_name_and_its_format_names_the_output(
    page: Page, stack: Stack, worker: WorkerProcess, tmp_path: Path
) -> None:
    page.get_by_label("Format of output 1").select_option(value="preset:voice-message")

    drop(page, [a_file(tmp_path, "preset.wav")])

    expect(job(page, "preset.wav", status="completed")).to_be_visible()
    [output] = stack.final_record(id_of(page, "preset.wav"))["outputs"]
    assert output["target"].endswith("/preset.opus")


def test_what_the_gateway_refuses_is_said_beside_the_field_and_the_file_can_be_tried_again(
    page: Page, worker: WorkerProcess, tmp_path: Path
) -> None:
    page.locator("fieldset.output").get_by_text("Options").click()
    bitrate = page.get_by_label("Bitrate (kbit/s)")
    bitrate.fill("9000")
    drop(page, [a_file(tmp_path, "wrong.wav")])
    expect(bitrate).to_have_attribute("aria-invalid", "true")
    expect(job(page, "wrong.wav", status="failed").locator(".error")).to_contain_text("bitrate_kbps")

    bitrate.fill("128")
    page.get_by_role("button", name="Upload wrong.wav again").click()

    expect(job(page, "wrong.wav", status="completed")).to_be_visible()


def test_names_errors_and_tags_are_shown_as_text_whatever_they_hold(
    page: Page, worker: WorkerProcess, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)>'\"&amp;.wav"
    path = tmp_path / name.replace("/", "")
    path.write_text("<script>alert(1)</script>" * 50)

    drop(page, [path])

    failed = job(page, path.name, status="failed")
    failed.get_by_text("Details").click()
    expect(failed.get_by_role("heading")).to_have_text(path.name)
    expect(failed.locator("dd").first).to_contain_text(path.name)
    assert page.locator("img, script:not([src])").count() == 0


def test_a_gateway_with_a_token_asks_for_it_once_a_tab(
    context: BrowserContext,
    start_gateway: Callable[..., GatewayProcess],
    stack: Stack,
    worker: WorkerProcess,
    tmp_path: Path,
) -> None:
    gateway = start_gateway(
        WORKER_SERVE_TOKEN="open-sesame",
        WORKER_SERVE_SOURCE=f"s3://{stack.sources}/",
        WORKER_SERVE_TARGET=f"s3://{stack.targets}/",
    )
    page = context.new_page()
    page.goto(gateway.url)
    for token in ("wrong", "open-sesame"):
        page.get_by_label("Token", exact=True).fill(token)
        page.get_by_role("button", name="Continue").click()
    drop_ready = page.locator("#outputs fieldset").first
    drop_ready.wait_for()

    drop(page, [a_file(tmp_path, "secret.wav")])

    done = job(page, "secret.wav", status="completed")
    done.get_by_text("Details").click()
    with page.expect_download():
        done.get_by_role("link", name="Download").click()
    page.reload()
    expect(job(page, "secret.wav", status="completed")).to_be_visible()
    assert re.search(r"open-sesame", page.content()) is None


def test_files_can_be_chosen_instead_of_dropped(page: Page, worker: WorkerProcess) -> None:
    page.locator("#files").set_input_files(sound("plain.wav"))

    expect(job(page, "plain.wav", status="completed")).to_be_visible()
