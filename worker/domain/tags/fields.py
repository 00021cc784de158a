"""The fields of tags: one name for each, and what ID3v2.4, MP4 and ffmpeg call it.

Our name is that of Vorbis comments. The mapping is that of MusicBrainz Picard
(https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html). A field that is not in the table keeps its name:
`TXXX` in ID3, `----:com.apple.iTunes` in MP4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """`id3` is a frame, or the description of a `TXXX`; `mp4` is an atom, or the name of a freeform one.

    `aliases` are other names under which tags and ffmpeg have the field; case, blanks and signs do not count.
    """

    name: str
    id3: str = ""
    mp4: str = ""
    aliases: tuple[str, ...] = ()
    ffmpeg: str = ""


_TABLE = (
    Field("TITLE", "TIT2", "©nam", ffmpeg="title"),
    Field("ARTIST", "TPE1", "©ART", ("AUTHOR",), ffmpeg="artist"),
    Field("ALBUM", "TALB", "©alb", ffmpeg="album"),
    Field("ALBUMARTIST", "TPE2", "aART", ffmpeg="album_artist"),
    Field("COMPOSER", "TCOM", "©wrt", ffmpeg="composer"),
    Field("GENRE", "TCON", "©gen", ffmpeg="genre"),
    Field("DATE", "TDRC", "©day", ("YEAR",), ffmpeg="date"),
    Field("COMMENT", "COMM", "©cmt", ffmpeg="comment"),
    Field("LYRICS", "USLT", "©lyr", ("UNSYNCEDLYRICS", "UNSYNCED LYRICS", "USLT", "WM/Lyrics"), ffmpeg="lyrics"),
    Field("COPYRIGHT", "TCOP", "cprt", ffmpeg="copyright"),
    Field("TRACKNUMBER", "TRCK", "trkn", ("TRACK", "PART_NUMBER", "WM/TrackNumber"), ffmpeg="track"),
    Field("TRACKTOTAL", aliases=("TOTALTRACKS", "TOTAL_PARTS")),
    Field("DISCNUMBER", "TPOS", "disk", ("DISC", "DISK", "WM/PartOfSet"), ffmpeg="disc"),
    Field("DISCTOTAL", aliases=("TOTALDISCS",)),
    Field("COMPILATION", "TCMP", "cpil", ("WM/IsCompilation",), ffmpeg="compilation"),
    Field("BPM", "TBPM", "tmpo", ("TEMPO", "WM/BeatsPerMinute")),
    Field("TITLESORT", "TSOT", "sonm", ("sort_name", "title-sort")),
    Field("ARTISTSORT", "TSOP", "soar", ("sort_artist",)),
    Field("ALBUMSORT", "TSOA", "soal", ("sort_album",)),
    Field("ALBUMARTISTSORT", "TSO2", "soaa", ("sort_album_artist",)),
    Field("COMPOSERSORT", "TSOC", "soco", ("sort_composer",)),
    Field("GROUPING", "TIT1", "©grp", ("CONTENTGROUP",)),
    Field("SUBTITLE", "TIT3"),
    Field("MOVEMENTNAME", "MVNM", "©mvn"),
    Field("MOVEMENT", "MVIN", "©mvi"),
    Field("MOVEMENTTOTAL", mp4="©mvc"),
    Field("WORK", mp4="©wrk"),
    Field("CONDUCTOR", "TPE3"),
    Field("REMIXER", "TPE4"),
    Field("LYRICIST", "TEXT"),
    Field("LABEL", "TPUB", "LABEL", ("PUBLISHER", "ORGANIZATION"), ffmpeg="publisher"),
    Field("KEY", "TKEY", "initialkey", ("INITIALKEY", "WM/InitialKey")),
    Field("ISRC", "TSRC", aliases=("WM/ISRC",)),
    Field("LANGUAGE", "TLAN", ffmpeg="language"),
    Field("MEDIA", "TMED"),
    Field("MOOD", "TMOO"),
    Field("DISCSUBTITLE", "TSST"),
    Field("ORIGINALDATE", "TDOR"),
    Field("RELEASEDATE", "TDRL"),
    Field("ORIGINALALBUM", "TOAL"),
    Field("ORIGINALARTIST", "TOPE"),
    Field("ORIGINALFILENAME", "TOFN"),
    Field("WEBSITE", "WOAR"),
    Field("LICENSE", "WCOP"),
    Field("DIRECTOR", mp4="©dir"),
    Field("DESCRIPTION", "TDES", "desc"),
    Field("LONGDESCRIPTION", mp4="ldes", aliases=("SYNOPSIS",)),
    Field("SHOW", mp4="tvsh"),
    Field("PODCAST", mp4="pcst"),
    Field("PODCASTCATEGORY", "TCAT", "catg"),
    Field("PODCASTKEYWORDS", "TKWD", "keyw"),
    Field("PODCASTID", "TGID", "egid"),
    Field("PODCASTURL", "WFED", "purl"),
    Field("GAPLESSALBUM", mp4="pgap"),
    Field("MUSICBRAINZ_TRACKID", "UFID:http://musicbrainz.org", "MusicBrainz Track Id"),
    Field("MUSICBRAINZ_ALBUMID", "MusicBrainz Album Id", "MusicBrainz Album Id"),
    Field("MUSICBRAINZ_ARTISTID", "MusicBrainz Artist Id", "MusicBrainz Artist Id"),
    Field("MUSICBRAINZ_ALBUMARTISTID", "MusicBrainz Album Artist Id", "MusicBrainz Album Artist Id"),
    Field("MUSICBRAINZ_RELEASEGROUPID", "MusicBrainz Release Group Id", "MusicBrainz Release Group Id"),
    Field("MUSICBRAINZ_RELEASETRACKID", "MusicBrainz Release Track Id", "MusicBrainz Release Track Id"),
    Field("MUSICBRAINZ_WORKID", "MusicBrainz Work Id", "MusicBrainz Work Id"),
    Field("MUSICBRAINZ_DISCID", "MusicBrainz Disc Id", "MusicBrainz Disc Id"),
    Field("MUSICBRAINZ_TRMID", "MusicBrainz TRM Id", "MusicBrainz TRM Id"),
    Field("MUSICBRAINZ_ORIGINALALBUMID", "MusicBrainz Original Album Id", "MusicBrainz Original Album Id"),
    Field("MUSICBRAINZ_ORIGINALARTISTID", "MusicBrainz Original Artist Id", "MusicBrainz Original Artist Id"),
    Field("RELEASECOUNTRY", "MusicBrainz Album Release Country", "MusicBrainz Album Release Country"),
    Field("RELEASESTATUS", "MusicBrainz Album Status", "MusicBrainz Album Status"),
    Field("RELEASETYPE", "MusicBrainz Album Type", "MusicBrainz Album Type"),
    Field("ACOUSTID_ID", "Acoustid Id", "Acoustid Id"),
    Field("ACOUSTID_FINGERPRINT", "Acoustid Fingerprint", "Acoustid Fingerprint"),
    Field("MUSICIP_PUID", "MusicIP PUID", "MusicIP PUID"),
    *(
        Field(name)
        for name in (
            *("ARRANGER", "ENGINEER", "MIXER", "DJMIXER", "PRODUCER", "PERFORMER", "WRITER", "ARTISTS", "ASIN"),
            *("BARCODE", "CATALOGNUMBER", "SCRIPT", "ORIGINALYEAR", "REPLAYGAIN_TRACK_GAIN", "REPLAYGAIN_TRACK_PEAK"),
            *("REPLAYGAIN_ALBUM_GAIN", "REPLAYGAIN_ALBUM_PEAK"),
        )
    ),
)
FIELDS: Mapping[str, Field] = {field.name: field for field in _TABLE}

# Fields with a total: ID3 and MP4 have both in one, `3/12`.
TOTALS = {"TRACKNUMBER": "TRACKTOTAL", "DISCNUMBER": "DISCTOTAL", "MOVEMENT": "MOVEMENTTOTAL"}


def plain(name: str) -> str:
    """The part of a name that counts where two are compared: `album_artist` and `Album Artist` are the same."""
    return "".join(filter(str.isalnum, name.upper())) if name.isascii() else name.casefold()


def _by_plain_name() -> dict[str, str]:
    return {
        plain(alias): field.name
        for field in _TABLE
        for alias in (*field.aliases, "" if is_frame(field.id3) else field.id3, field.mp4, field.ffmpeg, field.name)
        if alias
    }


def is_frame(id3: str) -> bool:
    """Whether the text is the identifier of a frame, and no description."""
    return bool(_FRAME.fullmatch(id3))


_FRAME = re.compile(r"[A-Z][A-Z0-9]{3}(:.*)?")
_OF_APPLE = "com.apple.quicktime."  # in front of the names in QuickTime's own metadata
_LYRICS = re.compile(r"(lyrics|uslt)-[a-z]{3}", re.IGNORECASE)  # ffmpeg adds the language
_NAMES = _by_plain_name()
FRAMES: Mapping[str, str] = {field.id3: field.name for field in _TABLE if is_frame(field.id3)}


def field_named(name: str) -> str:
    """The field that a tag calls `name`; a name that is not known is the field's own."""
    if _LYRICS.fullmatch(name):
        return "LYRICS"
    return (
        _NAMES.get(plain(name.removeprefix(_OF_APPLE)))
        or "".join(filter(str.isprintable, name)).replace("=", " ").strip()
    )
