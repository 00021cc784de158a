"""The completion event, and when it is published again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.records import a_record
from worker.domain.completion import MAX_EVENT_BYTES, CompletionEvent, delay_before_next_try
from worker.domain.progress import OutputRecord, Record, Status
from worker.domain.repairs import told

ENDED_AT = datetime(2026, 11, 22, 20, 1, 32, 1000, UTC)


def an_end(status: Status = Status.COMPLETED, **changes: object) -> Record:
    percent = 100.0 if status is Status.COMPLETED else 40.0
    record = a_record(1795000000000001, 61)
    return replace(record, status=status, stage=None, percent=percent, updated_at=ENDED_AT, **changes)  # type: ignore[arg-type]


def test_an_event_is_the_document_of_the_contract() -> None:
    record = an_end()

    document = json.loads(CompletionEvent(record).to_json())

    assert document == {
        "event_id": f"{record.job_id}:1795000000000001:61",
        "type": "job.completed",
        "time": "2026-11-22T20:01:32.001Z",
        "record": record.to_dict(),
    }


def test_an_event_is_in_utf_8_and_without_blanks() -> None:
    assert '"source":"s3://sources/Änne.wav"' in CompletionEvent(an_end(source="s3://sources/Änne.wav")).to_json()


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_the_type_says_how_the_job_ended(status: Status) -> None:
    assert CompletionEvent(an_end(status)).type == f"job.{status.value}"


def test_what_is_no_end_is_not_published() -> None:
    with pytest.raises(ValueError, match="only the end"):
        CompletionEvent(a_record(1, 1))


@pytest.mark.parametrize("repairs", [0, 100_000])
def test_the_largest_record_fits_into_a_message_of_sns(repairs: int) -> None:
    key = "\x01" * 1024  # six characters each in JSON
    outputs = tuple(OutputRecord(f"s3://{'b' * 63}/{n:02}{key[2:]}", 1, 1.0, "0" * 64) for n in range(16))
    record = an_end(source=f"s3://{'b' * 63}/{key}", outputs=outputs, repaired=("a frame was replaced",) * repairs)

    text = CompletionEvent(record).to_json()

    assert len(text.encode()) <= MAX_EVENT_BYTES
    told = json.loads(text)["record"]
    assert told["outputs"] == record.to_dict()["outputs"]
    assert told["repaired"] == (
        ["a frame was replaced"] * 20 + ["99980 more repairs are in the job's record"] if repairs else []
    )


def test_twenty_repairs_are_all_told_where_the_event_is_too_large() -> None:
    repaired = ("a frame was replaced",) * 20
    outputs = (OutputRecord("s3://bucket/a/", 1, 1.0, "0" * 64, None, f"s3://bucket/{'x' * MAX_EVENT_BYTES}"),)

    text = CompletionEvent(an_end(outputs=outputs, repaired=repaired)).to_json()

    assert json.loads(text)["record"]["repaired"] == list(repaired)


def test_playlists_are_left_out_where_the_event_would_be_too_large_for_sns() -> None:
    key = "\x01" * 1000
    outputs = tuple(
        OutputRecord(f"s3://bucket/{n:02}{key}/", 1, 1.0, "0" * 64, None, f"s3://bucket/{n:02}{key}/master.m3u8")
        for n in range(16)
    )
    repaired = told([f"{key}: a frame was replaced"] * 640)
    record = an_end(source=(f"s3://{'b' * 63}/{key}{'x' * 24}",) * 16, outputs=outputs, repaired=repaired)

    text = CompletionEvent(record).to_json()

    assert len(text.encode()) <= MAX_EVENT_BYTES
    told_of = json.loads(text)["record"]
    shorter = [
        {name: value for name, value in each.items() if name != "playlist"} for each in record.to_dict()["outputs"]
    ]
    assert told_of == record.to_dict() | {"outputs": shorter}


def test_a_message_of_sns_has_room_for_its_attributes_beside_the_event() -> None:
    assert 250_000 <= MAX_EVENT_BYTES <= 262_144 - 1024


def test_it_is_published_some_ten_times_in_an_hour_and_then_given_up() -> None:
    now, tries = ENDED_AT, 0
    while (delay_seconds := delay_before_next_try(ENDED_AT, now, 0.5, receives=tries or None)) is not None:
        assert 3.75 <= delay_seconds <= 900
        now += timedelta(seconds=delay_seconds)
        tries += 1

    assert 10 <= tries <= 14
    assert timedelta(hours=1) <= now - ENDED_AT < timedelta(hours=1, minutes=15)


def test_an_end_that_waited_for_hours_to_be_recorded_is_tried_for_two_hours_more() -> None:
    now, tries = ENDED_AT + timedelta(hours=5), 0
    while (delay_seconds := delay_before_next_try(ENDED_AT, now, 0.5, receives=tries or None)) is not None:
        now += timedelta(seconds=delay_seconds)
        tries += 1

    assert tries == 10
    assert now - ENDED_AT > timedelta(hours=7)


@pytest.mark.parametrize(
    ("seconds", "receives", "delay"),
    [
        (3599.5, 10, 900.0),
        (3600.5, 10, None),
        (3600.5, 9, 900.0),
        (3600.5, None, 900.0),
        (60.0, 10, 60.0),
        (899.0, 1, 899.0),
        (5.5, 1, 5.5),
        (4.5, 1, 5.0),
    ],
)
def test_it_waits_as_long_as_the_job_has_ended_until_it_is_given_up(
    seconds: float, receives: int | None, delay: float | None
) -> None:
    now = ENDED_AT + timedelta(seconds=seconds)

    assert delay_before_next_try(ENDED_AT, now, 1.0, receives=receives) == delay


def test_chance_takes_up_to_a_quarter_off() -> None:
    now = ENDED_AT + timedelta(seconds=100)

    assert [delay_before_next_try(ENDED_AT, now, random) for random in (0.0, 0.5)] == [75.0, 87.5]


def test_a_clock_that_is_behind_waits_as_at_first() -> None:
    assert delay_before_next_try(ENDED_AT, ENDED_AT - timedelta(hours=3), 1.0) == 5.0
