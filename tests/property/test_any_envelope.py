"""Any text can be opened as a message without an error."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.application.messages.envelope import open_envelope
from worker.application.messages.s3_outputs import S3EventOutputs, job_id_of
from worker.domain.errors import InvalidMessageError
from worker.domain.job import Job, ObjectLocation
from worker.domain.outcome import Ignored

OUTPUTS = S3EventOutputs('[{"target": "s3://{bucket}-out/{folder}{stem}.mp3", "format": "mp3"}]')

any_text = st.text(st.characters(), max_size=20)  # lone surrogates included
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


def nearly(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of the fields, some of them wrong."""
    return st.fixed_dictionaries({}, optional={name: value | any_json for name, value in fields.items()})


keys = st.sampled_from(["in/a.wav", "in%2Fa+b.wav", "%ff", "a/", ""]) | any_text
nearly_an_entity = nearly(
    bucket=nearly(name=st.just("in-bucket") | any_text),
    object=nearly(key=keys, versionId=any_text, sequencer=any_text, eTag=any_text),
)
nearly_a_record = nearly(
    eventSource=st.just("aws:s3"),
    eventName=st.sampled_from(["ObjectCreated:Put", "ObjectRemoved:Delete"]),
    s3=nearly_an_entity,
)
nearly_an_event = (
    nearly(Records=st.lists(nearly_a_record, max_size=3))
    | nearly(Event=st.just("s3:TestEvent"))
    | nearly(**{"source": st.just("aws.s3"), "detail-type": st.just("Object Created"), "detail": nearly_an_entity})
)
nearly_from_sns = nearly(
    Type=st.just("Notification"),
    Message=nearly_an_event.map(json.dumps) | any_text,
    TopicArn=any_text,
    MessageAttributes=nearly(traceparent=nearly(Value=any_text)),
)


def check(body: str) -> None:
    for outputs in (None, OUTPUTS):
        contents = open_envelope(body, outputs)
        assert contents.entries
        assert all(isinstance(value, str) for value in contents.attributes.values())
        for part in contents.entries:
            assert isinstance(part, Job | Ignored | InvalidMessageError)
            shown = part.reason if isinstance(part, Ignored) else str(part)
            assert isinstance(part, Job) or len(shown) < 1500


@given(any_text)
def test_opening_any_text_is_total(text: str) -> None:
    check(text)


@given(nearly_an_event | nearly_from_sns)
def test_opening_anything_like_an_envelope_is_total(document: Any) -> None:
    check(json.dumps(document))


@given(st.text(min_size=1, max_size=300), any_text)
def test_every_version_of_every_object_has_a_job_id(key: str, version: str) -> None:
    job_id = job_id_of(ObjectLocation("in-bucket", key), version)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", job_id)
    assert job_id == job_id_of(ObjectLocation("in-bucket", key), version)
