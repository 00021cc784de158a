"""The page names outputs with the endings that the formats declare, but for those in `_OTHERS`."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

from worker.application.messages.message import parse_job
from worker.domain.audio import FORMATS, AudioFormat

_FOLDER = "s3://podcasts-out/job/"

# Each target alone, by its format: two of them may have one name. The formats are those of the served schema.
_ALONE = """async (folder) => {
    const { Jobs } = await import("/page/jobs.js");
    const { OutputSchema, withTargets } = await import("/page/outputs.js");
    const schema = new OutputSchema(await new Jobs().messageSchema(), {});
    const targetOf = (format) => withTargets([{ format }], schema, folder, "talk.wav")[0].target;
    return Object.fromEntries(schema.formats.map((format) => [format, targetOf(format)]));
}"""
_TOGETHER = """async (folder) => {
    const { Jobs } = await import("/page/jobs.js");
    const { OutputSchema, withTargets } = await import("/page/outputs.js");
    const schema = new OutputSchema(await new Jobs().messageSchema(), {});
    return withTargets(schema.formats.map((format) => ({ format })), schema, folder, "talk.wav");
}"""

_OTHERS = {
    AudioFormat.ALAC: ".m4a",  # what players know; `.alac` is how a target says the format, and here `format` does
    AudioFormat.WAVEFORM: ".png",  # of its three forms the one to look at
    AudioFormat.HLS: "-hls/",  # the prefix lies beside the files of other outputs
}


def test_each_format_has_the_first_ending_that_it_declares_or_one_with_a_reason(page: Page) -> None:
    declared = {name: rules.endings[0] for name, rules in FORMATS.items()}

    named = page.evaluate(_ALONE, _FOLDER)

    assert named == {name: f"{_FOLDER}talk{ending}" for name, ending in (declared | _OTHERS).items()}


def test_a_job_with_an_output_of_each_format_is_one_that_the_gateway_takes(page: Page) -> None:
    outputs: list[dict[str, Any]] = page.evaluate(_TOGETHER, _FOLDER)

    job = parse_job(json.dumps({"job_id": "job", "source": "s3://podcasts-in/talk.wav", "outputs": outputs}))

    assert [output.format for output in job.outputs] == list(AudioFormat)
