"""What S3, and the way to it, may do."""

from __future__ import annotations

from tests.faults.row import Row

_FAULTS = "tests/integration/test_s3_faults.py"
_UPLOADS = "tests/integration/test_s3_uploads.py"

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
        "an endpoint never takes the body of an upload",
        "the call is given up after 120 s",
        f"{_FAULTS}::test_an_endpoint_that_never_takes_the_body_does_not_hold_the_job",
    ),
    Row(
        "a part of an upload is refused",
        "the upload is aborted, and the reason is that of the part",
        f"{_UPLOADS}::test_an_upload_that_fails_midway_is_aborted_and_tells_why",
    ),
    Row(
        "the answer to CompleteMultipartUpload is lost",
        "the job completes if our object stands at the target",
        f"{_UPLOADS}::test_a_completion_whose_answer_was_lost_is_believed_if_our_object_stands_there",
    ),
)
