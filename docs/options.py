"""The page on formats and options, with examples that a test converts (and `make bench` measures)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

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

EXAMPLES: Sequence[tuple[str, Mapping[str, Any]]] = (
    (
        "An MP3 of a chosen size:",
        {
            "target": "s3://podcasts-out/ep.mp3",
            "format": "mp3",
            "bitrate_kbps": 128,
            "sample_rate_hz": 44100,
            "channels": 2,
        },
    ),
    (
        "An MP3 of a chosen quality, with as many bits as each second needs:",
        {"target": "s3://podcasts-out/ep.mp3", "format": "mp3", "vbr_quality": 2},
    ),
    (
        "A master in 24 bits at 48 kHz:",
        {"target": "s3://podcasts-out/ep.wav", "format": "wav", "bits_per_sample": 24, "sample_rate_hz": 48000},
    ),
    (
        "Floats for an editor, which keep what is above full scale:",
        {"target": "s3://podcasts-out/ep.caf", "format": "caf", "bits_per_sample": 32},
    ),
    (
        "A prompt for a telephone system:",
        {
            "target": "s3://podcasts-out/ep.wav",
            "format": "wav",
            "codec": "mulaw",
            "sample_rate_hz": 8000,
            "channels": 1,
        },
    ),
    (
        "A short preview, faded in and out (its job may have the full file as another output):",
        {
            "target": "s3://podcasts-out/preview.mp3",
            "format": "mp3",
            "start_seconds": 0.5,
            "end_seconds": 1.5,
            "fade_in_seconds": 0.1,
            "fade_out_seconds": 0.5,
        },
    ),
    (
        'One side of a call for a transcription (the other is `"pick_channel": 2`):',
        {"target": "s3://podcasts-out/ep.flac", "format": "flac", "pick_channel": 1, "sample_rate_hz": 16000},
    ),
    (
        "A podcast at -16 LUFS, whose true peaks stay below -1 dBTP:",
        {
            "target": "s3://podcasts-out/ep.mp3",
            "format": "mp3",
            "loudness": {"target_lufs": -16, "max_true_peak_dbtp": -1},
        },
    ),
    (
        "A podcast by its preset, with a bitrate of its own:",
        {"target": "s3://podcasts-out/ep.mp3", "preset": "podcast", "bitrate_kbps": 192},
    ),
    (
        "A recording without the silence at its ends, but for a quarter of a second:",
        {
            "target": "s3://podcasts-out/ep.flac",
            "format": "flac",
            "trim_silence": {"threshold_db": -45, "keep_seconds": 0.25},
        },
    ),
    (
        "Tags of an episode, in place of all that the source has, and no cover (another would be its `s3://bucket/key`):",
        {
            "target": "s3://podcasts-out/ep.m4a",
            "format": "m4a",
            "tags": {"title": "Épisode 142", "album": "The Show", "track": "142", "My Field": "as it is"},
            "keep_tags": False,
            "cover": "drop",
        },
    ),
    (
        "The peaks of a player's waveform, as JSON for audiowaveform's readers such as peaks.js:",
        {
            "target": "s3://podcasts-out/ep.json",
            "format": "waveform",
            "points_per_second": 50,
            "bits": 16,
            "channels": 1,
        },
    ),
    (
        "The waveform as a picture:",
        {"target": "s3://podcasts-out/ep.png", "format": "waveform", "width": 1200, "height": 100},
    ),
    (
        "A report on the first second of the sound, for a check of what was sent in (without options: on all of it):",
        {"target": "s3://podcasts-out/ep.report.json", "format": "report", "start_seconds": 0, "end_seconds": 1},
    ),
    (
        "A stream for players that choose a bitrate by the network, in segments of four seconds:",
        {"target": "s3://podcasts-out/ep/", "format": "hls", "bitrates_kbps": [64, 128], "segment_seconds": 4},
    ),
)

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

The end of a waveform's target says what it is.
`.json` and `.dat` are the two forms of [audiowaveform's data][data], version 2, and `.png` is a picture.
The data has the lowest and the highest sample of each point, of each channel that the source has.
With `"channels": 1` it has those of their mix.
A point has a whole number of samples, which stands in the data:
the sample rate divided by `points_per_second`, rounded down.
The picture has all channels in one, from their lowest sample to their highest, on a transparent background.

A stream (`hls`, [RFC 8216][hls]) has a prefix for its target, which ends with `/`.
`master.m3u8` beneath it is written last: nobody sees a stream of which something is missing.
It names a playlist for each of `bitrates_kbps`, and that the segments: fragmented MP4, which today's players read,
with one header for all (`EXT-X-MAP`) and an edit list by which they leave out what the encoder puts in front.
All of that lies in a directory of the attempt in one of the job: a second job replaces `master.m3u8` alone.
No other target, source or cover of the job may be `master.m3u8` or lie in the job's directory; beside them it may.
In the record, `bytes` is the sum of all objects, and `sha256` that of `master.m3u8`.
`loudness` brings each bitrate to its loudness; the record has what was measured in the first.

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
- `clipped_samples` counts the samples at or beyond full scale, those of all channels together.
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

## Options by format

{by_format}
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
    by_format = (
        (f"`{name}`", *(_limits(option, rules) for option in declared.values())) for name, rules in FORMATS.items()
    )
    return OPTIONS_PAGE.format(
        report=json.dumps(json.loads(_REPORT.to_json()), indent=2, ensure_ascii=False),
        silence=SILENCE_DBFS,
        shortest=SHORTEST_SILENCE_SECONDS,
        most=MAX_SILENCES,
        flag=next(iter(declared)).replace("_", "-"),
        formats=table(("format", "", "end of the target", "content type", "default bitrate"), formats),
        options=table(
            ("option", "must be", ""),
            ((f"`{name}`", name_of(member.type), option.meaning) for name, (member, option) in members.items()),
        ),
        inner=table(("member", "must be", "default", ""), _inner(member for member, _ in members.values())),
        by_format=table(("format", *(f"`{name}`" for name in declared)), by_format),
        companions="\n".join(_companions(declared)),
        presets=table(
            ("preset", "fields"),
            ((f"`{name}`", f"`{json.dumps(fields)}`") for name, fields in BUILT_IN.fields.items()),
        ),
        examples="\n".join(f"\n{meaning}\n\n```json\n{json.dumps(output)}\n```" for meaning, output in EXAMPLES),
    )


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
                having = _code(name for name, each in formats.items() if each == condition)
                yield f"\n`{name}`{chosen} can be chosen only {condition} ({having})."
        if option.extensions:
            ends = _code(f".{extension}" for extension in option.extensions)
            yield f"\n`{name}` can be chosen only with a target that ends with one of {ends}."


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
