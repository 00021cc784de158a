"""What SNS and EventBridge, and the way to them, may do."""

from __future__ import annotations

from tests.faults.row import Row

_EVENTS = "tests/unit/application/test_completion_events.py"
_PUBLISHING = "tests/integration/test_event_publishing.py"
_SYSTEM = "tests/system/test_events_out.py"

ROWS = (
    Row(
        "the topic or the bus is away when a job ends",
        "the job is final; its message comes back until the event is published",
        f"{_SYSTEM}::test_a_worker_that_cannot_publish_an_end_keeps_the_message_and_the_job_is_done",
    ),
    Row(
        "it stays away for more than an hour",
        "the event is given up with an error in the log; the job has ended all the same",
        f"{_EVENTS}::test_an_end_is_given_up_after_an_hour_and_the_job_is_as_done_as_ever",
    ),
    Row(
        "it keeps the event and never answers",
        "seconds later the message comes back, and the same event is published again",
        f"{_EVENTS}::test_a_topic_that_keeps_the_event_and_never_answers_costs_seconds_and_a_repetition",
    ),
    Row(
        "the worker is killed between the final record and the event",
        "the next worker that receives the message publishes the event",
        f"{_SYSTEM}::test_the_end_that_a_killed_worker_did_not_publish_is_published_by_the_next",
    ),
    Row(
        "the worker is killed between the event and the deletion of the message",
        "the next worker that receives the message publishes the event again, under the same `event_id`",
        f"{_SYSTEM}::test_the_end_that_a_worker_published_before_it_was_killed_comes_again_with_the_same_id",
    ),
    Row(
        "the worker is stopped while it publishes an event",
        "it is published again within the time that is left",
        f"{_EVENTS}::test_a_stop_while_an_end_is_published_does_not_lose_it",
    ),
    Row(
        "EventBridge refuses the entry in an answer of success",
        "that is a failure",
        f"{_PUBLISHING}::test_what_eventbridge_refuses_is_said_in_our_words",
    ),
    Row(
        "a proxy answers with a page of its own under status 200",
        "nothing counts as published",
        f"{_PUBLISHING}::test_a_page_under_status_200_has_told_nobody",
    ),
)
