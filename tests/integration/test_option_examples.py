"""The examples of docs/options.md are converted, and name every option."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from docs.option_examples import EXAMPLES
from tests.support.conversions import converted, delivered
from tests.support.hls import published
from tests.support.samples import a_wav, tones
from tests.support.sounds import listen
from tests.support.waveforms import read_json, read_png
from worker.application.messages.message import parse_job
from worker.domain.audio import AudioFormat
from worker.domain.declaration import options_of
from worker.domain.job import OutputSpec

_READERS: Mapping[str, Callable[[bytes], object]] = {"application/json": read_json, "image/png": read_png}


def test_every_option_has_an_example() -> None:
    assert set(options_of(OutputSpec)) <= {name for _, output in EXAMPLES for name in output}


@pytest.mark.parametrize("output", [output for _, output in EXAMPLES], ids=[meaning for meaning, _ in EXAMPLES])
async def test_an_example_becomes_an_output_that_can_be_used(output: Mapping[str, Any], tmp_path: Path) -> None:
    source = a_wav(tmp_path / "source.wav", tones([440, 1000], seconds=2), 2)
    job = parse_job(json.dumps({"job_id": "ep", "source": "s3://podcasts-in/ep.wav", "outputs": [output]}))

    (artifact,) = await converted(source, tmp_path, *job.outputs)

    if job.outputs[0].format is AudioFormat.REPORT:
        # Two tones of -12 dBFS, by ffmpeg's own measuring; the part has one second.
        found = json.loads(artifact.path.read_bytes())
        assert found["loudness"]["integrated_lufs"] == pytest.approx(-11.9, abs=0.5)
        assert (found["clipped_samples"], found["silences"]) == (0, [])
        assert artifact.duration_seconds == 1
        return
    if reader := _READERS.get(job.outputs[0].content_type):
        assert reader(artifact.path.read_bytes())
        return
    spec = job.outputs[0]
    heard = listen(published(spec, artifact, tmp_path / "stream") if artifact.streams else delivered(artifact))
    assert heard.seconds == pytest.approx(artifact.duration_seconds, abs=0.01)
    assert heard.level_db > -40
