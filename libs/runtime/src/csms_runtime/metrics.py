"""THE catalogue of metrics: every Prometheus metric of every service is a constant here, in the section of its owner.

Names start with `csms_`, end with their unit, and counters with `_total`. Labels have few values: never a station's id.
Everything is in `prometheus_client`'s default registry; the name's beginning says which services tell it on `/metrics`
(`csms_runtime.exposition`).
"""

from typing import Any, Self

import prometheus_client
from prometheus_client.metrics import MetricWrapperBase

from csms_runtime.loop_metrics import LoopCounter, LoopGauge, LoopHistogram, ReplacedGauge


class _CachedLabels(MetricWrapperBase):
    """Finds a child by its label values at once; prometheus_client checks and converts all of them each time."""

    def labels(self, *values: Any, **named: Any) -> Self:  # noqa: ANN401 as prometheus_client has it
        """See prometheus_client."""
        if named:
            return super().labels(*values, **named)
        children: dict[tuple[Any, ...], Self] = self.__dict__.setdefault("_found", {})
        child = children.get(values)
        if child is None:
            child = children[values] = super().labels(*values)
        return child

    def remove(self, *labelvalues: Any) -> None:  # noqa: ANN401 as prometheus_client has it
        """See prometheus_client. Does nothing for a child that is not there."""
        self.__dict__.get("_found", {}).pop(labelvalues, None)
        super().remove(*labelvalues)


class Counter(_CachedLabels, prometheus_client.Counter):
    """A counter."""


class Gauge(_CachedLabels, prometheus_client.Gauge):
    """A gauge."""


class Histogram(_CachedLabels, prometheus_client.Histogram):
    """A histogram."""


_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# ---- HTTP APIs (csms_runtime.http) -----------------------------------------------------------------------------------

HTTP_REQUESTS = Counter(
    "csms_http_requests_total",
    "HTTP requests answered, by method, route template (never the path itself) and status",
    ["method", "route", "status"],
)
HTTP_CONNECTIONS_CROWDED_OUT = Counter(
    "csms_http_connections_crowded_out_total",
    "HTTP connections without a request that were ended because there were too many",
)
HTTP_WRONG_KEYS = Counter("csms_http_wrong_keys_total", "Keys and tokens that were not valid, by answer", ["status"])
HTTP_REQUEST_SECONDS = Histogram(
    "csms_http_request_duration_seconds",
    "Time from an HTTP request's arrival until its answer was sent",
    ["method", "route"],
    buckets=_LATENCY_S,
)

AUDIT_LOST = Counter(
    "csms_audit_lost_total",
    "Entries of the audit log that were given up, by reason: full, stopped (the bus was away for too long), flood (too "
    "many requests without a valid key), too_large",
    ["reason"],
)

# ---- Process (csms_runtime) ------------------------------------------------------------------------------------------

COMPONENT_HEALTHY = Gauge(
    "csms_component_healthy",
    "1 when a part of the process works, 0 when it does not: what /readyz is made of",
    ["component"],
)
TLS_FILES_READ = Counter(
    "csms_tls_files_read_total",
    "Times changed TLS files were read, by whose (as of csms_tls_files_usable) and outcome: done, failed (the former "
    "ones stay)",
    ["whose", "outcome"],
)
TLS_FILES_USABLE = Gauge(
    "csms_tls_files_usable",
    "1 when TLS files could be used as they were when they were last looked at, 0 when the former ones stay in use, by "
    "whose: stations (the gateway's own), kafka, database, est",
    ["whose"],
)
SECRET_KEY_OTHERS_USED = Counter(
    "csms_secret_key_others_used_total",
    "Times something was opened or verified with a key of CSMS_SECRET_KEY_OTHERS, by what: sealed (records, kept "
    "answers), password, key_code",
    ["what"],
)
DEPENDENCY_ANSWER_SECONDS = Gauge(
    "csms_dependency_answer_seconds",
    "Time that the last sign of life of a database or of Kafka took; while there is none, how long it is waited for",
    ["dependency"],
)
BUILD_INFO = Gauge(
    "csms_build_info",
    "Always 1: which version of which program the process runs, and of which commit it was built (unknown: not in an "
    "image)",
    ["program", "version", "revision", "python"],
)

# ---- Database (csms_db) ----------------------------------------------------------------------------------------------

