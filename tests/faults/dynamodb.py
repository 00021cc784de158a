"""What DynamoDB, and the way to it, may do."""

from __future__ import annotations

from tests.faults.row import Row

_ANSWERS = "tests/system/test_dynamodb_answers.py"
_CLAIMS = "tests/unit/application/test_claims.py"
_ENDS = "tests/unit/application/test_ends_in_an_outage.py"
_CALLS = "tests/integration/test_dynamodb_faults.py"
_OUTAGES = "tests/system/test_aws_outages.py"
_PAUSES = "tests/unit/application/test_pauses.py"
_WAITS = f"{_OUTAGES}::test_jobs_wait_for_a_table_that_is_out_of_reach"

ROWS = (
    Row(
        "another program has changed the item of a job, so that it is no record any more",
        "`record.unreadable` names the job and the attribute; the message comes back until that is mended, "
        "and other jobs go on",
        "tests/system/test_unreadable_records.py"
        "::test_a_job_whose_record_cannot_be_read_is_named_and_runs_when_that_is_mended",
    ),
    Row(
        "a newer version of the worker, in a rolling update, has written a record with a stage or a status that this "
        "one does not know",
        "the same, and the item stays as it is: the message comes back until a worker of that version gets it, or the "
        "job has ended",
        "tests/system/test_unreadable_records.py"
        "::test_a_job_that_a_newer_version_of_the_worker_runs_is_left_to_it_and_its_message_comes_back_until_it_is_done",
    ),
    Row(
        "another program changes the item of a job while it runs, so that no record can be kept",
        "the job is no longer the worker's: it is stopped",
        "tests/integration/test_dynamodb_job_table.py"
        "::test_a_damaged_item_refuses_claims_and_has_the_writes_of_its_worker_end",
    ),
    Row(
        "every write is done and answered 0.7 s late",
        "claims and ends have seconds: the job starts at once and completes as attempt 1",
        f"{_ANSWERS}::test_a_job_whose_claim_and_end_are_answered_late_starts_at_once_as_attempt_1",
    ),
    Row(
        "a claim is kept, and the connection ends before its answer",
        "the claim is written again and known by its token; the job starts as attempt 1",
        f"{_ANSWERS}::test_a_claim_whose_answer_is_lost_is_known_by_its_token",
    ),
    Row(
        "a claim is kept and never answered",
        "the record is read, shows the claim's token, and the job starts as attempt 1",
        f"{_ANSWERS}::test_a_claim_that_is_never_answered_is_looked_up_and_the_job_starts",
    ),
    Row(
        "a claim is kept, and the table cannot be asked for longer than that",
        "nothing starts; the claim is withdrawn when the table answers, and counts as no attempt",
        f"{_CLAIMS}::test_a_claim_that_started_nothing_is_withdrawn_once_the_table_answers_and_is_no_attempt",
    ),
    Row(
        "claim after claim is kept and not answered",
        "no attempt is used up, however many there are",
        f"{_CLAIMS}::test_claims_that_started_nothing_use_up_no_attempt_however_many_there_are",
    ),
    Row(
        "the record of a job's end is answered seconds late",
        "the end is recorded once, and the message is deleted",
        f"{_CLAIMS}::test_a_final_record_that_is_answered_after_seconds_ends_the_job_once",
    ),
    Row(
        "a claim is refused with a 4xx: throttled, forbidden",
        "nothing is in doubt: the job is put off at once",
        f"{_CLAIMS}::test_a_claim_that_the_table_refuses_is_put_off_at_once",
    ),
    Row(
        "a claim is not answered, and the next try is refused",
        "the first may have been kept: it is looked up and withdrawn when the table answers",
        f"{_CLAIMS}::test_a_refusal_after_a_claim_without_an_answer_leaves_that_one_in_doubt",
    ),
    Row(
        "the table is out of reach when a run ends",
        "the message is kept until the end is recorded, so that the run counts as no death",
        f"{_ENDS}::test_a_job_that_ends_while_the_table_is_away_keeps_its_message_until_the_end_is_recorded",
    ),
    Row(
        "the table is out of reach when the worker stops",
        "the end is tried for five seconds; then the message is given back, and the worker ends with exit code 0",
        f"{_OUTAGES}::test_a_worker_that_stops_while_the_table_is_away_gives_its_job_back_and_ends_well",
    ),
    Row(
        "the table is out of reach when a message is refused",
        "the message waits for the table, because its record has to say so",
        "tests/unit/application/test_finisher.py::"
        "test_a_refusal_waits_for_a_job_table_that_is_away_because_its_record_has_to_say_so",
    ),
    Row(
        "a record is kept and never answered",
        "it is looked up: the job goes on",
        "tests/unit/application/test_reporter_end.py::test_what_is_kept_and_never_answered_is_looked_up",
    ),
    Row(
        "a final record is kept without an answer, and the worker is stopped or loses the lease meanwhile",
        "the record is looked up: the job has ended so, and is no loss",
        "tests/unit/application/test_reporter_end.py::"
        "test_an_end_that_was_kept_without_an_answer_is_the_end_whatever_is_tried_later",
    ),
    Row(
        "the table is out of reach for longer than `WORKER_STALL_SECONDS` when a job is done",
        "the job is no stall, and is not converted again",
        "tests/unit/application/test_ends_in_an_outage.py::"
        "test_a_completed_job_that_waits_for_the_table_does_not_stall_and_is_not_converted_again",
    ),
    Row(
        "a proxy answers with a page of its own under status 200",
        "that is no answer: the call has failed",
        "tests/integration/test_gateway_pages.py::test_a_page_in_the_place_of_dynamodb_is_a_failure",
    ),
    Row(
        "a proxy answers with JSON of its own under status 200",
        "that is no answer: the call has failed",
        "tests/integration/test_gateway_pages.py::test_json_that_is_no_answer_of_dynamodb_is_a_failure",
    ),
    Row(
        "an answer has other types than DynamoDB's",
        "that is no answer: the call has failed",
        "tests/integration/test_gateway_pages.py::test_an_item_of_dynamodb_that_the_sdk_cannot_read_is_a_failure",
    ),
    Row(
        "one call fails with 500",
        "it is made a second time, within its budget",
        f"{_CALLS}::test_one_failure_of_the_server_is_outlived_within_the_budget",
    ),
    Row(
        "calls fail with 500 again and again",
        "each call is made twice and no more; the job waits",
        f"{_CALLS}::test_a_server_that_keeps_failing_is_asked_twice_and_no_more",
    ),
    Row("DynamoDB throttles", "consumption pauses until a probe gets through; no job is lost", _WAITS),
    Row("DynamoDB does not answer", "consumption pauses until a probe gets through; no job is lost", _WAITS),
    Row("the role may not use the table", "consumption pauses, and `dynamodb.unavailable` is an error", _WAITS),
    Row(
        "the table does not exist",
        "nothing is received, `/readyz` is 503, and `dynamodb.unavailable` is an error",
        f"{_OUTAGES}::test_nothing_is_received_where_the_table_does_not_exist",
    ),
    Row(
        "the table is out of reach for an hour",
        "a message is received a few times, never so often that it goes to the dead-letter queue",
        f"{_PAUSES}::test_an_hour_without_the_table_costs_each_message_a_few_receives_and_no_job",
    ),
    Row(
        "the table is out of reach while every slot is busy",
        "consumption pauses within 15 seconds, and `dynamodb.unavailable` is written once",
        "tests/unit/application/test_pauses_with_all_slots_busy.py"
        "::test_an_outage_of_the_table_is_noticed_while_every_slot_is_busy",
    ),
    Row(
        "workers start anew all the time while the table is out of reach",
        "delays of a message grow with its receives, so that ten of them take more than an hour",
        f"{_PAUSES}::test_ten_receives_of_a_message_outlive_an_hour_without_the_table",
    ),
    Row(
        "one call to the table fails",
        "its job is put off; nothing pauses",
        f"{_PAUSES}::test_one_failure_of_the_table_pauses_nothing",
    ),
    Row(
        "another program has written an item that is no record",
        "`worker jobs` leaves it out",
        "tests/system/test_runs.py::test_an_item_that_is_no_record_is_left_out_of_a_list",
    ),
    Row(
        "the endpoint moves to another address, and the old one takes no connections any more",
        "its name is looked up again after the first connection that fails or is cut off, for each service of AWS",
        "tests/integration/test_aws_clients.py"
        "::test_an_endpoint_that_has_moved_is_looked_up_after_the_first_connection_that_fails",
    ),
)
