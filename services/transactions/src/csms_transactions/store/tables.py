"""The tables. Every statement on the hot path finds its rows by primary key, so its cost does not grow with history."""

from csms_db.answers import answers_table
from csms_db.base import NAMING_CONVENTION, Json, UtcDateTime
from csms_db.counting import counts_table
from csms_db.outbox import outbox_table
from csms_db.sql import apart
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData(naming_convention=NAMING_CONVENTION)

_STATION = 48
_TOKEN = 255
_WORD = 50
_KEY = 108  # case-folding makes up to three characters of one
_REASON = 500
ACTIVE = "state = 'Active'"

transactions = Table(
    "transactions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("station_id", String(_STATION), nullable=False),
    Column("transaction_id", String(36), nullable=False),
    Column("state", String(_WORD), nullable=False),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("id_token", String(_TOKEN)),
    Column("id_token_type", String(_WORD)),
    Column("id_token_key", Text),  # case-folded, or a key code's digest: what tokens are compared by (C01.FR.25)
    Column("stop_id_token", String(_TOKEN)),
    Column("stop_id_token_type", String(_WORD)),
    Column("group_id_token", String(_TOKEN)),
    Column("group_id_token_type", String(_WORD)),
    Column("authorized_by", Integer),
    Column("charging_state", String(_WORD)),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("time_spent_charging", Integer),
    Column("charging_since", UtcDateTime),
    Column("charged_s", Double),
    Column("meter", Json),  # store/meter_state.py; NULL: an earlier version wrote the row
    Column("meter_start", Double),
    Column("meter_stop", Double),
    Column("energy_wh", Double),
    Column("energy_quality", String(_WORD)),
    Column("energy_reasons", Integer, nullable=False, server_default="0"),  # bits: domain/quality.py
    Column("stopped_reason", String(_WORD)),
    Column("remote_start_id", Integer),
    Column("reservation_id", Integer),
    Column("number_of_phases_used", Integer),
    Column("details", Json),  # what OCPP 2.1 tells more: versions/v21/messages.py
    Column("tariff", Json),  # the prices that held when it began: domain/tariff.py
    Column("last_seq_no", Integer, nullable=False),
    Column("event_count", Integer, nullable=False),
    Column("gaps", Json, nullable=False),
    Column("started_seen", Boolean, nullable=False),
    Column("offline_events", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("transaction_id_key", String(_KEY)),  # case-folded (identifierString)
    Column("conflicts", Integer, nullable=False, server_default="0"),
    Column("last_event_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("close_reason", String(_REASON)),
    Column("closed_by", String(_TOKEN)),
    Column("reuses", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),
    # updated_at of ended transactions. That of running ones changes with each event, which must touch no index.
    Column("ended_updated_at", UtcDateTime),
    # leaves room for updates beside the row: such an update touches no index
    postgresql_with={"fillfactor": 70},
)
Index("ix_transactions_all", apart(transactions.c.started_at), transactions.c.id)
Index("ix_transactions_transaction_id", transactions.c.transaction_id_key, transactions.c.started_at)
Index("ix_transactions_station_id_started_at", transactions.c.station_id, transactions.c.started_at)
Index("ix_transactions_spelling", func.lower(transactions.c.station_id), transactions.c.station_id)
Index("ix_transactions_state_started_at", transactions.c.state, transactions.c.started_at)
Index("ix_transactions_id_token_key_started_at", transactions.c.id_token_key, transactions.c.started_at)
Index("ix_transactions_id_token_key_state", transactions.c.id_token_key, transactions.c.state)

Index("ix_transactions_ended_updated_at", apart(transactions.c.ended_updated_at), transactions.c.id)
_HAS_ENDED = transactions.c.ended_at.is_not(None)
Index(
    "ix_transactions_ended_at",
    apart(transactions.c.ended_at),
    transactions.c.id,
    sqlite_where=_HAS_ENDED,
    postgresql_where=_HAS_ENDED,
)

Index("ix_transactions_evse", transactions.c.station_id, transactions.c.evse_id, transactions.c.started_at)
# Of what is rare, or not told of all: those that have none stand in no index.
for _name, _columns, _some in (
    ("group", (func.lower(transactions.c.group_id_token), transactions.c.started_at), "group_id_token IS NOT NULL"),
    (
        "remote_start_id_started_at",
        (transactions.c.remote_start_id, transactions.c.started_at),
        "remote_start_id IS NOT NULL",
    ),
    ("gaps", (transactions.c.started_at, transactions.c.id), "gaps <> '[]'"),
    ("not_measured", (transactions.c.energy_quality, transactions.c.started_at), "energy_quality <> 'measured'"),
):
    Index(f"ix_transactions_{_name}", *_columns, sqlite_where=text(_some), postgresql_where=text(_some))

# Finds the running ones of a station. It holds no others, so it is small.
Index(
    "ix_transactions_active",
    transactions.c.station_id,
    transactions.c.evse_id,
    sqlite_where=text(ACTIVE),
    postgresql_where=text(ACTIVE),
)

# Running transactions that may have ended: the station is asked.
status_checks = Table(
    "status_checks",
    metadata,
    Column("transaction", String(32), primary_key=True),
    Column("evidence", String(_WORD), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("asked", Integer, nullable=False, server_default="0"),  # how often the station was asked
    Index("ix_status_checks_due_at", "due_at"),
)

# No foreign key: the row of `transactions` is written in the same database transaction, and a check per event costs.
transaction_events = Table(
    "transaction_events",
    metadata,
    Column("transaction", String(32), primary_key=True),
    Column("seq_no", Integer, primary_key=True, autoincrement=False),
    Column("protocol", String(_WORD), nullable=False),
    Column("event_type", String(_WORD), nullable=False),
    Column("trigger_reason", String(_WORD), nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("offline", Boolean, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("facts", LargeBinary),
)

# The tokens in events and what was decided about each; see `csms_transactions.tokens.decisions`.
authorizations = Table(
    "authorizations",
    metadata,
    Column("transaction", String(32), primary_key=True),
    Column("seq_no", Integer, primary_key=True, autoincrement=False),
    Column("token_key", Text, primary_key=True),
    Column("id_token", String(_TOKEN), nullable=False),
    Column("id_token_type", String(_WORD), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("stops", Boolean, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("status", String(_WORD)),
    Column("info", LargeBinary),
    Column("decided_at", UtcDateTime),
)
_UNDECIDED = authorizations.c.status.is_(None)
Index("ix_authorizations_undecided", authorizations.c.asked_at, sqlite_where=_UNDECIDED, postgresql_where=_UNDECIDED)

# Events with the seqNo of another one and other content.
conflicting_events = Table(
    "conflicting_events",
    metadata,
    Column("transaction", String(32), primary_key=True),
    Column("seq_no", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(32), primary_key=True),  # of the payload as JSON: repeats have the same one
    Column("follows", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("protocol", String(_WORD), nullable=False),
    Column("event_type", String(_WORD), nullable=False),
    Column("trigger_reason", String(_WORD), nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("offline", Boolean, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("facts", LargeBinary),
)

meter_values = Table(
    "meter_values",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("station_id", String(_STATION), nullable=False),
    Column("evse_id", Integer, nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("transaction", String(32)),  # the one at whose EVSE and time it was measured; NULL: none
    Column("facts", LargeBinary),  # the readings of energy in it; see store/facts.py
)
Index("ix_meter_values_station_id_timestamp", meter_values.c.station_id, meter_values.c.timestamp)
Index("ix_meter_values_evse", meter_values.c.station_id, meter_values.c.evse_id, meter_values.c.timestamp)
Index("ix_meter_values_transaction_timestamp", meter_values.c.transaction, meter_values.c.timestamp)
_FREE = meter_values.c.transaction.is_(None) & meter_values.c.facts.is_not(None)
Index(
    "ix_meter_values_free",
    meter_values.c.station_id,
    meter_values.c.timestamp,
    postgresql_where=_FREE,
    sqlite_where=_FREE,
)

# How many bytes the rows of a station take in `meter_values`.
meter_value_bytes = Table(
    "meter_value_bytes",
    metadata,
    Column("station_id", String(_STATION), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)
Index("ix_meter_value_bytes_spelling", func.lower(meter_value_bytes.c.station_id), meter_value_bytes.c.station_id)

# What callers want running transactions to be limited by, and the event whose answer told the station.
transaction_limits = Table(
    "transaction_limits",
    metadata,
    Column("transaction", String(32), primary_key=True),
    Column("named", String(32), nullable=False),  # the key of the first transaction with its transactionId
    Column("number", Integer, nullable=False),  # of changes
    Column("transaction_limit", Json, nullable=False),
    Column("set_by", String(_TOKEN), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("told_seq_no", Integer),
    Column("told_at", UtcDateTime),
    Index("ix_transaction_limits_named", "named"),
)

remote_requests = Table(
    "remote_requests",
    metadata,
    Column("call_id", String(36), primary_key=True),
    Column("station_id", String(_STATION), nullable=False),
    Column("action", String(_WORD), nullable=False),
    Column("remote_start_id", Integer),
    Column("transaction_id", String(36)),
    Column("evse_id", Integer),
    Column("id_token", String(_TOKEN)),
    Column("id_token_type", String(_WORD)),
    Column("transaction_limit", Json),
    Column("outcome", String(_WORD)),
    Column("certainty", BigInteger),
    Column("status", String(_WORD)),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    UniqueConstraint("station_id", "remote_start_id"),
    Index("ix_remote_requests_requested_at", "requested_at"),
    Index("ix_remote_requests_remote_start_id", "remote_start_id"),
)

# The station by its key (`station_ids.key`): callers may spell it in another case.
remote_start_ids = Table(
    "remote_start_ids",
    metadata,
    Column("station_id", String(_STATION), primary_key=True),
    Column("last_id", Integer, nullable=False),
)

# The ids that we gave to transactions (OCPP 1.6), by what their StartTransaction says: a repeat gets the same one.
given_ids = Table(
    "given_ids",
    metadata,
    Column("beginning", String(32), primary_key=True),  # a digest
    Column("transaction_id", Integer, nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Index("ix_given_ids_given_at", "given_at"),
    Index("uq_given_ids_transaction_id", "transaction_id", unique=True),
)

# Prices; amounts are in units of `csms_runtime.money.UNIT`.
tariffs = Table(
    "tariffs",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("station_id", String(_STATION)),  # NULL: all stations that have none of their own
    Column("station_key", String(_KEY), nullable=False),  # `station_ids.key`; empty: all
    Column("currency", String(3), nullable=False),
    Column("start_fee", BigInteger, nullable=False),
    Column("price_per_kwh", BigInteger, nullable=False),
    Column("price_per_hour", BigInteger, nullable=False),
    Column("idle_price_per_hour", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("uq_tariffs_station_key", "station_key", unique=True),
)

# How stations make the passwords in their QR codes (C25).
web_payment_settings = Table(
    "web_payment_settings",
    metadata,
    Column("station_key", String(_KEY), primary_key=True),  # `station_ids.key`
    Column("station_id", String(_STATION), nullable=False),
    Column("shared_secret", LargeBinary, nullable=False),  # sealed
    Column("validity_time_s", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# Payments that drivers began with a QR code.
web_payments = Table(
    "web_payments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("station_id", String(_STATION), nullable=False),
    Column("evse_id", Integer),
    Column("transaction_limit", Json, nullable=False),
    Column("psp_ref", String(_TOKEN)),  # NULL: not authorized
    Column("call_id", String(36)),  # of the remote start
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("authorized_at", UtcDateTime),
    Index("ix_web_payments_station_id", "station_id", "created_at", "id"),
    Index("ix_web_payments_psp_ref", "psp_ref", unique=True),
)
Index("ix_web_payments_all", apart(web_payments.c.created_at), web_payments.c.id)

outbox = outbox_table(metadata)
kept_answers = answers_table(metadata)
counts = counts_table(metadata)
