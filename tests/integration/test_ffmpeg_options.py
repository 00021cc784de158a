"""Every option that is declared reaches ffmpeg, in every format that has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.support.conversions import converted
from tests.support.sounds import sound
from tests.support.strategies import ends_for
from worker.adapters.ffmpeg import converter, runs
from worker.adapters.ffmpeg.process import run
from worker.domain.audio import FORMATS, AudioFormat
from worker.domain.declaration import Option, options_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import ObjectLocation, OutputSpec
from worker.domain.limits import Range
from worker.domain.tags.writing import WRITTEN_HERE

# What we write from what ffmpeg has made: test_tags_of_messages.py, test_metadata_options.py and
# test_ffmpeg_waveforms.py show each of them.
_WRITTEN_BEHIND = {
    **dict.fromkeys(WRITTEN_HERE, frozenset({"tags", "keep_tags", "cover"})),
    **dict.fromkeys((AudioFormat.WAV, AudioFormat.AIFF), frozenset({"cover"})),
    AudioFormat.WAVEFORM: frozenset({"bits", "width", "height"}),
}
TARGET = ObjectLocation("podcasts-out", "ep-0142")


class _NotRunError(Exception):
    """The conversion's command was read instead of being run."""


class Commands:
    """What the real converter would run for an output: headers are read by ffmpeg, conversions are not run."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._last: Sequence[str] = ()
        for module in (converter, runs):
            monkeypatch.setattr(module, "run", self._run_probes_only)

    async def of(self, spec: OutputSpec) -> Sequence[str]:
        """Without descriptors, whose numbers may differ; nothing where the source lacks what is asked for."""
        self._last = []
        with pytest.raises((_NotRunError, InvalidMessageError)):
            await converted(sound("plain.wav"), self._directory, spec)
        return [word for before, word in zip(["", *self._last], self._last, strict=False) if before != "-fd"]

    async def _run_probes_only(self, command: Sequence[str], **how: Any) -> Any:
        if "-progress" not in command:
            return await run(command, **how)
        self._last = command
        raise _NotRunError


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(tmp_path, monkeypatch)


async def unused_options(kind: type[OutputSpec], formats: Iterable[AudioFormat], commands: Commands) -> list[str]:
    """Each `format.option` that is declared, and whose value makes no difference to ffmpeg's command."""
    unused = []
    for audio_format in formats:
        plain = await commands.of(kind(TARGET, audio_format))
        for name, (member, option) in options_of(kind).items():
            limits = option.limits(FORMATS[audio_format])
            if limits is not None and name not in _WRITTEN_BEHIND.get(audio_format, frozenset()):
                asked = [
                    await commands.of(kind(TARGET, audio_format, **{name: end})) for end in ends_for(member, limits)
                ]
                if all(each == plain for each in asked):
                    unused.append(f"{audio_format}.{name}")
    return unused


async def test_every_declared_option_changes_what_ffmpeg_is_given(commands: Commands) -> None:
    assert await unused_options(OutputSpec, AudioFormat, commands) == []


@dataclass(frozen=True, slots=True)
class WithUnusedOption(OutputSpec):
    """An output with an option that the converter knows nothing of."""

    gain_db: Annotated[int | None, Option("A new option.", lambda _: Range(1, 9))] = None


async def test_an_option_that_is_declared_and_not_used_is_noticed(commands: Commands) -> None:
    assert await unused_options(WithUnusedOption, [AudioFormat.MP3], commands) == ["mp3.gain_db"]