DB_TRANSACTION_SECONDS = Histogram(
    "csms_db_transaction_duration_seconds",
    "Time a database transaction took, waiting for its connection included, by outcome (committed, rolled_back)",
    ["database", "outcome"],
    buckets=_LATENCY_S,
)
DB_UNAVAILABLE = Counter(
    "csms_db_unavailable_total",
    "Times the database could not be used for the moment: connection lost, lock timeout, serialization, disk full",
    ["database"],
)
DB_POOL_CONNECTIONS = Gauge(
    "csms_db_pool_connections",
    "Connections to the database, by state: in_use, idle. SQLite has one writer and some readers",
    ["database", "state"],
)
DB_POOL_SIZE = Gauge("csms_db_pool_size", "Most connections that the process opens to the database", ["database"])
DB_POOL_WAITING = Gauge(
    "csms_db_pool_waiting", "Transactions that wait for a connection, also for one that is being opened", ["database"]
)
DB_OLD_ROWS_DELETED = Counter(
    "csms_db_old_rows_deleted_total",
    "Rows that were deleted since they were older than they are to be kept, by kind",
    ["database", "kind"],
)
DB_OLD_ROWS_LEFT = Gauge(
    "csms_db_old_rows_left",
    "1 while rows are left that are older than they are to be kept, or could not be deleted: for long, deleting does "
    "not keep up. Take the minimum of the replicas, each of which deletes",
    ["database"],
)
OUTBOX_RECORDS = Gauge(
    "csms_outbox_records",
    "Records committed but not yet published; 1000: so many or more",
    ["database"],
)
OUTBOX_AGE_SECONDS = Gauge(
    "csms_outbox_oldest_age_seconds",
    "Age of the oldest record that is committed but not yet published; 0 when there is none",
    ["database"],
)
OUTBOX_PUBLISHED = Counter(
    "csms_outbox_published_total",
    "Records published from the outbox",
    ["database"],
)
OUTBOX_SET_ASIDE = Counter(
    "csms_outbox_set_aside_total",
    "Records of the outbox that can never be published, set aside for people to look at",
    ["database", "topic"],
)

# ---- Transactions (csms_transactions) --------------------------------------------------------------------------------

