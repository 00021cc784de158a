"""What a message holds, in each kind of envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.application.messages.envelope import open_envelope
from worker.application.messages.message import parse_job
from worker.application.messages.s3_event import Entry
from worker.application.messages.s3_outputs import S3EventOutputs
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation
from worker.domain.outcome import Ignored

JOB = {
    "job_id": "ep-1",
    "source": "s3://podcasts-in/a.wav",
    "outputs": [{"target": "s3://podcasts-out/a.mp3", "format": "mp3"}],
}
OUTPUTS = S3EventOutputs(
    '[{"target": "s3://podcasts-out/{folder}{stem}.mp3", "format": "mp3", "bitrate_kbps": 128},'
    ' {"target": "s3://podcasts-out/{job_id}/{name}.opus", "format": "opus"}]'
)


def s3_record(key: str = "in/a.wav", name: str = "ObjectCreated:Put", **of_the_object: Any) -> dict[str, Any]:
    """A record of S3, shortened."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-22T20:01:02.123Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": "podcasts-in", "arn": "arn:aws:s3:::podcasts-in"},
            "object": {"key": key, "size": 1024, "sequencer": "0055AED6DCD90281E5", **of_the_object},
        },
    }


def notification(*records: object) -> str:
    return json.dumps({"Records": records})


def from_sns(message: str, **changes: Any) -> str:
    envelope = {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:r:1:t", "Message": message}
    return json.dumps(envelope | changes)


def event_bridge(**changes: Any) -> str:
    detail = {
        "version": "0",
        "bucket": {"name": "podcasts-in"},
        "object": {"key": "in/a+b.wav", "size": 1, "etag": "e", "sequencer": "0055AED6DCD90281E5"},
        "reason": "PutObject",
    }
    event = {"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": detail}
    return json.dumps(event | changes)


def parts(body: str, outputs: S3EventOutputs | None = OUTPUTS) -> list[Entry]:
    return list(open_envelope(body, outputs).entries)


def the_job(body: str) -> Job:
    (part,) = parts(body)
    assert isinstance(part, Job), part
    return part


def the_refusal(body: str, outputs: S3EventOutputs | None = OUTPUTS) -> InvalidMessageError:
    (part,) = parts(body, outputs)
    assert isinstance(part, InvalidMessageError), part
    return part


def the_reason(body: str, outputs: S3EventOutputs | None = OUTPUTS) -> str:
    (part,) = parts(body, outputs)
    assert isinstance(part, Ignored), part
    return part.reason


# --- raw, and from SNS ---------------------------------------------------------------------------------------------


def test_a_raw_body_is_its_job() -> None:
    assert the_job(json.dumps(JOB)) == parse_job(json.dumps(JOB))
    assert the_refusal("{").field == "body"


def test_a_notification_of_sns_is_opened() -> None:
    assert the_job(from_sns(json.dumps(JOB))) == parse_job(json.dumps(JOB))
    assert the_job(from_sns(notification(s3_record()))) == the_job(notification(s3_record()))


def test_the_attributes_of_a_message_of_sns_are_its_own() -> None:
    attributes = {
        "traceparent": {"Type": "String", "Value": "00-1-2-01"},
        "n": {"Type": "Number", "Value": 7},
        "x": 7,
    }
    body = from_sns(json.dumps(JOB), MessageAttributes=attributes)
    assert open_envelope(body, None).attributes == {"traceparent": "00-1-2-01"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (from_sns("not JSON"), "Message"),
        (from_sns("[]"), "Message"),
        (from_sns(json.dumps({"job_id": "ep-1"})), "source"),
        (from_sns("{}", Message={}), "Message"),
        (from_sns("{}", Type="SubscriptionConfirmation"), "Type"),
        (json.dumps({"Type": "Notification", "TopicArn": "x"}), "Message"),
        (json.dumps(JOB | {"Type": "Notification"}), "Type"),
    ],
)
def test_a_refusal_names_the_field_of_the_envelope_or_of_the_job(body: str, field: str) -> None:
    assert the_refusal(body).field == field


# --- S3 ------------------------------------------------------------------------------------------------------------


def test_a_new_object_becomes_a_job_by_the_template() -> None:
    job = the_job(notification(s3_record("in/2026/ep+1+%C3%BC%2B.wav")))
    assert job.source == ObjectLocation("podcasts-in", "in/2026/ep 1 ü+.wav")
    assert [str(output.target) for output in job.outputs] == [
        "s3://podcasts-out/in/2026/ep 1 ü+.mp3",
        f"s3://podcasts-out/{job.job_id}/ep 1 ü+.wav.opus",
    ]
    assert job.outputs[0].bitrate_kbps == 128


