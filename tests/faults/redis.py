"""What Redis, and the way to it, may do. None of it is more than an outage: jobs go on, and progress to DynamoDB."""

from __future__ import annotations

from tests.faults.row import Row

_OUTAGE = "tests/system/test_redis_outage.py::test_jobs_complete_through_an_outage_that_is_logged_once"
_WRONG = "tests/integration/test_redis_wrong_server.py"
_FAR = "tests/integration/test_redis_far_away.py"
_ON_DYNAMODB = "jobs complete; progress goes to DynamoDB within"

ROWS = (
    Row("nothing listens at Redis' port", f"{_ON_DYNAMODB} 50 ms", _OUTAGE),
    Row("Redis is killed", f"{_ON_DYNAMODB} 50 ms", _OUTAGE),
    Row("Redis hangs, or its packets are lost", f"{_ON_DYNAMODB} 350 ms", _OUTAGE),
    Row("the primary becomes a replica", f"{_ON_DYNAMODB} 50 ms; the name is looked up again", _OUTAGE),
    Row("Redis has no memory left, or not enough replicas", f"{_ON_DYNAMODB} 50 ms", _OUTAGE),
    Row("the password of Redis is changed", f"{_ON_DYNAMODB} 50 ms", _OUTAGE),
    Row(
        "its certificate has expired, is not yet valid, is of another name, or nobody trusted has signed it",
        "an outage, with that as its reason",
        "tests/integration/test_redis_wrong_server.py::test_what_is_wrong_with_a_certificate_is_named",
    ),
    Row("only one side has TLS", f"{_ON_DYNAMODB} 350 ms", _OUTAGE),
    Row("the look-up of Redis' name hangs", f"{_ON_DYNAMODB} 350 ms; DynamoDB's is not held up", _OUTAGE),
    Row(
        "no thread can be started for the look-up of Redis' name",
        "an outage of Redis; nothing is leaked, and Redis is back with the first thread",
        "tests/system/test_thread_limit.py::test_where_no_thread_can_be_started_redis_is_out_and_jobs_complete",
    ),
    Row(
        "Redis closes idle connections, or forgets scripts",
        "no outage: the write is repeated at once",
        "tests/system/test_redis_outage.py::test_closed_connections_and_forgotten_scripts_are_no_outage",
    ),
    Row(
        "Redis is in protected mode",
        "an outage whose reason says so; the doctor says what to set",
        "tests/unit/adapters/test_redis_errors.py::test_a_reply_is_recognised_by_its_code",
    ),
    Row(
        "its certificate is one that Python refuses since 3.13, by the letter of RFC 5280",
        "an outage whose reason says so, and not that nobody trusted has signed it",
        "tests/unit/adapters/test_redis_errors.py::"
        "test_a_certificate_that_only_python_3_13_refuses_is_not_called_untrusted",
    ),
    Row(
        "REDIS_PORT is that of a sentinel",
        "an outage whose reason says so; the doctor says what to set",
        f"{_WRONG}::test_the_port_of_a_sentinel_is_named",
    ),
    Row(
        "REDIS_PORT is that of an HTTP server",
        "an outage whose reason says so; the doctor says what to set",
        f"{_WRONG}::test_the_port_of_an_http_server_is_named",
    ),
    Row(
        "a node redirects to a node, a port or a name that cannot be, or the reply cannot be read at all",
        "an outage whose reason says so; jobs complete",
        "tests/system/test_redis_outage.py::test_redirections_that_lead_nowhere_are_an_outage_and_jobs_complete",
    ),
    Row(
        "a node refuses the request for a slot that is moved to it",
        "an outage whose reason says so; no job is given the record of another",
        "tests/integration/test_redis_cluster.py"
        "::test_a_node_that_refuses_a_slot_on_its_way_gives_no_job_the_record_of_another",
    ),
    Row(
        "one of several addresses of the name accepts connections and never answers",
        "the next attempts go to the others first",
        "tests/integration/test_redis_addresses.py::test_each_attempt_goes_to_an_address_that_has_not_failed_since",
    ),
    Row(
        "one of several addresses of the name is that of a replica, which refuses writes",
        "the next attempts go to the others first",
        "tests/integration/test_redis_addresses.py::test_an_address_that_is_no_primary_is_left_for_the_others",
    ),
    Row(
        "a reply comes twice, or the key of a job holds the record of another",
        "no job is given the record of another; the connection is closed",
        "tests/integration/test_redis_stray_replies.py"
        "::test_a_reply_that_is_sent_twice_is_thrown_away_with_its_connection",
    ),
    Row(
        "the reply to an earlier write comes again while another one is under way",
        "the write counts as failed, and the connection is closed",
        "tests/integration/test_redis_stray_replies.py::test_the_reply_to_another_write_is_none_to_this_one",
    ),
    Row(
        "the user has no rights to keys, commands or channels",
        "an outage whose reason names the right; the doctor says what to allow",
        f"{_WRONG}::test_the_right_that_a_user_lacks_is_named",
    ),
    Row(
        "Redis is far away",
        "readers give it the time that the settings allow, and what it says is fresh",
        f"{_FAR}::test_what_a_slow_redis_says_is_fresh_from_the_first_read",
    ),
    Row(
        "DynamoDB is out while a reader asks for a finished job",
        "the final record of Redis is shown",
        f"{_FAR}::test_a_completed_job_can_be_read_from_a_slow_redis_while_dynamodb_is_out",
    ),
    Row(
        "Redis is out while a reader asks for a finished job",
        "the final record of DynamoDB is shown, and Redis is not waited for",
        "tests/unit/application/test_reader.py::test_a_final_record_in_dynamodb_is_not_waited_for_elsewhere",
    ),
)
