"""What the SDK's chain of credentials and its configuration may do."""

from __future__ import annotations

from tests.faults.row import Row

_SYSTEM = "tests/system/test_credentials.py"
_VARIABLES = "tests/unit/test_settings_aws.py"

ROWS = (
    Row(
        "the metadata service has no role yet when the worker starts",
        "the chain is asked again with back-off; one warning names it; `/readyz` is 503, `/livez` 200",
        f"{_SYSTEM}::test_credentials_that_come_late_are_found_and_jobs_run",
    ),
    Row(
        "the metadata service hangs",
        "HTTP answers from the start, and a stop signal ends the wait",
        f"{_SYSTEM}::test_a_metadata_service_that_hangs_delays_neither_http_nor_the_stop",
    ),
    Row(
        "credentials are missing for minutes",
        "one line when they are missed and one when they are found",
        "tests/unit/application/test_credentials_check.py"
        "::test_missing_credentials_are_asked_for_less_and_less_often_and_logged_once",
    ),
    Row(
        "a profile, an endpoint, a region or half a key cannot work",
        "every command ends with exit code 78 and one line that names the variable",
        f"{_SYSTEM}::test_a_configuration_of_the_sdk_that_cannot_work_is_one_line_and_exit_code_78",
    ),
    Row(
        "a file of the SDK cannot be parsed or holds a wrong value",
        "exit code 78 and one line",
        f"{_SYSTEM}::test_a_file_of_the_sdk_that_cannot_work_is_one_line_and_exit_code_78",
    ),
    Row(
        "another variable of the SDK has a value that it does not know",
        "exit code 78 and one line for each",
        f"{_VARIABLES}::test_a_variable_of_the_sdk_that_cannot_work_is_one_line_with_its_name",
    ),
    Row(
        "`HTTPS_PROXY` is no URL of an HTTP proxy",
        "exit code 78; the password in it is not shown",
        f"{_VARIABLES}::test_a_proxy_that_the_sdk_cannot_use_is_named_and_its_password_not_shown",
    ),
    Row(
        "a key was copied with the end of its line",
        "exit code 78; the key is not shown",
        f"{_VARIABLES}::test_a_key_with_a_line_end_is_refused_and_not_shown",
    ),
    Row(
        "the queue is in another region than `AWS_REGION`, at any kind of endpoint",
        "exit code 78 with both regions",
        f"{_VARIABLES}::test_the_region_of_a_queue_is_seen_at_each_kind_of_endpoint",
    ),
    Row(
        "a profile assumes a role from nothing, from a profile that is missing, in a circle, or with a code (MFA)",
        "exit code 78 and one line",
        "tests/unit/adapters/test_aws_session.py::test_a_profile_that_can_give_no_credentials_is_seen_in_the_files",
    ),
    Row(
        "STS refuses the role, or a file, a program or an agent gives no credentials while jobs run",
        "`dependency_unavailable` with the cause, whichever service was to be asked",
        "tests/unit/adapters/test_aws_session.py::"
        "test_whatever_goes_wrong_on_the_way_to_credentials_is_no_answer_of_the_service_that_they_are_for",
    ),
    Row(
        "there is no home directory and no name of the user",
        "nothing needs one",
        f"{_SYSTEM}::test_a_process_without_home_and_name_can_run",
    ),
    Row(
        "`WORKER_QUEUE_URL` has a query, a fragment or anything else behind the queue's name",
        "exit code 78, with the name of the variable",
        "tests/unit/test_settings_queues.py::test_a_url_that_does_not_end_with_a_queues_name_is_refused",
    ),
    Row(
        "keys in a file are replaced while the worker runs, and the old ones end",
        "the new ones are used from the next request on; while the file cannot be read, the old ones are",
        f"{_SYSTEM}::test_keys_that_are_replaced_in_their_file_are_used_for_the_next_request",
    ),
    Row(
        "a file with keys is written in place, and a request comes when it is empty or half written",
        "the old keys are used; neither a container's nor an instance's role is asked for, at no request",
        "tests/unit/adapters/test_aws_key_files.py::"
        "test_while_a_file_is_written_no_other_provider_is_asked_for_its_keys",
    ),
    Row(
        "keys that a profile's role is assumed with are replaced in their file",
        "the role is assumed with the new ones; until STS takes those, the session that it gave before is used",
        "tests/unit/adapters/test_aws_key_files.py::test_an_assumed_role_is_used_until_the_new_keys_may_assume_it",
    ),
    Row(
        "credentials end, and STS or the metadata service takes longer for new ones than a request may",
        "they are asked for once beside the requests, fifteen minutes before the end; requests use the old ones "
        "meanwhile, and wait in the last ten minutes",
        "tests/unit/adapters/test_credentials_refresh.py"
        "::test_a_refresh_that_takes_longer_than_each_request_may_is_begun_once_and_its_keys_are_used",
    ),
    Row(
        "the certificate of an endpoint is of another name, has expired, or nobody trusted has signed it, directly or "
        "behind a proxy; or that of STS is",
        "no request is sent, and the error names `AWS_CA_BUNDLE`",
        "tests/integration/test_aws_certificates.py::test_a_certificate_that_is_not_the_endpoints_gets_no_request",
    ),
    Row(
        "a proxy takes connections and does not answer",
        "the call ends after the time that an endpoint has to be reached and to answer; the error names `HTTPS_PROXY`",
        "tests/integration/test_aws_proxies.py"
        "::test_a_proxy_that_takes_the_connection_and_does_not_answer_is_named_in_time",
    ),
    Row(
        "a proxy cannot be reached, or refuses to connect (407)",
        "the error names `HTTPS_PROXY`, and no password",
        "tests/unit/adapters/test_aws.py::test_a_failure_on_the_way_names_the_variable_to_check",
    ),
)