TRANSACTION_EVENTS = Counter(
    "csms_transaction_events_total",
    "TransactionEvents handled, by what became of them: stored, repeat (known already), conflict (stored beside "
    "another with its seqNo), invalid (answered with a CALLERROR)",
    ["outcome"],
)
TRANSACTION_EVENTS_LATE = Counter(
    "csms_transaction_events_late_total",
    "Stored TransactionEvents that came after one with a higher seqNo",
)
TRANSACTION_EVENTS_MISSED = Counter(
    "csms_transaction_events_missed_total",
    "seqNos that were skipped when a later event was stored; late events that fill such a gap are counted apart",
)
TRANSACTION_CHANGES = Counter(
    "csms_transaction_changes_total",
    "Transactions that became known (started), changed (updated) or finished (ended)",
    ["change"],
)
TRANSACTION_BATCH_RECORDS = Histogram(
    "csms_transactions_batch_records",
    "Records handled in one database transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
TRANSACTION_TOKEN_ANSWER_SECONDS = Histogram(
    "csms_transactions_token_answer_duration_seconds",
    "Time auth took to answer a batch's question about tokens, by outcome (answered, none)",
    ["outcome"],
    buckets=_LATENCY_S,
)
TRANSACTION_REPLIES_DROPPED = Counter(
    "csms_transactions_replies_dropped_total",
    "Answers nobody gets, by reason: late (the gateway waits no more), unpublished (the bus did not take it)",
    ["reason"],
)
TRANSACTION_ENERGY = Counter(
    "csms_transaction_energy_watt_hours_total",
    "Energy that became known, as events were stored. Its rate times 3600 is the power of all in watts, as an average "
    "over the time between meter values",
)
TRANSACTIONS_RUNNING = ReplacedGauge(
    "csms_transactions_running",
    "Transactions that have not ended, by the charging state that was told last (None: it told none). Each replica "
    "tells what one of them counted: take the maximum, never the sum",
    ["charging_state"],
)
TRANSACTIONS_COUNTED = Gauge(
    "csms_transactions_counted_timestamp_seconds", "Unix time at which csms_transactions_running was counted; 0: never"
)
METER_VALUES = Counter(
    "csms_meter_values_total",
    "MeterValues messages handled, repeats included",
)
GATEWAY_LARGE_CALLS_WAITING = Gauge(
    "csms_gateway_large_calls_waiting", "Large CALLs of stations that wait until those before them are done"
)
METER_VALUES_GAVE_WAY = Counter(
    "csms_meter_values_gave_way_total",
    "Old MeterValues messages that were deleted since their station had too many bytes of them",
)
REMOTE_REQUESTS = Counter(
    "csms_remote_requests_total",
    "Remote starts and stops, by action and outcome",
    ["action", "outcome"],
)

# ---- Gateway (csms_gateway) ------------------------------------------------------------------------------------------

GATEWAY_CONNECTIONS = LoopGauge(
    "csms_gateway_connections", "Stations connected to this gateway, by OCPP version", ["protocol"]
)
GATEWAY_CONNECTIONS_RATIO = Gauge(
    "csms_gateway_connections_ratio",
    "Stations connected to this gateway as a share of those it takes (CSMS_MAX_CONNECTIONS, fewer if the process may "
    "have fewer files open), from 0 to 1",
)
GATEWAY_SHED = Counter(
    "csms_gateway_shed_total",
    "Connections of idle stations that were closed so that they connect to gateways with fewer (CSMS_SHED_SHARE)",
)
GATEWAY_HANDSHAKES = Counter(
    "csms_gateway_handshakes_total",
    "Opening handshakes finished, by result (accepted, bad_credentials, refused_by_auth, auth_unavailable, ...)",
    ["result"],
)
GATEWAY_HANDSHAKE_SECONDS = Histogram(
    "csms_gateway_handshake_duration_seconds",
    "Time from a station's HTTP request until it was admitted or refused",
    buckets=_LATENCY_S,
)
GATEWAY_HANDSHAKES_IN_WORK = Gauge("csms_gateway_handshakes_in_work", "Opening handshakes that wait or are in work")
GATEWAY_TLS_HANDSHAKES = Counter(
    "csms_gateway_tls_handshakes_total",
    "TLS handshakes, by result (full, resumed, bad_certificate, bad_version, timeout, ...) and version of TLS",
    ["result", "version"],
)
GATEWAY_TLS_HANDSHAKES_IN_WORK = Gauge("csms_gateway_tls_handshakes_in_work", "TLS handshakes in work")
GATEWAY_TLS_CERTIFICATE_EXPIRY = Gauge(
    "csms_gateway_tls_certificate_expiry_timestamp_seconds", "Unix time at which a server certificate ends", ["file"]
)
GATEWAY_TLS_AUTHORITY_EXPIRY = ReplacedGauge(
    "csms_gateway_tls_authority_expiry_timestamp_seconds",
    "Unix time at which an authority of stations' certificates ends; of several certificates of the name, the last one",
    ["authority"],
)
GATEWAY_TLS_CRL_EXPIRY = ReplacedGauge(
    "csms_gateway_tls_crl_expiry_timestamp_seconds",
    "Unix time until which an authority's revocation list is good (nextUpdate). After it nobody of that authority "
    "connects",
    ["authority"],
)
GATEWAY_TLS_CRL_MADE = ReplacedGauge(
    "csms_gateway_tls_crl_made_timestamp_seconds",
    "Unix time at which an authority's revocation list was made (thisUpdate)",
    ["authority"],
)
GATEWAY_TLS_REFUSED_ADDRESSES = Gauge(
    "csms_gateway_tls_refused_addresses",
    "Addresses whose TLS handshake failed within half an hour, by the reason told last: bad_certificate (theirs), "
    "distrusted (ours), bad_version, no_shared_cipher, failed. Who is no TLS client, or gives up, is not counted",
    ["reason"],
)
GATEWAY_DISCONNECTS = Counter(
    "csms_gateway_disconnects_total",
    "Connections that ended, by WebSocket close code (1006: without a closing handshake)",
    ["code"],
)
GATEWAY_REPLACED = Counter(
    "csms_gateway_replaced_total", "Connections closed because the station has a newer one on the same gateway"
)
GATEWAY_SLOT_CONFLICTS = Counter(
    "csms_gateway_slot_conflicts_total", "Announcements of another gateway process with the slot of this one"
)
GATEWAY_DEAD_PEERS = Counter(
    "csms_gateway_dead_peers_total", "Connections given up by the gateway, by reason (ping timeout, stuck)", ["reason"]
)
GATEWAY_BYTES = LoopCounter(
    "csms_gateway_bytes_total", "Bytes of OCPP-J frames by direction (in, out), before compression", ["direction"]
)
GATEWAY_CALLS_IN = LoopCounter(
    "csms_gateway_station_calls_total",
    "CALLs of stations by known action and outcome: result, error (the CALL was wrong), failed (its service answered "
    "InternalError), timeout, unpublished, closed",
    ["action", "outcome"],
)
GATEWAY_ANSWER_SECONDS = LoopHistogram(
    "csms_gateway_answer_duration_seconds",
    "Time from a station's CALL until its answer was written, by the topic of the answering service",
    ["topic"],
    buckets=_LATENCY_S,
)
GATEWAY_CALLS_OPEN = Gauge("csms_gateway_station_calls_open", "Stations' CALLs that wait for a service's answer")
GATEWAY_NOTICES = Counter(
    "csms_gateway_session_notices_total",
    "What sessions noticed (call_refused, invalid_frame, repeated_call, late_answer, ...), by kind and error code",
    ["kind", "code"],
)
GATEWAY_COMMANDS = Counter(
    "csms_gateway_commands_total",
    "CALLs for stations by action (known ones only) and outcome (result, error, timeout, unknown, not_connected)",
    ["action", "outcome"],
)
GATEWAY_COMMAND_SECONDS = Histogram(
    "csms_gateway_command_duration_seconds",
    "Time from writing a CALL to a station's socket until it was answered",
    buckets=_LATENCY_S,
)
GATEWAY_COMMANDS_OPEN = Gauge("csms_gateway_commands_open", "CALLs for stations that are queued or not answered yet")
GATEWAY_RATE_LIMITED = Counter(
    "csms_gateway_rate_limited_total", "Pauses in reading a station that had caused more work than it may"
)
GATEWAY_FLOODING_STATIONS = Gauge(
    "csms_gateway_flooding_stations", "Stations that were paused in the last minute since they had sent too much"
)
GATEWAY_PUBLISHING = Gauge("csms_gateway_publishing_records", "Records given to the bus and not acknowledged yet")
GATEWAY_PUBLISH_FAILURES = Counter("csms_gateway_publish_failures_total", "Records the bus did not acknowledge in time")
GATEWAY_RECORDS_LOST = Counter(
    "csms_gateway_records_lost_total",
    "Records given up because the bus was away for too long, by topic; some may have been published all the same",
    ["topic"],
)
GATEWAY_INBOX = LoopCounter(
    "csms_gateway_inbox_total",
    "Records of the gateway's inbox by body and whether anyone waited for them (handled, late, unexpected)",
    ["body", "result"],
)

GATEWAY_MESSAGES_NOT_LOGGED = Counter(
    "csms_gateway_messages_not_logged_total",
    "Frames that are missing in the message log, by reason: station (its share of the queue was full), full (the queue "
    "was), bus (what was joined was not published)",
    ["reason"],
)
GATEWAY_MESSAGE_LOG_BYTES = Gauge(
    "csms_gateway_message_log_bytes", "Bytes of messages that wait in the gateway for the message log"
)

# ---- auth (csms_auth) ------------------------------------------------------------------------------------------------

AUTH_CONNECTION_DECISIONS = Counter(
    "csms_auth_connection_decisions_total",
    "Decisions on connections, by result: allowed, or the HTTP status of the refusal; and reason: unknown_station, "
    "no_room, no_password_set, no_password, wrong_password, bad_certificate, wrong_profile, wrong_version",
    ["result", "reason"],
)
AUTH_REFUSED_STATIONS = Gauge(
    "csms_auth_refused_stations",
    "Known stations that were refused within half an hour and not let in since, by the reason told last (as of "
    "csms_auth_connection_decisions_total). Add up the replicas: one of them decides about a station",
    ["reason"],
)
AUTH_AUTHORITY_EXPIRY = Gauge(
    "csms_auth_authority_expiry_timestamp_seconds",
    "Unix time at which a certificate of the built-in authorities ends",
    ["authority"],
)
AUTH_TOKEN_ANSWERS = Counter(
    "csms_auth_token_answers_total",
    "Answers about ID tokens, to stations and to other services, by the status told",
    ["status"],
)
AUTH_OTHER_KEYS_DIGESTS = Gauge(
    "csms_auth_other_keys_digests",
    "Stored digests that are not known to be of CSMS_SECRET_KEY, by what (password, key_code), while there is a key in "
    "CSMS_SECRET_KEY_OTHERS; 0 for both: the other key may be dropped",
    ["what"],
)
AUTH_CERTIFICATES = Counter(
    "csms_auth_certificates_total",
    "Certificates of stations, by type and result: issued or refused here; accepted, rejected or not delivered there",
    ["certificate_type", "result"],
)
AUTH_STATUS_QUESTIONS = Counter(
    "csms_auth_status_questions_total",
    "Questions of stations about the status of certificates (OCSP), by result",
    ["result"],
)
AUTH_CONTRACT_QUESTIONS = Counter(
    "csms_auth_contract_questions_total",
    "Questions of stations for contract certificates of vehicles, by result",
    ["result"],
)
AUTH_ANSWER_SECONDS = Histogram(
    "csms_auth_answer_duration_seconds",
    "Time from a record's production until auth had its answer, by kind of record",
    ["kind"],
    buckets=_LATENCY_S,
)

# ---- Bus (csms_bus) --------------------------------------------------------------------------------------------------

BUS_PUBLISHED = LoopCounter("csms_bus_published_total", "Records the bus acknowledged, by topic", ["topic"])
BUS_PUBLISH_FAILURES = Counter(
    "csms_bus_publish_failures_total",
    "Calls of publish() that failed: broker away, not acknowledged in time, too large",
)
BUS_PUBLISH_SECONDS = Histogram(
    "csms_bus_publish_duration_seconds", "Time until all records of one publish() were acknowledged", buckets=_LATENCY_S
)
CONSUMER_BATCH_RECORDS = Histogram(
    "csms_consumer_batch_records",
    "Records handed to a handler at once, by consumer group",
    ["group"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
CONSUMER_HANDLE_SECONDS = Histogram(
    "csms_consumer_handle_duration_seconds",
    "Time a handler took for one batch, by group",
    ["group"],
    buckets=_LATENCY_S,
)
CONSUMER_RECORD_AGE_SECONDS = Histogram(
    "csms_consumer_record_age_seconds",
    "Age (since it was produced) of the oldest record of each batch when its handling begins, by group",
    ["group"],
    buckets=(*_LATENCY_S, 60.0, 300.0, 3600.0),
)
CONSUMER_OLDEST_AGE_SECONDS = Gauge(
    "csms_consumer_oldest_record_age_seconds",
    "Age of the oldest record that this member of the group has, or knows to wait, and has not handled; 0: there is "
    "none. It grows while a handler hangs or its database is away. Take the maximum of the replicas",
    ["group"],
)
CONSUMER_LAG = Gauge(
    "csms_consumer_lag_records",
    "Records of this member's partitions that are not handled yet, looked at every few seconds. Add up the replicas",
    ["group"],
)
CONSUMER_REDELIVERIES = Counter(
    "csms_consumer_redeliveries_total",
    "Records of batches given back to be delivered again, by group and reason (later, bus, interrupted)",
    ["group", "reason"],
)
CONSUMER_UNKNOWN_BODIES = Counter(
    "csms_consumer_unknown_bodies_total",
    "Records of a newer version, kept as dead letters unseen",
    ["group", "topic"],
)
CONSUMER_ANSWERS_LOST = Counter(
    "csms_consumer_answers_lost_total",
    "Answers for an inbox that could not be reached while the rest of the bus could",
    ["group", "topic"],
)
CONSUMER_DEAD_LETTERS = Counter(
    "csms_consumer_dead_letters_total",
    "Records that were given up and went to dead-letters, by group and topic",
    ["group", "topic"],
)
CONSUMER_INTERNAL_ERRORS = Counter(
    "csms_consumer_internal_errors_total",
    "CALLs of stations that were answered with CALLERROR InternalError since their record was given up, by group and "
    "topic",
    ["group", "topic"],
)
CONSUMER_FAILING_STATIONS = Gauge(
    "csms_consumer_failing_stations",
    "Stations whose records this member of the group gave up since any record succeeded; 0: the last one did",
    ["group"],
)
CONSUMER_PARKED = Gauge(
    "csms_consumer_parked",
    "1 while this member of the group handles nothing, since every record failed; it tries one now and then",
    ["group"],
)
CONSUMER_COMMIT_FAILURES = Counter(
    "csms_consumer_commit_failures_total",
    "Offset commits that failed, by group and reason (not_assigned, bus)",
    ["group", "reason"],
)
INBOX_DROPPED = Counter(
    "csms_inbox_dropped_total",
    "Records of an inbox that nobody took, by topic and reason (undecodable, failed)",
    ["topic", "reason"],
)
REQUESTS_OPEN = Gauge("csms_requests_open", "Questions to other services that wait for their answer")
REQUESTS_UNANSWERED = Counter(
    "csms_requests_unanswered_total",
    "Questions without an answer, by reason (late, refused: too many open)",
    ["reason"],
)
REQUESTS_LATE_ANSWERS = Counter("csms_requests_late_answers_total", "Answers that came when nobody waited any more")
# ---- Device management (csms_device_mgmt) ----------------------------------------------------------------------------

DEVICES_BOOTS = Counter(
    "csms_devices_boots_total", "BootNotifications answered, by the status that the station was told", ["status"]
)
DEVICES_NOTIFICATIONS = Counter(
    "csms_devices_notifications_total", "Messages of stations recorded, by action", ["action"]
)
DEVICES_NOT_KEPT = Counter(
    "csms_devices_not_kept_total",
    "What stations told beyond their limits and what was passed over, by what it is (connectors, variables, ...)",
    ["what"],
)
DEVICES_HISTORY_GAVE_WAY = Counter(
    "csms_devices_history_gave_way_total",
    "Old rows of stations' history that were deleted since the station's history had grown too large, by kind",
    ["kind"],
)
DEVICES_CALL_OUTCOMES = Counter(
    "csms_devices_call_outcomes_total",
    "CALLs to stations, of all services, by action and outcome (result, error, timeout, unknown, not_connected)",
    ["action", "outcome"],
)
DEVICES_CALL_SECONDS = Histogram(
    "csms_devices_call_duration_seconds",
    "Time from a CALL to a station being written to the socket until its outcome",
    buckets=_LATENCY_S,
)
DEVICES_CALLS_EXPIRED = Counter(
    "csms_devices_calls_expired_total", "Calls that nobody finished and that were marked as timed out afterwards"
)

# ---- The fleet, counted by device management (csms_device_mgmt.fleet) ------------------------------------------------

FLEET_STATIONS = ReplacedGauge(
    "csms_fleet_stations",
    "Stations that are known, by the vendor and model they told at boot and the OCPP version they came with last. The "
    "most frequent ones by name, the rest is `other`. Each replica tells what one of them counted: take the maximum, "
    "never the sum",
    ["vendor", "model", "protocol"],
)
FLEET_CONNECTED = ReplacedGauge(
    "csms_fleet_stations_connected", "Of csms_fleet_stations, those that are connected", ["vendor", "model", "protocol"]
)
FLEET_CONNECTORS = ReplacedGauge(
    "csms_fleet_connectors", "Connectors by the status that was told last; take the maximum of the replicas", ["status"]
)
FLEET_COUNTED = Gauge("csms_fleet_counted_timestamp_seconds", "Unix time at which the fleet was counted; 0: never")

# ---- History (csms_history) ------------------------------------------------------------------------------------------

HISTORY_WEBHOOK_ATTEMPTS = Counter(
    "csms_history_webhook_attempts_total", "Requests to the targets of webhooks, by outcome: ok, failed", ["outcome"]
)
HISTORY_WEBHOOK_DEAD = Counter(
    "csms_history_webhook_dead_total", "Events that a webhook's target did not take in time: given up"
)
HISTORY_EVENT_STREAMS = Gauge("csms_history_event_streams", "Event streams that are open")
HISTORY_GAVE_WAY = Counter(
    "csms_history_gave_way_total",
    "Old rows of a station that were deleted since it had too many, by kind: timeline, connections, messages",
    ["kind"],
)
