"""The tables. What is kept of a station is found by its key: identities are compared without case (ADR 0019)."""

from csms_db.answers import answers_table
from csms_db.base import BigId, Json, UtcDateTime, new_metadata
from csms_db.packed import PackedJson
from csms_db.sql import apart
from csms_ocpp.station_ids import MAX_LENGTH
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

metadata = new_metadata()

_WORD = 50
_ID = 64
_EVENT_ID = 100
_TOKEN = 255
_ADDRESS = 64
_TEXT = 500

timeline_entries = Table(
    "timeline_entries",
    metadata,
    # The key is the order in which a timeline is read, and tells repeats: the same event has the same time.
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("occurred_at", UtcDateTime, primary_key=True),
    Column("entry_id", String(_ID), primary_key=True),
    Column("station_id", String(MAX_LENGTH), nullable=False),
    Column("type", String(_WORD), nullable=False),
    Column("detail", PackedJson, nullable=False),
    Column("size", Integer, nullable=False),
    # What an entry is found by (`timeline.facts`); NULL: there is none.
    Column("kind", String(_WORD)),
    Column("told_at", UtcDateTime),
    Column("evse_id", Integer),
    Column("connector_id", Integer),
    Column("status", String(_WORD)),
    Column("fault", String(_WORD)),
    Column("token_key", String(_TOKEN)),
)
_TIME = ("occurred_at", "entry_id")
IS_AUTHORIZATION = text("kind = 'authorization'")
IS_FAULT = text("fault IS NOT NULL")
"""Conditions of partial indexes: as they stand in statements, too."""


def _listed(name: str, *columns: str, where: TextClause | None = None) -> Index:
    found = [timeline_entries.c[column] for column in (*columns, *_TIME)]
    return Index(f"ix_timeline_entries_{name}", *found, postgresql_where=where, sqlite_where=where)


def _all(name: str, where: TextClause) -> Index:
    columns = apart(timeline_entries.c.occurred_at), timeline_entries.c.entry_id
    return Index(f"ix_timeline_entries_{name}", *columns, postgresql_where=where, sqlite_where=where)


_listed("kind", "station_key", "kind")
_listed("station_faults", "station_key", where=IS_FAULT)
_listed("tokens", "token_key", where=IS_AUTHORIZATION)
_listed("decisions", "status", where=IS_AUTHORIZATION)
_all("all_decisions", IS_AUTHORIZATION)
Index("ix_timeline_entries_occurred_at", apart(timeline_entries.c.occurred_at))
"""For what is old; `apart`, so that no station's list is read by it."""

connections = Table(
    "connections",
    metadata,
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("connection_id", String(_ID), primary_key=True),
    Column("station_id", String(MAX_LENGTH), nullable=False),
    # When it was opened; of one whose beginning nobody told, when it was closed.
    Column("begun_at", UtcDateTime, nullable=False),
    Column("protocol", String(_WORD)),
    Column("security_profile", Integer),
    Column("remote_address", String(_ADDRESS)),
    Column("gateway_slot", Integer),
    Column("gateway_epoch", BigInteger),
    Column("closed_at", UtcDateTime),
    Column("close_code", Integer),
    Column("close_reason", String(_TEXT)),
)
Index("ix_connections_begun_at", connections.c.station_key, connections.c.begun_at, connections.c.connection_id)
Index("ix_connections_closed_at", apart(connections.c.closed_at))

