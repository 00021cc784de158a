"""Every option that is declared reaches ffmpeg, in every format that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


Feed = Callable[[bytes], None]


class _NotRunError(Exception):
    """The conversion's command was read instead of being run."""


class Commands:
    """What the real converter would run for an output: headers are read by ffmpeg, conversions are not run."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._last: Sequence[str] = ()
        self._probes: dict[tuple[str, ...], tuple[int, bytes, bytes]] = {}
        for module in (converter, runs):
            monkeypatch.setattr(module, "run", self._run_probes_only)

    async def of(self, spec: OutputSpec) -> Sequence[str]:
        """Without descriptors, whose numbers may differ; nothing where the source lacks what is asked for."""
        self._last = []
        with pytest.raises((_NotRunError, InvalidMessageError)):
            await converted(sound("plain.wav"), self._directory, spec)
        return _without_descriptors(self._last)

    async def _run_probes_only(self, command: Sequence[str], *, on_output: Feed, on_log: Feed, **how: Any) -> int:
        """What a probe has said of the source it would say again: each is run once."""
        if "-progress" in command:
            self._last = command
            raise _NotRunError
        key = tuple(_without_descriptors(command))
        if key not in self._probes:
            output, log = bytearray(), bytearray()
            code = await run(command, on_output=output.extend, on_log=log.extend, **how)
            self._probes[key] = code, bytes(output), bytes(log)
        code, said, logged = self._probes[key]
        on_output(said)
        on_log(logged)
        return code


def _without_descriptors(command: Sequence[str]) -> list[str]:
    return [word for before, word in zip(["", *command], command, strict=False) if before != "-fd"]


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
