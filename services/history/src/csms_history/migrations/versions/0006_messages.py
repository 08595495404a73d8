"""The message log: on PostgreSQL a partition for each day, which the service has made and dropped by a function.

The service's user makes and drops nothing itself (csms_db.grants): the function does, as its owner, and nothing else.
"""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

contracts = "what the function drops are days of the message log that are not to be kept any more"

_FUNCTION = """
CREATE FUNCTION station_messages_partitions(today bigint, oldest bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $function$
DECLARE
    width CONSTANT bigint := 86400000000;
    day bigint;
    name text;
    dropped integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('station_messages_partitions')) THEN
        RETURN 0;
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    FOR day IN today .. today + 3 LOOP
        name := 'station_messages_' || to_char(to_timestamp(day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE station_messages INCLUDING ALL)', name);
        EXECUTE format(
            'WITH moved AS (DELETE FROM station_messages_other WHERE at_us >= %s AND at_us < %s RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved', day * width, (day + 1) * width, name);
        EXECUTE format(
            'ALTER TABLE station_messages ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
            name, day * width, (day + 1) * width);
    END LOOP;
    FOR name IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'station_messages'::regclass AND relname ~ '^station_messages_[0-9]{8}$'
        AND relname < 'station_messages_' || to_char(to_timestamp(oldest * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$function$
"""


def upgrade() -> None:
    op.create_table(
        "station_messages",
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("direction", sa.SmallInteger, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("station_key", "at_us", "id", name="pk_station_messages"),
        postgresql_partition_by="RANGE (at_us)",
    )
    op.create_table(
        "message_bytes",
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "station_key", name="pk_message_bytes"),
    )
    op.create_table(
        "message_log_settings",
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("keep_days", sa.Integer),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_key", name="pk_message_log_settings"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE TABLE station_messages_other PARTITION OF station_messages DEFAULT")
        op.execute(_FUNCTION)


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION station_messages_partitions(bigint, bigint)")
    for table in ("message_log_settings", "message_bytes", "station_messages"):
        op.drop_table(table)
