"""Ten messages from before there were more options, and what they were converted to then: they mean the same now."""

from __future__ import annotations

import hashlib
import json
import platform
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversions import converted
from tests.support.samples import RATE_HZ, a_wav, tones
from worker.adapters.disk import read_artifact
from worker.application.messages.message import parse_job, to_body

# Each is the options of its outputs, and the SHA-256 of what is delivered. Encoders of lossy formats compute with
# floats, which other processors round otherwise.
_MESSAGES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "an MP3 as it comes": ([{"format": "mp3"}], ["a237fef3968a21d04d6d223da73c68f402ba788ac1fea5929d84cb90bf4a6c58"]),
    "an MP3 and an Opus": (
        [{"format": "mp3", "bitrate_kbps": 192}, {"format": "opus", "bitrate_kbps": 64, "channels": 1}],
        [
            "d2e27c996a98f55462e75fedc759ff1d760eb5c151f8923c4feace2641a92001",
            "95ac591b3c8c6d2456272cb6cd39a3783aaaff35fa50f07167d8a16974cf340f",
        ],
    ),
    "all options null": (
        [{"format": "flac", "bitrate_kbps": None, "sample_rate_hz": None, "channels": None}],
        ["79179d70b365aea0b767c9c774f40786211e8103ef08f12d46175e2029646ada"],
    ),
    "a mono WAV for transcription": (
        [{"format": "wav", "sample_rate_hz": 16000, "channels": 1}],
        ["6bc1e864b3cd777ebdd16ffd3b4366e54efb64083fe2f4cf3c24014c76850583"],
    ),
    "AAC in MP4 and in ADTS": (
        [{"format": "m4a", "bitrate_kbps": 128}, {"format": "aac", "channels": 1}],
        [
            "f4236e433a2417d4c1c2d0a8dd89d109b04966cd55039a599e1790125cb4108c",
            "f67362f607298d39ef456cc713db811a3679d1dcc2a339f1e53ac1f318671287",
        ],
    ),
    "two lossless formats": (
        [{"format": "alac"}, {"format": "wav"}],
        [
            "0d02766bf553b33b1919bb4bc6f0c83539f3006170d62e112b82766c13441c75",
            "d6c0f4b0a83e0d08c499f843ad77ec1febbd6add5419d2b49f740d849f7ed9d9",
        ],
    ),
    "Vorbis with a bitrate": (
        [{"format": "ogg", "bitrate_kbps": 96, "sample_rate_hz": 44100}],
        ["3d7e1efe97238357823e2dd2aead24139cc80c9b7d832f11165dd79cecaf6de6"],
    ),
    "Vorbis at a rate without bitrates": (
        [{"format": "ogg", "sample_rate_hz": 96000}],
        ["38fcb3960400567a85d24aad8700499f2e52397b973769f2d0404a2400583e67"],
    ),
    "WebM for a browser": (
        [{"format": "webm", "bitrate_kbps": 32, "sample_rate_hz": 24000}],
        ["0fc3e56f1ba8ce1290df8e59c6f84c905b2f725e72b75221a4168030f2a8f949"],
    ),
    "stereo of six channels": (
        [{"format": "flac", "channels": 2}, {"format": "mp3", "sample_rate_hz": 22050}],
        [
            "6091b613bbffddff83d7b976aa135be1a36ceb956a8f80a69a284bf6db36b4a9",
            "f1971dce14b6190811023e8e7213ceb30e856c28e8f3e5705d08285e82bced2a",
        ],
    ),
}


def a_source(directory: Path, name: str) -> Path:
    """A tone in each of two channels, or of six; silence ends it."""
    frequencies = [440, 1000, 1300, 80, 1600, 1900] if "six" in name else [440, 1000]
    samples = tones(frequencies, seconds=1.5) + array("h", [0] * (len(frequencies) * RATE_HZ // 10))
    return a_wav(directory / "source.wav", samples, len(frequencies), mask=0x3F if "six" in name else 0x3)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the digests were taken on x86-64")
@pytest.mark.parametrize("name", _MESSAGES)
async def test_an_old_message_has_the_outputs_that_it_always_had(name: str, tmp_path: Path) -> None:
    options, digests = _MESSAGES[name]
    outputs = [{"target": f"s3://podcasts-out/{number}", **given} for number, given in enumerate(options)]
    job = parse_job(json.dumps({"job_id": "old", "source": "s3://podcasts-in/source.wav", "outputs": outputs}))

    artifacts = await converted(a_source(tmp_path, name), tmp_path, *job.outputs)

    contents = [read_artifact(artifact, 0, artifact.size_bytes) for artifact in artifacts]
    assert [hashlib.sha256(content).hexdigest() for content in contents] == digests


@pytest.mark.parametrize("name", _MESSAGES)
def test_an_old_message_is_kept_beside_its_record_as_it_was(name: str) -> None:
    given = [{name: value for name, value in each.items() if value is not None} for each in _MESSAGES[name][0]]
    outputs = [{"target": f"s3://podcasts-out/{number}", **each} for number, each in enumerate(given)]
    document = {"job_id": "old", "source": "s3://podcasts-in/source.wav", "outputs": outputs}

    assert json.loads(to_body(parse_job(json.dumps(document)))) == document