gateways = Table(
    "gateways",
    metadata,
    Column("slot", Integer, primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("heard_at", UtcDateTime, nullable=False),
)
"""When each process of a gateway was last heard from (`csms_history.connections.last_words`)."""

baselines = Table(
    "baselines",
    metadata,
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("what", String(_WORD), primary_key=True),
    Column("evse_id", Integer, primary_key=True, autoincrement=False),
    Column("connector_id", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("status", String(_WORD), nullable=False),
)
"""What was last known in rows that are deleted (`csms_history.uptime.baselines`)."""

station_bytes = Table(
    "station_bytes",
    metadata,
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("kind", String(_WORD), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)
"""How much is kept of a station, by kind (`csms_history.station_bytes`)."""

event_log = Table(
    "event_log",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("topic", String(_WORD), nullable=False),
    Column("event_id", String(_EVENT_ID), nullable=False),
    Column("type", String(_WORD), nullable=False),
    # None: it is about no station, or nobody has checked about which.
    Column("station_key", String(MAX_LENGTH)),
    # The site that the station belonged to.
    Column("site_id", String(255)),
    Column("recorded_at", UtcDateTime, nullable=False),
    # Packed (csms_db.packed); `size` is that of the text in bytes.
    Column("text", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    UniqueConstraint("topic", "event_id"),
    sqlite_autoincrement=True,  # who follows the events counts on numbers that never come again
)
"""Events as others are told them, in the order of their numbers (`csms_history.event_log`)."""
Index("ix_event_log_recorded_at", apart(event_log.c.recorded_at))

station_sites = Table(
    "station_sites",
    metadata,
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("site_id", String(255), nullable=False),
)
"""Which stations belong to a site, as device-mgmt told it last."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(_ID), primary_key=True),
    Column("url", Text, nullable=False),
    # Lists; None: all.
    Column("types", Json),
    Column("station_ids", Json),
    Column("site_ids", Json),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # Sealed (csms_runtime.sealing).
    Column("secret", LargeBinary, nullable=False),
    Column("secret_rotated_at", UtcDateTime, nullable=False),
    Column("previous_secret", LargeBinary),
    Column("previous_until", UtcDateTime),
    # The number of the last event that was made a delivery, or passed over.
    Column("position", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_success_at", UtcDateTime),
    Column("last_failure_at", UtcDateTime),
    # The process that sends, and until when it has the webhook for itself.
    Column("leased_by", String(_ID)),
    Column("leased_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("webhook_id", String(_ID), nullable=False),
    Column("message_id", String(_EVENT_ID), nullable=False),
    Column("type", String(_WORD), nullable=False),
    # The station's key: deliveries of one key are sent in order. Empty: about no station.
    Column("order_key", String(MAX_LENGTH), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    # When it was made, or replayed.
    Column("begun_at", UtcDateTime, nullable=False),
    Column("last_attempt_at", UtcDateTime),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("took_ms", Integer),
    Column("body", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)
Index("ix_webhook_deliveries_webhook_id", webhook_deliveries.c.webhook_id, webhook_deliveries.c.id)
Index(
    "ix_webhook_deliveries_webhook_id_state",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.state,
    webhook_deliveries.c.order_key,
    webhook_deliveries.c.id,
)
Index(
    "ix_webhook_deliveries_webhook_id_state_id",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.state,
    webhook_deliveries.c.id,
)
Index("ix_webhook_deliveries_finished_at", apart(webhook_deliveries.c.finished_at))

station_messages = Table(
    "station_messages",
    metadata,
    # Times are numbers, in microseconds: nothing is converted for each message. The key is the order of the list.
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("direction", SmallInteger, nullable=False),
    Column("action", String(_ID), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("content", LargeBinary, nullable=False),  # a LoggedMessage, packed (csms_db.packed)
    Column("size", Integer, nullable=False),
    postgresql_partition_by="RANGE (at_us)",
)
"""On PostgreSQL a partition for each day (`messages/partitions.py`); other times are in `station_messages_other`."""

message_bytes = Table(
    "message_bytes",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)
"""How many bytes of messages are kept of a station and day, in days since 1970."""

message_log_settings = Table(
    "message_log_settings",
    metadata,
    Column("station_key", String(MAX_LENGTH), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("keep_days", Integer),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""Of stations whose messages are kept otherwise than those of the others."""

kept_answers = answers_table(metadata)
