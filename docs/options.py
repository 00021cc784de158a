"""The page on formats and options."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from docs.option_examples import EXAMPLES
from worker.application.messages.codec import is_text, name_of
from worker.application.messages.presets import BUILT_IN
from worker.domain.audio import FORMATS, FormatSpec
from worker.domain.declaration import Field, Member, Option, members_of, options_of
from worker.domain.job import OutputSpec
from worker.domain.limits import ANYTHING
from worker.domain.loudness import Loudness
from worker.domain.report import MAX_SILENCES, SHORTEST_SILENCE_SECONDS, SILENCE_DBFS, Report
from worker.domain.source_format import SourceFormat

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]

_REPORT = Report(
    SourceFormat("wav", "pcm_s16le", 44_100, 2, 16, 200.0),
    {"TITLE": ("Épisode 142",), "ALBUMARTIST": ("The Show",), "TRACKNUMBER": ("142",)},
    Loudness(-19.4, 6.1, -0.2),
    clipped_samples=3,
    silences=[(0.0, 0.75), (198.5, 200.0)],
)

OPTIONS_PAGE = """\
# Output formats and options

<!-- Written by docs/options.py from worker/domain/audio.py and worker/domain/output.py. -->

What an output of a [message](messages.md) may ask for.
An option may be left out or be `null`; one that its format does not have is refused with the name of the field.
`worker submit` has a flag for each, such as `--{flag}`.
The same rules as a JSON Schema: [message.schema.json](schemas/message.schema.json), or `worker schema message`.

## Formats

{formats}

The default bitrate is for each channel, in kbit/s.

An `alac` target may end with `.m4a`, which more players open.
`worker submit` then needs `--format alac`: by itself, `.m4a` stands for `m4a`.

