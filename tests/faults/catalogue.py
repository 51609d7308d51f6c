"""What can go wrong, what is promised then, and the tests that show it: the table of docs/reliability.md.

A test stands where what it tests stands; here it is only named, so that no fault is written twice. What names
no test says why.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One kind of fault."""

    fault: str
    """What goes wrong."""
    promise: str
    """What the suite does then."""
    tests: tuple[str, ...] = ()
    """Tests that need no cluster, as FILE::NAME under tests/ without parameters."""
    cluster: tuple[str, ...] = ()
    """Tests of ./taskw k8s:test, as FILE::NAME under k8s-tests/."""
    missing: str = ""
    """What is not shown here, and why."""


ROWS = (
    Row(
        "client leaves in the middle of an answer",
        "within a second its place is free and nothing more is computed; `X-Finish: 1` completes and stores",
        (
            "api/test_disconnect.py::test_leaving_stops_the_generation_and_frees_the_place",
            "api/test_disconnect.py::test_an_answer_to_be_finished_is_completed_and_stored_without_its_client",
            "engine/test_ending_early.py::test_leaving_while_queued_frees_the_place_and_costs_no_step",
            "faults/test_pipelined.py::test_leaving_behind_bytes_sent_ahead_frees_the_place",
            "system/test_walking.py::test_closing_the_connection_frees_the_place_within_a_second",
        ),
    ),
    Row(
        "client does not read its answer",
        "after 30 s without a byte taken it is let go; it delays an end by `CHATBOT_DRAIN_SECONDS` at most",
        (
            "faults/test_unread_answers.py::test_an_unread_stream_gives_its_place_up",
            (
                "faults/test_unread_answers.py::"
                "test_an_unread_stream_that_is_to_be_finished_is_completed_and_stored"
            ),
            "faults/test_process.py::test_an_unread_export_delays_the_end_by_the_drain_s_seconds_at_most",
        ),
    ),
    Row(
        "connection cut, reset, slow, delayed, truncated",
        "the place is free within 2 s and the next question is answered",
        (
            "faults/test_fault_proxy.py::test_each_fault_is_what_its_name_says_and_leaves_no_place_taken",
            "faults/test_fault_proxy.py::test_cutting_ends_what_is_under_way",
        ),
    ),
    Row(
        "slow or endless requests, idle connections",
        "heads and bodies end after 30 s; the longest idle make room; probes always pass",
        (
            "faults/test_slow_clients.py::test_a_request_that_never_arrives_is_given_up",
            "faults/test_slow_clients.py::test_a_head_without_end_is_refused_before_it_is_kept",
            "faults/test_many_connections.py::test_the_longest_idle_connections_make_room_for_newcomers",
            "faults/test_many_connections.py::test_probes_pass_while_users_have_all_they_may_have",
            "faults/test_process.py::test_more_connections_than_the_usual_files_shut_nobody_out",
        ),
    ),
    Row(
        "smuggled and ambiguous requests",
        "service, both gateways and the balancer read each of the shapes alike",
        (
            "faults/test_raw_http.py::test_no_two_ways_in_read_a_message_differently",
            "api/test_paths.py::test_what_is_no_route_is_404_and_goes_nowhere_else",
        ),
    ),
    Row(
        "bad bodies: size, type, NaN, surrogates, nesting, huge numbers, compressed",
        "a 4xx in both languages, never 5xx; memory stays flat",
        (
            "system/test_malformed_bodies.py::test_a_malformed_body_gets_its_status_in_both_languages",
            "system/test_malformed_bodies.py::test_malformed_bodies_count_as_nothing_and_leave_memory_flat",
            "api/test_bodies.py::test_size_type_and_encoding_have_their_own_answers",
            "api/test_sound_texts.py::test_a_text_of_a_body_is_refused_or_mended_by_its_type",
            "fuzz/test_foreign_texts.py::test_any_text_of_any_field_is_taken_or_refused",
            "fuzz/test_foreign_texts.py::test_a_card_is_kept_and_told_or_refused",
            "fuzz/test_foreign_texts.py::test_a_turn_from_elsewhere_is_stored_whatever_its_texts",
            "engine/test_rendering_cost.py::test_a_prompt_that_takes_long_holds_up_no_other",
            "engine/test_rendering_cost.py::test_what_cannot_fit_is_refused_after_a_few_slices",
        ),
    ),
    Row(
        "ten times the load",
        "who is let in ends in time, others get 429 and a true `Retry-After`; an idle engine refuses nobody",
        (
            "scheduling/test_overload.py::test_ten_times_overload_keeps_the_goodput_and_ends_in_time",
            "scheduling/test_overload.py::test_retry_after_is_true",
            "scheduling/test_idle_engine.py::test_after_a_crowd_that_stays_away_newcomers_are_let_in",
            (
                "scheduling/test_idle_engine.py::"
                "test_while_a_sequence_is_free_that_nobody_waits_for_nobody_is_refused"
            ),
        ),
        missing="minutes of it over HTTP: `python -m bench.overload`, by hand on a quiet machine",
    ),
    Row(
        "suite killed (SIGKILL)",
        "no half turn; every acknowledged turn is there once and in order; up again after its start",
        (
            "system/test_ending.py::test_sigkill_leaves_only_whole_turns",
            "history/test_history_kill.py::test_a_kill_at_any_moment_loses_and_doubles_nothing",
            "history/test_spool.py::test_no_acknowledged_turn_is_lost_to_a_kill_at_any_moment",
            "history/test_http_kill.py::test_the_suite_is_killed_and_started_again_and_so_is_the_database",
            "faults/test_history_checker.py::test_sqlite_keeps_every_acknowledged_turn_once_and_in_order",
        ),
        ("test_1_suite.py::test_history_survives_the_death_of_service_and_database",),
    ),
    Row(
        "suite told to end (SIGTERM)",
        "what runs is finished, newcomers get 503 with `Retry-After`, exit code 0",
        (
            "system/test_ending.py::test_sigterm_finishes_the_streams_refuses_newcomers_and_leaves",
            "engine/test_ending_early.py::test_draining_refuses_the_new_and_finishes_the_admitted",
        ),
        ("test_2_changes.py::test_a_deleted_pod_finishes_what_it_began",),
    ),
    Row(
        "a pod of several is full, leaves, is gone or killed",
        "another begins the question at once; what a pod may have begun is never asked again",
        (
            "balancing/test_balancing_door.py::test_whoever_would_wait_is_answered_by_a_pod_that_is_free",
            "balancing/test_balancing_door.py::test_who_is_served_elsewhere_leaves_no_promise_behind",
            "balancing/test_balancing_door.py::test_a_pod_that_leaves_finishes_and_newcomers_go_to_the_others",
            "balancing/test_balancing_door.py::test_an_address_that_takes_no_connection_costs_nobody_an_answer",
            "balancing/test_balancing_processes.py::test_a_question_whose_pod_is_killed_is_asked_once",
        ),
    ),
    Row(
        "upgrade and rollback under load",
        "what was admitted is answered; a service of one pod tells newcomers 503 with `Retry-After` until "
        "the next is ready, one of several loses no request",
        cluster=(
            "test_2_changes.py::test_an_upgrade_loses_nothing_and_libs_come_as_an_image",
            "test_2_changes.py::test_a_rollback_loses_nothing",
            "test_2_gateway.py::test_another_gateway_takes_over_without_an_error",
            "test_8_replicas.py::test_no_request_is_lost_while_pods_come_go_and_change",
        ),
    ),
    Row(
        "node lost or drained",
        "the pod is started elsewhere, or its service answers 503",
        cluster=("test_1_ways.py::test_a_dead_service_is_503_and_its_neighbour_answers",),
        missing="the loss of a node: each service is bound to the one node of its card",
    ),
    Row(
        "database away at the start",
        "the suite starts, keeps turns on its disk, and writes them when the database is there",
        ("history/test_mongo_outage.py::test_a_start_without_the_server_is_a_start",),
    ),
    Row(
        "database killed or frozen while the suite runs",
        "answers come with `X-History: kept`; the budget is waited once; nothing is lost or doubled",
        (
            "history/test_http_kill.py::test_the_database_is_killed_and_started_again",
            (
                "history/test_mongo_outage.py::"
                "test_forty_writers_of_one_room_lose_nothing_while_the_server_is_killed"
            ),
            "history/test_mongo_outage.py::test_a_frozen_server_costs_the_budget_once_and_loses_nothing",
            "history/test_resilient.py::test_a_lost_acknowledgement_doubles_nothing",
        ),
        missing="thousands of turns under all of it: `python -m bench.history_check`",
    ),
    Row(
        "database or its volume lost",
        "the last backup brings everybody's turns back; one that fails leaves no half copy and removes none",
        (
            "history/test_backup.py::test_a_copy_holds_everybody_and_nothing_that_was_deleted",
            "history/test_backup.py::test_a_copy_is_whole_while_another_process_writes",
            "history/test_backup.py::test_a_database_that_is_away_leaves_the_copies_as_they_are",
            "history/test_backup.py::test_an_empty_history_takes_no_copy_away",
        ),
        ("test_6_published.py::test_a_backup_is_encrypted_and_brings_back_what_was_deleted",),
    ),
    Row(
        "disk full or read-only",
        "questions of a room are refused before they are computed; deletes work; it is over within seconds",
        (
            (
                "history/test_full_disk.py::"
                "test_a_disk_that_refuses_stops_questions_with_a_room_until_it_takes_them_again"
            ),
            "history/test_full_disk.py::test_little_room_is_noticed_before_a_turn_is_lost_and_deletes_go_on",
        ),
    ),
    Row(
        "many writers of one room",
        "each turn has an index of its own, and the same turn twice is one",
        (
            "history/test_store_contract.py::test_forty_writers_of_one_room_each_get_an_index",
            "history/test_store_contract.py::test_the_same_id_at_the_same_moment_is_stored_once",
        ),
    ),
    Row(
        "clock steps",
        "deadlines and waits use the monotonic clock; a step during a load test shows in its verdict",
        ("loadtest/test_loadtest_records.py::test_a_step_of_the_clock_shows",),
        missing="a step of the machine's own clock, which a test may not set; turns are ordered by index",
    ),
    Row(
        "model file absent, cut or wrong",
        "one sentence that names the setting, exit code 1",
        (
            "system/test_ending.py::test_a_start_that_cannot_work_is_one_sentence_that_names_the_setting",
            "engine/test_fitting.py::test_a_file_that_is_no_model_is_a_sentence",
        ),
        (
            "test_3_models.py::test_a_wrong_hash_is_refused",
            "test_3_models.py::test_a_killed_download_resumes",
        ),
    ),
    Row(
        "engine fails or hangs",
        "only the stream concerned fails; without progress `/healthz` is 503",
        (
            "engine/test_failed_decodes.py::test_refused_rows_fail_only_the_stream_they_belong_to",
            (
                "engine/test_failed_decodes.py::"
                "test_a_context_that_never_recovers_fails_the_model_and_its_liveness"
            ),
            "engine/test_failed_decodes.py::test_a_hanging_step_is_noticed",
        ),
    ),
    Row(
        "search down, slow, huge or nonsense",
        "the answer comes within the budget and says how the search ended",
        (
            "search/test_search_over_http.py::test_every_provider_down_costs_no_answer_and_is_told",
            "search/test_search_over_http.py::test_nobody_listening_costs_no_answer_and_is_told",
            "search/test_fetcher.py::test_a_huge_answer_is_cut_off_and_its_connection_closed",
            "search/test_fetcher.py::test_a_slow_answer_is_a_timeout_even_if_it_drips",
            "search/test_fetcher.py::test_a_redirect_is_not_followed",
        ),
    ),
    Row(
        "OpenAI's key wrong or missing, 429, 5xx, broken text",
        "503, 502, or 429 with a bounded `Retry-After`; the key shows nowhere; nothing unanswered is stored",
        (
            "openai/test_openai_failures.py::test_failures_by_class",
            "openai/test_openai_failures.py::test_without_a_key_the_alias_is_not_configured",
            "openai/test_openai_over_http.py::test_a_wait_beyond_any_calendar_is_a_refusal_with_the_cap",
            "openai/test_openai_over_http.py::test_what_is_answered_is_stored_once_and_says_how_it_ended",
        ),
    ),
    Row(
        "secrets in logs",
        "planted words and keys appear in nothing that a process writes",
        (
            "privacy/test_canaries.py::test_no_planted_word_leaves_the_process",
            "privacy/test_tracebacks.py::test_a_defect_shows_its_frames_once_and_never_the_text",
            "system/test_walking.py::test_no_chat_text_reached_the_log",
        ),
    ),
    Row(
        "keys removed or their file broken",
        "a removed key is refused within a second; a broken file keeps the keys read before",
        (
            "api/test_key_changes.py::test_a_removed_key_is_refused_and_a_new_one_taken_without_a_restart",
            "api/test_key_changes.py::test_a_broken_file_keeps_the_keys_and_is_said_once",
            "faults/test_process.py::test_sighup_reads_the_keys_again_and_ends_nothing",
        ),
    ),
    Row(
        "load generator killed, its disk full, its network cut",
        "the run is called invalid, never passed; no attempt is lost or doubled",
        (
            "loadtest/test_loadtest_kill.py::test_no_kill_loses_doubles_or_tears_an_attempt",
            "loadtest/test_loadtest_ends.py::test_a_disk_that_fills_up_makes_the_run_invalid_in_words",
            "loadtest/test_loadtest_run.py::test_a_dead_generator_and_an_interruption_make_the_run_invalid",
        ),
    ),
    Row(
        "counts that do not agree",
        "client, service and counters agree to the last request",
        (
            "system/test_twenty_at_once.py::test_twenty_at_once_share_each_step_and_every_counter_agrees",
            (
                "loadtest/test_loadtest_run.py::"
                "test_a_good_run_passes_and_agrees_with_the_counters_to_the_last_request"
            ),
        ),
    ),
    Row(
        "a long life",
        "memory, files, threads, queue and KV cells do not grow; p95 drifts by less than 5 %",
        missing="a day of twenty users in time-lapse: `python -m bench.soak`, by hand on a quiet machine",
    ),
)
