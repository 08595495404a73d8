"""The tables. What is kept of a station is found by its key: identities are compared without case (ADR 0019)."""

from csms_db.answers import answers_table
from csms_db.base import BigId, UtcDateTime, new_metadata
from csms_db.packed import PackedJson
from csms_db.sql import apart
from csms_ocpp.station_ids import MAX_LENGTH
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

metadata = new_metadata()

_WORD = 50
_ID = 64
_EVENT_ID = 100

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
)
Index(
    "ix_timeline_entries_station_key_type",
    timeline_entries.c.station_key,
    timeline_entries.c.type,
    timeline_entries.c.occurred_at,
    timeline_entries.c.entry_id,
)
Index("ix_timeline_entries_occurred_at", apart(timeline_entries.c.occurred_at))
"""For what is old; `apart`, so that no station's list is read by it."""

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

kept_answers = answers_table(metadata)