The end of a waveform's target says what it is.
`.json` and `.dat` are the two forms of [audiowaveform's data][data], version 2, and `.png` is a picture.
The data has the lowest and the highest sample of each point, of each channel that the source has.
With `"channels": 1` it has those of their mix.
A point has a whole number of samples, which stands in the data:
the sample rate divided by `points_per_second`, rounded down.
The picture has all channels in one, from their lowest sample to their highest, on a transparent background.

A stream (`hls`, [RFC 8216][hls]) has a prefix for its target, which ends with `/`.
`master.m3u8` beneath it is written last: nobody sees a stream of which something is missing.
It names a playlist for each of `bitrates_kbps`, and each playlist names its segments: fragmented MP4, which today's
players read, with one header for all (`EXT-X-MAP`) and an edit list by which they leave out what the encoder puts in
front.
Playlists and segments lie in a directory of the attempt, which lies in a directory of the job. So a second job to the
same target replaces `master.m3u8` and nothing else.
No other target, source or cover of the job may be `master.m3u8` or lie in the job's directory. It may lie beside them.
In the record, `bytes` is the sum of all objects, and `sha256` that of `master.m3u8`.
`loudness` is reached in each bitrate by itself; the record has what was measured in the first.

[data]: https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
[hls]: https://www.rfc-editor.org/rfc/rfc8216

### Reports

A report says what a source is and what its sound is like. It changes nothing, and costs no decode of its own.

```json
{report}
```

- `source_audio` is that of the [record](progress.md). `tags` are the source's, by the names that a message has for
  them; several values of one tag are parted by `; `.
- `loudness` is measured by EBU R 128, in LUFS, LU and dBTP, to a tenth.
  `integrated_lufs` and `range_lu` are `null` where nothing is louder than -70 LUFS,
  or the sound is shorter than 0.4 s; `true_peak_dbtp` is `null` where all samples are zero.
- `clipped_samples` counts the samples at or beyond full scale, of all channels together.
  Full scale is the highest number that the source's depth has, with either sign: 32767 for 16 bits, 1.0 for floats,
  and the highest of the code for A-law and µ-law. Samples of lossy sources count as 16 bits,
  and those of joined sources as what the deepest of them has.
- `silences` are where no channel reaches {silence:g} dBFS for {shortest:g} s or longer:
  from and to, in seconds of the output, to the sample. At most {most} are listed, the first ones.

With a part of the source, one channel or a mix, `loudness`, `clipped_samples` and `silences` are those of that sound;
`source_audio` and `tags` are of the whole source in any case.
Where the source's format changes on the way, each stretch of it is measured by itself, and the loudest counts.
A report's target may end in any way; on the command line `.report.json` stands for `--format report`.

## Options

{options}

Those that are objects have members:

{inner}

Those whose limits are not the same in all formats:

{by_format}

Some options exclude others, or need them:

{companions}

## Presets

`"preset": "podcast"` in an output stands for the fields of that preset.
The output's own fields override it; `null` takes one away, as `"loudness": null` beside `podcast` does.
`worker presets` lists them. `WORKER_PRESETS` names a JSON file with more, as `{{name: {{field: value}}}}`.
One with the name of a built-in preset replaces it.
The gateway and `worker submit` read the same variable, and send the fields in place of the name.

{presets}

A `preview` of a source that is shorter is refused, like any end beyond the source's: give the output an `end_seconds`.

## Examples

Each is an output of a message; a test converts it.
{examples}
"""


def options(table: Table) -> str:
    """The page; `table` writes its head and rows as Markdown."""
    members = options_of(OutputSpec)
    declared = {name: option for name, (_, option) in members.items()}
    formats = (
        (
            f"`{name}`",
            rules.description,
            _code(rules.endings),
            f"`{rules.content_type}`",
            "lossless" if rules.is_lossless else str(rules.default_kbps_per_channel or "–"),
        )
        for name, rules in FORMATS.items()
    )
    varied = {name: option for name, option in declared.items() if len(_distinct_limits(option)) > 1}
    by_format = (
        (f"`{name}`", *(_limits(option, rules) for option in varied.values())) for name, rules in FORMATS.items()
    )
    return OPTIONS_PAGE.format(
        report=json.dumps(json.loads(_REPORT.to_json()), indent=2, ensure_ascii=False),
        silence=SILENCE_DBFS,
        shortest=SHORTEST_SILENCE_SECONDS,
        most=MAX_SILENCES,
        flag=next(iter(declared)).replace("_", "-"),
        formats=table(("format", "", "end of the target", "content type", "default bitrate"), formats),
        options=table(
            ("option", "must be", "formats", ""),
            (
                (f"`{name}`", _must_be(member, option), _formats_with(option), option.meaning)
                for name, (member, option) in members.items()
            ),
        ),
        inner=table(("member", "must be", "default", ""), _inner(member for member, _ in members.values())),
        by_format=table(("format", *(f"`{name}`" for name in varied)), by_format),
        companions="\n".join(_companions(declared)),
        presets=table(
            ("preset", "fields"),
            ((f"`{name}`", f"`{json.dumps(fields)}`") for name, fields in BUILT_IN.fields.items()),
        ),
        examples="\n".join(f"\n{meaning}\n\n```json\n{json.dumps(output)}\n```" for meaning, output in EXAMPLES),
    )


def _distinct_limits(option: Option) -> Sequence[str]:
    """The limits of the option in the formats that have it, each once."""
    limits = (_limits(option, rules) for rules in FORMATS.values() if option.limits(rules) is not None)
    return list(dict.fromkeys(limits))


def _must_be(member: Member, option: Option) -> str:
    """Its type, and its limits where all formats that have it have the same."""
    distinct = _distinct_limits(option)
    kind = name_of(member.type)
    return kind if len(distinct) > 1 or distinct == ["yes"] else f"{kind}: {distinct[0]}"


def _formats_with(option: Option) -> str:
    """The formats that have the option, by the shorter list."""
    having = [name for name, rules in FORMATS.items() if option.limits(rules) is not None]
    others = [name for name in FORMATS if name not in having]
    if not others:
        return "all"
    return f"all but {_code(others)}" if len(others) < len(having) else _code(having)


def _limits(option: Option, rules: FormatSpec) -> str:
    limits = option.limits(rules)
    if limits is None:
        return "–"
    return "yes" if limits is ANYTHING else str(limits)


def _inner(members: Iterable[Member]) -> Iterator[tuple[str, str, str, str]]:
    """The members of options that are objects."""
    for member in members:
        if dataclasses.is_dataclass(member.type) and not is_text(member.type):
            for inner in members_of(member.type):
                if isinstance(inner.declared, Field):
                    default = "required" if inner.is_required else str(inner.default)
                    yield f"`{member.name}.{inner.name}`", str(inner.declared.limits), default, inner.declared.meaning


def _companions(declared: Mapping[str, Option]) -> Iterator[str]:
    for name, option in declared.items():
        for companion in option.companions:
            formats = {
                audio_format: str(limits.beside(f"`{companion.name}`"))
                for audio_format, rules in FORMATS.items()
                if option.limits(rules) is not None and (limits := companion.limits(rules)) is not None
            }
            chosen = "" if companion.given is None else f" `{companion.given}`"
            for condition in dict.fromkeys(formats.values()):
                having = [name for name, each in formats.items() if each == condition]
                where = f" ({_code(having)})" if len(having) < len(FORMATS) else ""
                yield f"- `{name}`{chosen} can be chosen only {condition}{where}."
        if option.extensions:
            ends = _code(f".{extension}" for extension in option.extensions)
            yield f"- `{name}` can be chosen only with a target that ends with one of {ends}."


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
