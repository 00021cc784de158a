"""Whether an output can have the options that it asks for: by its format, and beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from worker.domain.audio import FORMATS
from worker.domain.declaration import options_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import OutputSpec
from worker.domain.joining import SourcePart
from worker.domain.stream_layout import MAX_TARGET_BYTES


def check_output(output: OutputSpec, path: str) -> None:
    """Raises InvalidMessageError about the first option that the output cannot have."""
    check_options(output, path)
    _check_ending(output, path)
    check_span(output, path)


def check_options(output: OutputSpec, path: str) -> None:
    """Raises InvalidMessageError about the first option that the output's format cannot have."""
    rules = FORMATS[output.format]
    options = options_of(type(output))
    given = {name: value for name in options if (value := getattr(output, name)) != options[name][0].default}
    for name, value in given.items():
        option = options[name][1]
        limits = option.limits(rules)
        if limits is None:
            reason = f", {option.unavailable}" if option.unavailable and rules.is_sound else ""
            raise InvalidMessageError(f"{path}.{name}", f"cannot be chosen for {output.format}{reason}")
        if problem := limits.problem_with(value):
            raise InvalidMessageError(f"{path}.{name}", f"{problem} for {output.format}")
    for name, value in given.items():
        for companion in options[name][1].companions:
            if companion.name not in given or companion.given not in {None, value}:
                continue
            limits = companion.limits(rules)
            if limits is not None and not limits.allows(given[companion.name]):
                chosen = "" if companion.given is None else f"{value} "
                problem = f"{chosen}can be chosen for {output.format} only {limits.beside(companion.name)}"
                raise InvalidMessageError(f"{path}.{name}", problem)


def _check_ending(output: OutputSpec, path: str) -> None:
    """Check the end of the target. For a waveform it chooses the form, which has options of its own.

    The target of a stream is a prefix. Raises InvalidMessageError.
    """
    rules, key = FORMATS[output.format], output.target.key
    if rules.is_segmented:
        _check_prefix(key, path, output.format)
    elif rules.is_waveform and output.extension not in rules.extensions:
        raise InvalidMessageError(f"{path}.target", f"must end with {_one_of(rules.extensions)} for {output.format}")
    for name, (member, option) in options_of(type(output)).items():
        if option.extensions and getattr(output, name) != member.default and output.extension not in option.extensions:
            ends = f"only with a target that ends with {_one_of(option.extensions)}"
            raise InvalidMessageError(f"{path}.{name}", f"can be chosen for {output.format} {ends}")


def _check_prefix(key: str, path: str, name: str) -> None:
    if not key.endswith("/"):
        raise InvalidMessageError(f"{path}.target", f"must end with / for {name}: it is a prefix of several objects")
    if len(key.encode()) > MAX_TARGET_BYTES:
        raise InvalidMessageError(f"{path}.target", f"must have at most {MAX_TARGET_BYTES} bytes in UTF-8 for {name}")


def _one_of(extensions: Sequence[str]) -> str:
    *others, last = (f".{each}" for each in extensions)
    return f"{', '.join(others)} or {last}" if others else last


def check_span(cut: OutputSpec | SourcePart, path: str) -> None:
    """Check a cut. Raises InvalidMessageError where its end is not after its beginning."""
    if cut.end_seconds is not None and cut.end_seconds <= (cut.start_seconds or 0):
        raise InvalidMessageError(
            f"{path}.end_seconds", "must be above start_seconds, which is 0 where it is left out"
        )
