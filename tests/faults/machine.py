"""What the machine, the container, and clients of the HTTP port may do."""

from __future__ import annotations

from tests.faults.row import Row

_PORT = "tests/system/test_http_port.py"
_CLIENTS = "tests/unit/adapters/test_http_clients.py"
_GATEWAY = "tests/unit/gateway/test_gateway_deadlines.py"
_MESSAGE = "tests/unit/adapters/test_http_message.py"
_DISK = "tests/system/test_disk.py"
_PASSING = "tests/system/test_passing_sources.py"
_SPACE = "tests/unit/application/test_disk_space.py"
_TIME = "tests/system/test_time.py"

ROWS = (
    Row(
        "5,000 slow clients, or a flood of connections, at the HTTP port",
        "every probe is answered: the oldest unfinished client makes room for the newest",
        f"{_PORT}::test_neither_thousands_of_slow_clients_nor_a_flood_make_a_probe_fail",
    ),
    Row(
        "the process has hardly any descriptors left while clients come",
        "every probe is answered, and no job loses a descriptor to a client for long",
        f"{_PORT}::test_a_worker_with_few_descriptors_answers_beside_slow_clients_and_floods",
    ),
    Row(
        "a flood comes from the network while ECS probes from within the container",
        "probes of the loopback address have a queue of their own",
        f"{_CLIENTS}::test_connections_to_the_loopback_address_have_a_queue_of_their_own",
    ),
    Row(
        "an HTTP client sends its request for ever, byte by byte",
        "it is disconnected after five seconds in all",
        f"{_CLIENTS}::test_a_client_has_one_deadline_for_its_whole_request",
    ),
    Row(
        "an HTTP client does not read its answer",
        "it is disconnected after five seconds",
        f"{_CLIENTS}::test_a_client_that_does_not_read_its_answer_is_disconnected",
    ),
    Row(
        "a client of the gateway sends nothing, or its request for ever, byte by byte",
        "it is disconnected after ten seconds in all; ten more after an early answer for the rest of a body",
        f"{_GATEWAY}::test_a_client_that_sends_its_request_for_ever_byte_by_byte_is_disconnected",
    ),
    Row(
        "clients that complete no request have all connections of the gateway",
        "others are answered with 503 until these are disconnected",
        "tests/system/test_gateway_metrics.py::test_clients_that_complete_no_request_make_room_for_others",
    ),
    Row(
        "a client of the gateway does not read its answer",
        "it is disconnected after a minute",
        f"{_GATEWAY}::test_a_client_that_takes_nothing_of_its_answer_is_disconnected",
    ),
    Row(
        "something that is not HTTP, or far too long, arrives at the HTTP port",
        "a refusal with the status that fits (400, 405, 414, 431, 505), and nothing is logged",
        f"{_MESSAGE}::test_what_is_no_request_is_refused_with_the_status_that_fits",
    ),
    Row(
        "a cleaner of temporary files removes the workspace",
        "it is made again; jobs that ran in it are tried again",
        "tests/system/test_workspace.py::test_a_workspace_that_is_cleaned_away_is_made_again_and_jobs_complete",
    ),
    Row(
        "the workspace has become a link to a volume that is not mounted, or a file",
        "the job is tried again, and consumption pauses until a probe can write",
        "tests/unit/application/test_workspace.py"
        "::test_where_the_workspace_cannot_be_made_again_the_job_is_tried_again_later",
    ),
    Row(
        "the workspace is out of bytes, inodes or quota, read-only, or gone, or no descriptor is left for it",
        "`workspace_full` or `dependency_unavailable`: the job is tried again",
        "tests/unit/application/test_workspace.py::test_an_error_of_the_disk_within_a_job_says_whose_it_is",
    ),
    Row(
        "no descriptor, process or memory is left to start a converter",
        "the attempt ends as `dependency_unavailable`, which uses up none, and the other converters go on",
        "tests/integration/test_launch_failures.py::test_a_launcher_without_descriptors_goes_on",
    ),
    Row(
        "a small source decodes to more than the whole workspace",
        "it fails at once with both numbers, and jobs beside it complete",
        f"{_DISK}::test_a_small_file_that_decodes_to_far_more_than_the_disk_fails_at_once_and_its_neighbours_complete",
    ),
    Row(
        "a WAV is larger than the workspace",
        "it is converted while it is downloaded, and what has been read is given back; any other source that does not "
        "fit is `source_too_large`",
        f"{_PASSING}::test_a_source_larger_than_the_disk_becomes_the_outputs_that_a_large_disk_gives",
    ),
    Row(
        "such a WAV breaks off while it is converted",
        "it is resumed, and takes no more of the workspace than its window",
        f"{_PASSING}::test_a_passing_source_that_breaks_off_is_resumed_and_takes_no_more_than_its_window",
    ),
    Row(
        "the converter of such a WAV dies",
        "the attempt ends as `converter_crashed`, and the next one downloads it again",
        f"{_PASSING}::test_a_killed_converter_of_a_passing_source_costs_an_attempt",
    ),
    Row(
        "the workspace's file system cannot give back parts of files",
        "a WAV that does not fit is `source_too_large`",
        "tests/unit/application/test_passing_sources.py"
        "::test_a_file_system_that_gives_nothing_back_ends_the_job_as_too_large",
    ),
    Row(
        "more jobs run at once than the workspace has space for",
        "each reserves what it needs and waits for it, with its lease renewed and no attempt used up",
        f"{_DISK}::test_more_jobs_than_fit_wait_for_each_other_and_are_started_once_each",
    ),
    Row(
        "a worker is killed while jobs wait for space",
        "another one does them",
        f"{_DISK}::test_a_killed_worker_whose_jobs_waited_for_space_loses_none",
    ),
    Row(
        "small jobs keep coming while a large one waits for space, or large ones while a small one waits",
        "each job is overtaken a bounded number of times",
        "tests/property/test_shared_disk.py::test_every_job_is_served_and_overtaken_a_bounded_number_of_times",
    ),
    Row(
        "a job waits for space for a quarter of an hour",
        "it is given back for another worker, and no attempt is used up",
        f"{_SPACE}::test_a_job_for_which_there_is_no_space_in_a_quarter_of_an_hour_is_given_back_and_no_attempt_is_used_up",
    ),
    Row(
        "something else fills the workspace's disk",
        "jobs that do not fit are given back at once, and no attempt is used up",
        f"{_SPACE}::test_what_others_than_the_worker_have_written_is_not_waited_for",
    ),
    Row(
        "an output becomes larger than its bitrate and length let expect",
        "the converter is stopped at the size that is reserved, and runs again with more",
        f"{_SPACE}::test_an_output_that_outgrows_its_estimate_is_converted_again_with_more_space",
    ),
    Row(
        "the workspace is out of inodes",
        "`workspace_full`, and the message says inodes",
        f"{_DISK}::test_a_disk_without_inodes_says_so_and_the_job_completes_when_there_are_some",
    ),
    Row(
        "a worker stands still (SIGSTOP) for longer than its lease",
        "another one takes the job over, as one more start; the first publishes nothing when it goes on",
        f"{_TIME}::test_a_worker_that_stood_still_for_longer_than_its_lease_publishes_nothing_when_it_goes_on",
    ),
    Row(
        "the launcher stands still while a job has to be stopped",
        "it is killed after ten seconds, with all its converters; the next conversion starts another",
        "tests/integration/test_launcher.py"
        "::test_a_launcher_that_stands_still_is_killed_when_its_converter_is_not_wanted_any_more",
    ),
    Row(
        "a worker stands still for less than its lease",
        "nothing",
        f"{_TIME}::test_a_worker_that_stood_still_for_less_than_its_lease_goes_on_as_if_nothing_had_been",
    ),
    Row(
        "a worker's clock jumps by an hour while jobs run",
        "its jobs complete in one start each",
        f"{_TIME}::test_a_clock_that_jumps_an_hour_while_a_job_runs_costs_it_nothing",
    ),
    Row(
        "a worker's clock is an hour fast, and it receives a second message of a job that runs elsewhere",
        "it takes the job over, as one more start; one of the two completes it",
        f"{_TIME}::test_a_worker_whose_clock_is_an_hour_fast_takes_over_a_live_claim_and_the_job_still_ends_once",
    ),
    Row(
        "a worker's clock is an hour fast, and it is killed over a job",
        "another one takes the job over when it has seen the claim unchanged for a lease",
        f"{_TIME}::test_a_job_of_a_worker_whose_clock_was_an_hour_fast_goes_on_a_few_leases_after_its_death",
    ),
    Row(
        "a worker gets a tenth of a CPU",
        "it keeps its leases, and does each job once",
        f"{_TIME}::test_a_worker_with_a_tenth_of_a_cpu_keeps_its_leases_and_does_each_job_once",
    ),
    Row(
        "no thread can be started when the worker starts",
        "it ends with one line that names the limit",
        "tests/unit/adapters/test_threads.py"
        "::test_a_worker_that_cannot_have_its_threads_is_refused_and_leaves_none_behind",
    ),
    Row(
        "no thread can be started while jobs run",
        "file access and look-ups of names wait for one of the threads that run already",
        "tests/unit/adapters/test_threads.py::test_an_executor_whose_threads_run_takes_work_at_the_limit",
    ),
    Row(
        "a control group, its parent or the ECS task allows fewer CPUs than the machine has",
        "the default of `WORKER_CONCURRENCY` is that number",
        "tests/unit/adapters/test_machine.py::test_the_tightest_group_is_the_limit_be_it_the_own_one_or_one_above",
    ),
    Row(
        "the container's memory does not suffice for all slots, or for a workspace in memory",
        "it is said at the start: `memory.overcommitted`",
        "tests/system/test_limits_of_the_machine.py"
        "::test_the_task_decides_how_many_jobs_run_at_once_and_memory_that_may_not_suffice_is_said",
    ),
    Row(
        "the metadata endpoint of ECS does not answer, or says something else",
        "the limits that the kernel shows are used",
        "tests/unit/adapters/test_machine.py::test_an_endpoint_that_cannot_be_asked_changes_none",
    ),
    Row(
        "the workspace cannot be written: gone, read-only, full",
        "consumption pauses until a probe can write; starts that ended by it do not count, but for a full disk",
        "tests/unit/application/test_pauses.py"
        "::test_a_workspace_that_cannot_be_written_pauses_consumption_and_uses_up_no_attempt",
    ),
    Row(
        "a presigned URL was pasted as a key",
        "its signature is redacted in the record, Redis, DynamoDB, the attributes of the dead letter and the log",
        "tests/system/test_secrets.py::test_a_signature_in_the_key_of_a_source_is_redacted_everywhere",
    ),
    Row(
        "a key of an object holds control characters or line breaks",
        "every command escapes them",
        "tests/unit/test_cli_reading.py::test_keys_of_objects_cannot_forge_lines_or_control_the_terminal",
    ),
    Row(
        "a message names a bucket that no bucket can be",
        "it is refused with the field's name, and S3 is not asked",
        "tests/unit/test_message.py::test_a_name_that_no_bucket_can_have_is_refused",
    ),
    Row(
        "the name of a control group or of its mount point has blanks or is no UTF-8",
        "its limits are found",
        "tests/unit/adapters/test_machine.py::test_a_group_and_a_mount_point_with_any_name_are_found",
    ),
    Row(
        "other workers of the same user reserve space on the same file system",
        "what they have reserved is not given to jobs; a job waits until theirs have ended, for a quarter of an hour",
        f"{_DISK}::test_two_workers_on_one_disk_do_not_give_the_same_space_to_their_jobs",
    ),
)
