"""What S3, and the way to it, may do."""

from __future__ import annotations

from tests.faults.row import Row

_FAULTS = "tests/integration/test_s3_faults.py"
_UPLOADS = "tests/integration/test_s3_uploads.py"
_AHEAD = "tests/system/test_uploads_ahead.py"
_EARLY = "tests/system/test_early_conversions.py"
_OTHERS = "tests/integration/test_s3_other_stores.py"
_WIRE = "tests/integration/test_s3_wire.py"
_ERRORS = "tests/unit/adapters/test_s3_errors.py"
_PAUSES = "tests/unit/application/test_pauses.py"
_PERMANENT = f"{_ERRORS}::test_a_refusal_is_permanent_and_says_whose_it_is"
_TRANSIENT = f"{_ERRORS}::test_what_passes_by_itself_is_tried_again"

ROWS = (
    Row(
        "the body of a source breaks off",
        "the download is resumed where it stopped, of the same ETag",
        f"{_FAULTS}::test_a_body_that_breaks_off_is_resumed_where_it_stopped",
    ),
    Row(
        "the body of a source breaks off again and again",
        "after five times without progress the attempt ends as `dependency_unavailable`",
        f"{_FAULTS}::test_a_body_that_breaks_off_again_and_again_is_given_up",
    ),
    Row(
        "a source is replaced while it is read",
        "the two are not mixed: the attempt ends as `source_changed`",
        f"{_FAULTS}::test_a_source_that_is_replaced_while_it_is_read_is_not_mixed",
    ),
    Row(
        "a source breaks off, or is replaced, while it is downloaded and converted at once",
        "the converter waits for the rest; of a replaced source nothing is kept, and the next attempt has the new one",
        f"{_EARLY}::test_a_source_that_is_replaced_during_an_early_conversion_is_converted_as_it_is_then",
    ),
    Row(
        "an endpoint never takes the body of an upload",
        "the call is given up after 120 s",
        f"{_FAULTS}::test_an_endpoint_that_never_takes_the_body_does_not_hold_the_job",
    ),
    Row(
        "a part of an upload fails while the output is still converted",
        "nothing is lost: the output is uploaded from its beginning when it is done",
        f"{_UPLOADS}::test_a_part_that_fails_while_the_file_is_written_is_no_error_and_all_is_sent_anew",
    ),
    Row(
        "a worker is killed while it uploads what it converts",
        "the next attempt drops the parts, and nothing of the output was visible",
        f"{_AHEAD}::test_the_parts_of_a_killed_worker_are_dropped_by_the_next",
    ),
    Row(
        "the answer to the beginning of an upload in parts is lost",
        "the upload is begun again, and the first one is aborted when that is done",
        "tests/integration/test_s3_faults.py"
        "::test_an_upload_whose_beginning_was_not_answered_leaves_no_other_one_behind",
    ),
    Row(
        "a part of an upload is refused",
        "the upload is aborted, and the reason is that of the part",
        f"{_UPLOADS}::test_an_upload_that_fails_midway_is_aborted_and_says_why",
    ),
    Row(
        "the answer to CompleteMultipartUpload is lost",
        "the job completes if our object stands at the target",
        f"{_UPLOADS}::test_a_completion_whose_answer_was_lost_counts_if_our_object_stands_there",
    ),
    Row("a source or its bucket does not exist", "the job fails as `source_not_found`", _PERMANENT),
    Row("the role may not read a source or write a target", "the job fails as `access_denied`", _PERMANENT),
    Row(
        "a source is encrypted with a key of its own (SSE-C)",
        "the job fails as `access_denied`, and the message says so",
        _PERMANENT,
    ),
    Row(
        "the KMS key of an object is disabled, missing or to be deleted",
        "the job fails as `access_denied` (source) or `target_refused`; the message names KMS's code",
        _PERMANENT,
    ),
    Row("a source is archived in Glacier", "the job fails as `access_denied`: it must be restored first", _PERMANENT),
    Row("the bucket of a target does not exist", "the job fails as `target_refused`", _PERMANENT),
    Row("the bucket has ACLs switched off", "the job fails as `target_refused`: unset `WORKER_S3_ACL`", _PERMANENT),
    Row("the bucket's quota is used up", "the job fails as `target_refused`", _PERMANENT),
    Row("an endpoint does not know a request (405, 501)", "the job fails with what to change", _PERMANENT),
    Row(
        "S3 refuses a target with a code that is new",
        "the job fails as `target_refused`, with the code in its message",
        "tests/unit/adapters/test_s3_errors.py"
        "::test_only_a_target_is_refused_for_good_by_a_refusal_that_says_nothing_of_rights",
    ),
    Row(
        "an answer is none that S3 documents: 304, 418, a 400 without a code",
        "the attempt ends as `dependency_unavailable`, with the code or the status in its message",
        _TRANSIENT,
    ),
    Row(
        "a gateway refuses with a page of HTML",
        "the HTTP status decides, and stands in the message",
        f"{_OTHERS}::test_a_page_of_a_gateway_is_judged_by_its_status",
    ),
    Row(
        "a gateway answers the calls of an upload with a page of HTML",
        "the attempt ends as `dependency_unavailable`",
        f"{_OTHERS}::test_an_upload_whose_answers_lack_their_members_is_no_bug_of_ours",
    ),
    Row("credentials expire, or the clock is skewed", "the attempt ends as `dependency_unavailable`", _TRANSIENT),
    Row(
        "credentials expire, and the first call of a job is one to HEAD, whose answer has no code",
        "the attempt ends as `dependency_unavailable`",
        "tests/system/test_s3_faults.py"
        "::test_expired_credentials_fail_no_job_although_s3_cannot_say_so_in_its_answer_to_head",
    ),
    Row("S3 or its key service throttles", "the SDK repeats the call, then the job is tried again", _TRANSIENT),
    Row("another request for the same object is under way (409)", "the job is tried again", _TRANSIENT),
    Row("a body is damaged or cut short on its way to S3", "the job is tried again", _TRANSIENT),
    Row("an upload was aborted by another program", "the job is tried again with a new upload", _TRANSIENT),
    Row(
        "a bucket is new and S3 redirects (307)",
        "the request is signed again for the new host, three times at most, never from TLS to plain HTTP",
        f"{_WIRE}::test_a_redirection_is_followed_with_a_signature_for_the_new_host",
    ),
    Row(
        "redirections go round in a circle",
        "the attempt ends as `dependency_unavailable`",
        f"{_WIRE}::test_a_redirection_that_leads_nowhere_ends",
    ),
    Row(
        "an endpoint never says `100 Continue`",
        "no body waits for it",
        f"{_FAULTS}::test_an_endpoint_that_never_says_100_continue_gets_the_body",
    ),
    Row(
        "an endpoint refuses a body without reading it",
        "the refusal is understood",
        f"{_WIRE}::test_an_endpoint_that_refuses_a_body_without_reading_it_is_understood",
    ),
    Row(
        "an endpoint knows no checksums",
        "none is sent with `AWS_REQUEST_CHECKSUM_CALCULATION=when_required`; else that is the job's error",
        f"{_WIRE}::test_where_the_sdk_is_told_to_send_no_checksums_none_is_sent",
    ),
    Row(
        "an endpoint wants the bucket in the host's name (Alibaba's OSS, Tencent's COS)",
        "it is there with `addressing_style = virtual` in the SDK's configuration file; else that is the job's error",
        "tests/integration/test_s3_addresses.py::"
        "test_another_store_has_its_buckets_in_the_path_unless_the_files_of_the_sdk_say_otherwise",
    ),
    Row(
        "an answer has no Content-Length or no ETag",
        "the body is streamed up to `WORKER_MAX_SOURCE_BYTES`",
        f"{_OTHERS}::test_a_source_without_length_or_etag_is_downloaded",
    ),
    Row(
        "such a body breaks off",
        "it is not resumed: the attempt ends as `dependency_unavailable`",
        f"{_OTHERS}::test_a_source_without_length_or_etag_that_breaks_off_is_not_taken_for_whole",
    ),
    Row(
        "a proxy that compresses has made ETags weak, for which no condition holds",
        "such an answer counts as one without an ETag",
        f"{_OTHERS}::test_a_weak_etag_is_none_because_no_condition_holds_for_it",
    ),
    Row(
        "an access point needs what the SDK does not have",
        "the job fails as `access_denied` or `target_refused`",
        f"{_OTHERS}::test_an_access_point_that_the_sdk_cannot_reach_is_a_permanent_refusal",
    ),
    Row(
        "S3 is out while outputs are uploaded",
        "each upload is repeated for a minute and a half, nothing is converted again, and the claim is confirmed",
        "tests/unit/application/test_job_runner.py"
        "::test_an_upload_that_fails_is_repeated_before_anything_is_converted_again",
    ),
    Row(
        "S3 answers 503 to an upload, longer than the SDK repeats a call",
        "the job completes in the same attempt, with one download and one conversion",
        "tests/system/test_s3_faults.py::test_an_outage_of_s3_at_the_upload_costs_no_second_conversion",
    ),
    Row(
        "S3 answers 503 to everything",
        "consumption pauses until a probe gets through; the starts do not count as attempts for twelve hours",
        "tests/system/test_aws_outages.py::test_jobs_wait_for_an_s3_that_answers_503_to_everything",
    ),
    Row(
        "S3 is away for hours",
        "no job fails by it",
        f"{_PAUSES}::test_hours_without_s3_fail_no_job_and_use_up_no_attempt",
    ),
    Row(
        "S3 cannot give one object, hour after hour",
        "its job is retried for twelve hours and then fails; nothing pauses",
        f"{_PAUSES}::test_a_job_that_s3_does_not_serve_for_twelve_hours_fails_with_its_code",
    ),
    Row(
        "S3 refuses all rights: ten jobs in a row, of different buckets",
        "consumption pauses, and `consumption.paused` is an error",
        f"{_PAUSES}::test_ten_jobs_of_different_buckets_that_are_denied_in_a_row_are_a_role_and_pause_consumption",
    ),
    Row(
        "a proxy answers an upload with a page of its own under status 200",
        "that is no answer: the upload is repeated",
        "tests/integration/test_gateway_pages.py::test_a_page_in_the_place_of_s3_is_no_upload",
    ),
    Row(
        "a proxy answers a download with a page of its own under status 200",
        "that is no source: the attempt ends as `dependency_unavailable`",
        "tests/integration/test_gateway_pages.py::test_a_page_in_the_place_of_a_source_is_no_source",
    ),
    Row(
        "a header of an answer is no date or number where S3 has one",
        "that is no answer: the attempt ends as `dependency_unavailable`",
        f"{_OTHERS}::test_an_answer_with_a_header_that_cannot_be_read_is_no_bug_of_ours",
    ),
    Row(
        "a store refuses to replace an object that the worker replaces without a condition (412)",
        "the job fails as `target_refused`, with the code in its message",
        "tests/system/test_s3_faults.py::test_a_refusal_that_stays_fails_the_job_at_once_and_says_whose_it_is",
    ),
    Row(
        "a bucket is in another region than the one that is asked (301, AuthorizationHeaderMalformed)",
        "the SDK asks there; where that is refused, too, the message names `AWS_REGION`",
        f"{_ERRORS}::test_a_bucket_of_another_region_is_named_as_one_where_the_answer_has_no_code",
    ),
    Row(
        "S3 hangs while a worker stops over an upload",
        "the worker waits a second for the abort; the end of the job is recorded, and its message given back in time",
        "tests/system/test_s3_faults.py::"
        "test_a_worker_that_stops_while_s3_hangs_records_the_end_of_its_job_and_gives_it_back",
    ),
)
