"""The tables of auth, as the migrations make them."""

from csms_db.answers import answers_table
from csms_db.base import Json, UtcDateTime, new_metadata
from csms_db.outbox import outbox_table
from csms_db.sql import apart
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

metadata = new_metadata()

stations = Table(
    "stations",
    metadata,
    Column("station_id", Text, primary_key=True),
    # What identities, and serial numbers in certificates, are compared by (`station_ids.key`).
    Column("station_key", Text, nullable=False, server_default=text("''")),
    Column("revision", BigInteger, nullable=False),
    Column("security_profile", SmallInteger, nullable=False),
    Column("pending_security_profile", SmallInteger, nullable=False, server_default="0"),
    Column("proven_profile", SmallInteger, nullable=False, server_default="0"),
    Column("proven_revision", BigInteger, nullable=False, server_default="-1"),
    Column("serial_number", Text, nullable=False),
    Column("serial_key", Text, nullable=False, server_default=text("''")),
    Column("organization", Text),
    # Names with a blank between them; none: all.
    Column("protocols", Text),
    # Where it belongs (domain.placement.Placement), and the revision that this is of; none: it is not known.
    Column("placement", Json),
    Column("placement_revision", BigInteger),
    Column("registration", Text),
    Column("message_timeout_s", Integer, nullable=False),
    Column("password_digest", LargeBinary),
    Column("password_revision", BigInteger, nullable=False),
    # One after the other, 32 bytes each; none: no password is pending.
    Column("pending_digests", LargeBinary),
    Column("claimed_digest", LargeBinary),
    # Of the key that all these digests were made with (csms_runtime.secret_keys.key_id); none: it is not known.
    Column("secret_key_id", Text),
    Column("deleted", Boolean, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_stations_serial_key", "serial_key"),
    Index("ix_stations_station_key", "station_key"),
    Index("ix_stations_removed", "updated_at", sqlite_where=text("deleted"), postgresql_where=text("deleted")),
)

# The number of the last connection each station was allowed. Apart from `stations`: it is written with each connection,
# also of stations that have no row.
connection_numbers = Table(
    "connection_numbers",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

id_tokens = Table(
    "id_tokens",
    metadata,
    # Case-folded: what the id is compared by (C01.FR.25). First in the key, since OCPP 1.6 asks without a type.
    Column("id_key", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    # As it was given.
    Column("id_token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("group_id", Text),
    Column("expires_at", UtcDateTime),
    Column("language1", Text),
    Column("personal_message", Text),
    # Of a token that is limited to some stations none, so that an earlier version, which does not know of that, accepts
    # it nowhere; its EVSEs stand in `limits` then.
    Column("evse_ids", Json),
    # site_ids, labels and evse_ids; none: it may be used at any station.
    Column("limits", Json),
    Column("concurrent_tx_limit", Integer),
    Column("charging_priority", SmallInteger),
    # OCPP 2.1's TariffType, of at most TARIFF_BYTES (csms_auth.http.tariffs).
    Column("tariff", Json),
    # A prepaid balance, in units of `csms_runtime.money.UNIT`; none: it is no prepaid token.
    Column("credit", BigInteger),
    Column("credit_currency", Text),
    # When it became a prepaid one; none: it is none, or an earlier version made it one.
    Column("credit_since", UtcDateTime),
    # Of a key code: the key that its digest was made with; none: it is not known.
    Column("secret_key_id", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
Index("ix_id_tokens_group", id_tokens.c.group_id, apart(id_tokens.c.id_key), id_tokens.c.type)
Index("ix_id_tokens_status", id_tokens.c.status, apart(id_tokens.c.id_key), id_tokens.c.type)
Index("ix_id_tokens_type", id_tokens.c.type, apart(id_tokens.c.id_key))
Index("ix_id_tokens_expires", id_tokens.c.expires_at, id_tokens.c.id_key, id_tokens.c.type)
Index("ix_id_tokens_prefix", id_tokens.c.id_key, postgresql_ops={"id_key": "text_pattern_ops"})

# The newest certificate signing request of each station and kind: bounded, whatever a station repeats (A02.FR.17).
certificate_requests = Table(
    "certificate_requests",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("certificate_type", Text, primary_key=True),
    Column("csr", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False, server_default="Refused"),
    Column("reason", Text, nullable=False, server_default=text("''")),
    # Of the public key; none: the CSR cannot be read.
    Column("key_sha256", LargeBinary),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When it is to be signed; none: there is nothing to do.
    Column("due_at", UtcDateTime),
    Column("certificate_id", Text),
    # The station's number of the request (OCPP 2.1); none: it has none.
    Column("request_id", Integer),
    Index("ix_certificate_requests_due_at", "due_at"),
)
Index(
    "ix_certificate_requests_state",
    certificate_requests.c.state,
    apart(certificate_requests.c.station_id),
    certificate_requests.c.certificate_type,
)
Index(
    "ix_certificate_requests_type",
    certificate_requests.c.certificate_type,
    apart(certificate_requests.c.station_id),
)

# Certificates that were signed for stations: all that have not ended, for one that is forgotten cannot be revoked.
certificates = Table(
    "certificates",
    metadata,
    Column("certificate_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("certificate_type", Text, nullable=False),
    # SHA-256 of the certificate: what a connection is compared by.
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_sha256", LargeBinary, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("chain", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # Of the CALL under way that is to deliver it.
    Column("order_id", Text),
    Column("attempts", Integer, nullable=False),
    # When it is to be delivered; none: there is nothing to do.
    Column("due_at", UtcDateTime),
    Column("renewal_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    # Of the request that it was signed for, as there.
    Column("request_id", Integer),
    Index("ix_certificates_station_id", "station_id", "certificate_type", "issued_at"),
    Index("ix_certificates_state", "state", "issued_at", "certificate_id"),
    Index("ix_certificates_type", "certificate_type", "issued_at", "certificate_id"),
    Index("ix_certificates_fingerprint", "fingerprint"),
    Index("ix_certificates_order_id", "order_id"),
    Index("ix_certificates_due_at", "due_at"),
    Index("ix_certificates_not_after", "not_after"),
)
Index("ix_certificates_all", apart(certificates.c.issued_at), certificates.c.certificate_id)

# Stations for which nothing is signed until an operator allows it again: others may have their keys.
certificate_bars = Table(
    "certificate_bars",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    # As in RFC 5280: why a certificate was revoked.
    Column("reason", Text, nullable=False),
    Column("certificate_id", Text, nullable=False),
)

# What transactions cost that prepaid tokens paid for: a transaction that is told of again is not paid twice.
credit_charges = Table(
    "credit_charges",
    metadata,
    # The transaction's id, unique among all stations.
    Column("transaction", Text, primary_key=True),
    Column("id_key", Text, nullable=False),
    Column("type", Text, nullable=False),
    # In units of `csms_runtime.money.UNIT`.
    Column("amount", BigInteger, nullable=False),
    # Of the transaction, when it was told of last.
    Column("revision", Integer, nullable=False),
    Column("charged_at", UtcDateTime, nullable=False),
    Index("ix_credit_charges_charged_at", "charged_at"),
)

outbox = outbox_table(metadata)
kept_answers = answers_table(metadata)
