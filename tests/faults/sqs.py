"""What SQS, and the way to it, may do."""

from __future__ import annotations

from tests.faults.row import Row

_ODD = "tests/integration/test_sqs_odd_answers.py"
_SQS = "tests/integration/test_sqs.py"
_DEAD = "tests/integration/test_sqs_dead_letters.py"
_POLLER = "tests/unit/application/test_poller.py"

ROWS = (
    Row(
        "one message of a batch lacks an attribute or another member",
        "the others are taken; it is named by `message.unreadable` and comes back",
        f"{_ODD}::test_an_odd_message_is_named_and_the_others_of_its_batch_are_taken",
    ),
    Row(
        "the role may not receive, delete or change visibility",
        "the message of the failure names the right",
        f"{_ODD}::test_a_right_that_the_role_lacks_is_named",
    ),
    Row(
        "the role lacks ReceiveMessage or DeleteMessage",
        "`check.failed` names the right at the start",
        "tests/system/test_sqs_rights.py::test_a_right_that_the_role_lacks_is_named_at_the_start",
    ),
    Row(
        "a batch answer names entries that were not sent",
        "they are passed over",
        f"{_ODD}::test_an_answer_about_entries_that_were_not_sent_is_passed_over",
    ),
    Row(
        "SQS refuses a message for its length, its characters or its group",
        "the job has failed, with `body` or `group` as the field",
        f"{_ODD}::test_a_refusal_that_is_about_the_message_names_its_field",
    ),
    Row(
        "SQS refuses a message by the same code for another reason",
        "`dependency_unavailable` with the code; the job stays `queued` and can be submitted again",
        f"{_ODD}::test_a_refusal_that_is_about_something_else_says_nothing_of_the_message",
    ),
    Row(
        "SQS is out for minutes",
        "receives are backed off; one line when it goes and one when it is back",
        f"{_POLLER}::test_an_outage_of_the_queue_is_logged_once_and_outlived",
    ),
    Row(
        "a receive hangs",
        "it is given up ten seconds after its long poll should have ended",
        f"{_POLLER}::test_a_receive_that_hangs_is_given_up_and_the_next_one_works",
    ),
    Row(
        "one or two of three queues take a request and never answer",
        "each is given up after two to four seconds; the others are asked all the same, and no receive fails",
        "tests/unit/bootstrap/test_queues.py::test_queues_that_hang_make_no_receive_fail_and_cut_no_long_poll_off",
    ),
    Row(
        "SQS is out when the worker starts",
        "`/readyz` is 503 until the queue has answered, `/livez` is 200",
        "tests/system/test_aws_outages.py::test_a_worker_is_ready_once_queue_and_table_have_answered",
    ),
    Row(
        "SQS does not renew a lease in time, or the receipt handle dies",
        "the run is stopped, and its record says that it ended: it counts as an attempt and as no death",
        "tests/unit/application/test_ends_in_an_outage.py::"
        "test_an_attempt_whose_lease_was_lost_is_no_death_once_its_end_is_recorded",
    ),
    Row(
        "a second message of a job that runs for hours",
        "its delays grow, so that it is received less than ten times an hour",
        "tests/unit/application/test_job_claimer.py::"
        "test_another_message_of_a_job_that_runs_for_hours_is_received_less_than_ten_times_an_hour",
    ),
    Row(
        "a proxy answers with a page of its own under status 200",
        "that is no answer: nothing counts as sent, received or deleted",
        "tests/integration/test_gateway_pages.py::test_a_page_in_the_place_of_sqs_is_a_failure",
    ),
    Row(
        "an answer to a receive has other types than SQS's",
        "that is no answer: the receive has failed",
        "tests/integration/test_gateway_pages.py::test_messages_of_sqs_that_the_sdk_cannot_read_are_a_failure",
    ),
    Row(
        "a proxy answers with JSON of its own under status 200 while a message is rejected",
        "that is no answer: the message stays on its queue",
        "tests/integration/test_gateway_pages.py"
        "::test_a_rejected_message_is_kept_where_json_that_is_no_answer_comes_in_the_place_of_sqs",
    ),
    Row(
        "the dead-letter queue is gone",
        "the message stays on its queue",
        f"{_DEAD}::test_a_copy_that_fails_leaves_the_message_on_the_queue",
    ),
    Row(
        "a producer gives a message the attributes of a dead letter, with a run that is no number",
        "it is taken as any other message",
        "tests/integration/test_sqs_odd_answers.py"
        "::test_a_message_that_only_looks_like_a_dead_letter_is_taken_as_any_other",
    ),
    Row(
        "a rejected message is copied there, and its delete fails",
        "the delete is repeated, and the copy is not",
        f"{_DEAD}::test_a_message_whose_delete_fails_is_copied_once",
    ),
    Row(
        "the redrive policy names another dead-letter queue than before",
        "it is asked for again after the first failure",
        f"{_DEAD}::test_a_dead_letter_queue_that_was_replaced_is_found_after_the_first_failure",
    ),
    Row(
        "a rejected message has no room for its reason",
        "it goes to the dead-letter queue with as much of the reason as fits",
        f"{_DEAD}::test_a_message_that_fills_its_queue_is_rejected_with_what_there_is_room_for",
    ),
    Row(
        "the queue does not say how long it keeps messages",
        "jobs run without that limit",
        f"{_SQS}::test_a_queue_whose_retention_cannot_be_read_delays_no_message",
    ),
    Row(
        "dead letters are moved back before their cause is mended, while workers run",
        "each is moved once, and its new letter is left; the job fails in one more run",
        "tests/system/test_runs.py::test_a_redrive_whose_cause_is_not_mended_moves_each_message_once",
    ),
)