def test_each_record_is_a_job_and_one_that_is_wrong_stops_no_other() -> None:
    body = notification(s3_record("a.wav"), {"eventSource": "aws:s3"}, s3_record("b.wav", "ObjectCreated:Copy"))
    first, wrong, second = parts(body)
    assert isinstance(first, Job)
    assert isinstance(second, Job)
    assert (first.parts[0].source.key, second.parts[0].source.key) == ("a.wav", "b.wav")
    assert isinstance(wrong, InvalidMessageError)
    assert wrong.field == "Records[1].eventName"


def test_the_job_id_is_that_of_the_objects_version() -> None:
    one = the_job(notification(s3_record(versionId="v1"))).job_id
    assert one.startswith("a-")
    assert one == the_job(notification(s3_record(versionId="v1", sequencer="other"))).job_id
    others = [
        s3_record(versionId="v2"),
        s3_record(),
        s3_record(versionId="null", sequencer="other"),
        s3_record(sequencer=None, eTag="e"),
        s3_record("in/b/a.wav", versionId="v1"),
    ]
    assert len({one, *(the_job(notification(other)).job_id for other in others)}) == 6
    assert the_job(notification(s3_record(versionId="null"))) == the_job(notification(s3_record()))


@pytest.mark.parametrize("key", ["%F0%9F%8E%B5.wav", "x" * 900, "in/.wav", "in/-.-", "a%00b"])
def test_a_job_id_is_made_for_any_key(key: str) -> None:
    job_id = the_job(notification(s3_record(key))).job_id
    assert parse_job(json.dumps(JOB | {"job_id": job_id})).job_id == job_id


def test_the_test_event_of_s3_asks_for_nothing() -> None:
    body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "podcasts-in"})
    for wrapped in (body, from_sns(body)):
        assert "s3:TestEvent" in the_reason(wrapped)
        assert "s3:TestEvent" in the_reason(wrapped, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (notification(), "no records"),
        (notification(s3_record(name="ObjectRemoved:Delete")), "ObjectRemoved:Delete: only new objects"),
        (notification(s3_record(name="s3:ObjectTagging:Put")), "ObjectTagging:Put: only new objects"),
        (notification(s3_record("in/2026/")), "a folder's marker"),
        (event_bridge(**{"detail-type": "Object Deleted"}), "Object Deleted: only new objects"),
    ],
)
def test_what_is_no_new_object_is_passed_over(body: str, reason: str) -> None:
    assert the_reason(body).startswith(reason)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (json.dumps({"Records": {}}), "Records"),
        (notification("x"), "Records[0]"),
        (notification({"eventSource": "aws:dynamodb", "eventName": "INSERT"}), "Records[0].eventSource"),
        (notification({"eventSource": "aws:s3"}), "Records[0].eventName"),
        (notification(s3_record() | {"s3": {}}), "Records[0].s3.bucket"),
        (notification(s3_record(7)), "Records[0].s3.object.key"),  # type: ignore[arg-type]
        (notification(s3_record("%ff")), "Records[0].s3.object.key"),
        (notification(s3_record("")), "Records[0].s3"),
        (notification(s3_record("\ud800")), "Records[0].s3"),
        (notification(s3_record("x" * 1022)), "outputs[0].target"),
        (event_bridge(detail=None), "detail"),
        (event_bridge(**{"detail-type": 7}), "detail-type"),
    ],
)
def test_a_refusal_names_the_field_of_the_event(body: str, field: str) -> None:
    assert the_refusal(body).field == field


def test_a_refused_object_has_a_job_id_to_record_it_under() -> None:
    job_id = the_refusal(notification(s3_record("x" * 1022))).job_id
    assert job_id is not None
    assert job_id.startswith("xxx")


def test_without_outputs_events_of_s3_are_refused_with_a_sentence() -> None:
    for body in (notification(s3_record()), event_bridge()):
        assert "WORKER_S3_EVENT_OUTPUTS" in str(the_refusal(body, None))


def test_an_event_of_event_bridge_is_the_job_of_its_object_with_the_key_as_it_stands() -> None:
    job = the_job(event_bridge())
    assert job.source == ObjectLocation("podcasts-in", "in/a+b.wav")
    assert job == the_job(notification(s3_record("in/a%2Bb.wav", eTag="e")))


def test_an_object_that_may_be_an_output_is_passed_over_so_that_no_job_asks_for_itself() -> None:
    outputs = S3EventOutputs('[{"target": "s3://{bucket}/out/{key}.mp3", "format": "mp3"}]')
    (first,) = parts(notification(s3_record("in/a.wav")), outputs)
    assert isinstance(first, Job)
    made = first.outputs[0].target.key
    assert "may be an output itself" in the_reason(notification(s3_record(made)), outputs)
